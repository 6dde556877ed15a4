#!/usr/bin/env python3
"""Record terminals for the documentation: docs/assets/*.svg.

Each picture is what a program really wrote to a terminal of its own: read from a pseudo-terminal,
interpreted by a terminal emulator (pyte), drawn by rich. The agent that `osmia top` looks at
replays the recordings in examples/, so that anybody gets the same, without privileges.
"""

from __future__ import annotations

import codecs
import fcntl
import hashlib
import itertools
import os
import pty
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyte.screens import Char

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "docs/assets"
BIN = Path(sys.executable).parent

# The site's dark colours.
_THEME = TerminalTheme(
    (30, 26, 24),
    (225, 220, 215),
    [
        *((30, 26, 24), (224, 108, 95), (142, 180, 110), (226, 178, 96)),
        *((110, 160, 210), (190, 140, 200), (100, 180, 180), (225, 220, 215)),
    ],
)

# As rich draws it, without its font from another site.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


class Shot(NamedTuple):
    """One picture: a command, in a terminal of some size, after some seconds."""

    name: str
    command: str
    title: str
    rows: int
    columns: int = 100
    seconds: float = 60
    """When to look, at the latest: a program that ends is looked at then."""
    live: bool = False
    """Whether it asks the agent, so that no two pictures are the same."""


# What a live picture is made of: it cannot be compared, so it holds the digest of these.
_LIVE_INPUTS = ("cli/osmia_cli/top/app.py", "examples/recordings")
_REDACT = "osmia filter --config examples/export/redact-secrets.yaml"
SHOTS = (
    Shot(
        "filter-redactions",
        f"{_REDACT} --show-redactions examples/recordings/node.json",
        "osmia filter --show-redactions",
        rows=28,
    ),
    Shot(
        "getevents",
        f"{_REDACT} examples/recordings/pods.json | osmia getevents -o compact",
        "osmia getevents -o compact",
        rows=30,
    ),
    Shot("tree", "osmia tree examples/recordings/node.json", "osmia tree", rows=28),
    Shot("top", "osmia top", "osmia top", columns=120, rows=36, seconds=12, live=True),
)


def main() -> int:
    """Record those that are named, or all."""
    wanted = sys.argv[1:] or [shot.name for shot in SHOTS]
    with tempfile.TemporaryDirectory() as folder, _agent(Path(folder)) as address:
        for shot in SHOTS:
            if shot.name in wanted:
                (ASSETS / f"{shot.name}.svg").write_text(picture(shot, address))
    return 0


@contextmanager
def _agent(folder: Path) -> Iterator[str]:
    """Let an agent replay the recordings, over and over; its address."""
    address = f"unix://{folder}/api.sock"
    loop = "while cat examples/recordings/pods.json examples/recordings/node.json; do :; done"
    command = f"{loop} | exec osmia-agent --replay - --replay-rate 150 --server-address {address}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command += f" --metrics-server 127.0.0.1:{port} --export-filename /dev/null --run-dir {folder}"
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    process = subprocess.Popen(  # noqa: S603 the command is above
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(3)
    try:
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def picture(shot: Shot, address: str = "") -> str:
    """Return what a shot shows, as SVG; a live one asks the agent at the address."""
    drawing = _draw(shot, _run(shot, address))
    return f"{drawing}{live_mark()}\n" if shot.live else drawing


def live_mark() -> str:
    """Return the comment that a live picture of today's program ends with."""
    digest = hashlib.sha256()
    for name in _LIVE_INPUTS:
        found = [path for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".json")]
        for path in sorted(found) or [ROOT / name]:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return f"<!-- of {digest.hexdigest()} -->"


def _run(shot: Shot, address: str) -> pyte.Screen:
    """Return the screen after the time of the shot; the program is ended then."""
    screen = pyte.Screen(shot.columns, shot.rows)
    stream = pyte.Stream(screen)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pid, terminal = pty.fork()
    if pid == 0:
        size = struct.pack("HHHH", shot.rows, shot.columns, 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        os.chdir(ROOT)
        # Given whole: GNU readline, where it is loaded, adds the width of another terminal.
        environment = {
            k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm-256color"}
        environment |= {"COLORTERM": "truecolor"}
        command = shot.command
        if shot.live:
            command += f" --server-address {shlex.quote(address)}"
        os.execve("/bin/sh", ["/bin/sh", "-c", command], environment)  # noqa: S606 the shell is meant
    deadline = time.monotonic() + shot.seconds
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        try:
            text = decoder.decode(os.read(terminal, 1 << 16))
        except OSError:  # the program has ended
            break
        # pyte drops what follows a variation selector; without it, an emoji is one all the same.
        stream.feed(text.replace("\N{VARIATION SELECTOR-16}", ""))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return screen


def _draw(shot: Shot, screen: pyte.Screen) -> str:
    lines = [_line(screen, row) for row in range(shot.rows)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    with Path(os.devnull).open("w") as nothing:
        console = Console(
            record=True,
            width=shot.columns,
            file=nothing,
            force_terminal=True,
            color_system="truecolor",
        )
        for line in lines:
            console.print(line, no_wrap=True, crop=True)
    return console.export_svg(
        title=f"$ {shot.title}", theme=_THEME, code_format=_SVG, unique_id=f"osmia-{shot.name}"
    )


def _line(screen: pyte.Screen, row: int) -> Text:
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    text = Text()
    for style, alike in itertools.groupby(cells, key=_style):
        text.append("".join(cell.data for cell in alike), style)
    return text


def _style(char: Char) -> Style:
    colours = [_colour(char.fg), _colour(char.bg)]
    if char.reverse:
        colours = [colours[1] or "#1e1a18", colours[0] or "#e1dcd7"]
    return Style(
        color=colours[0],
        bgcolor=colours[1],
        bold=char.bold,
        italic=char.italics,
        underline=char.underscore,
    )


def _colour(name: str) -> str | None:
    """Return a colour of the emulator in the words of rich; None is the default."""
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return {"brown": "yellow"}.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    sys.exit(main())
