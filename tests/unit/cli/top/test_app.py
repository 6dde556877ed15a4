from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from typing import TYPE_CHECKING

import pytest
from textual.widgets import DataTable, Input, RichLog, Static

from osmia_cli.connection.settings import ConnectionSettings
from osmia_cli.event_feed import Feed
from osmia_cli.top.app import RateTable, TopApp
from osmia_events.protobuf import to_protobuf
from tests.unit.cli.agent_server import END, AgentServer
from tests.unit.cli.conftest import PROGRAM, environment
from tests.unit.cli.tree.test_command import EVENTS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def wait_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a screen tells nobody that it has changed
            await asyncio.sleep(0.05)


def rows(app: TopApp, dimension: str) -> list[list[str]]:
    table = app.query_one(f"#{dimension}", DataTable)
    return [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]


def log_lines(app: TopApp) -> list[str]:
    return [line.text.rstrip() for line in app.query_one("#newest", RichLog).lines]


def test_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(TEXT)

    async def check() -> None:
        app = TopApp(Feed((path,), ConnectionSettings(), {}))
        async with app.run_test(size=(120, 40)) as pilot:
            await wait_until(lambda: app.model.events == 3)
            app.show_rates()
            assert rows(app, "type") == [["2.0", "process_exec"], ["1.0", "process_exit"]]
            assert rows(app, "pod") == [["2.0", "shop/web"], ["1.0", "(host)"]]
            await wait_until(lambda: len(log_lines(app)) == 3)
            app.query_one("#filter", Input).value = "cat$|/cat"
            await wait_until(lambda: len(log_lines(app)) == 1)
            app.query_one("#filter", Input).value = "("  # not written to its end
            await wait_until(lambda: app.query_one("#filter").has_class("-invalid"))
            assert len(log_lines(app)) == 1
            await pilot.press("escape")
            await wait_until(lambda: len(log_lines(app)) == 3)
            await wait_until(lambda: "all read" in str(app.query_one("#summary", Static).render()))
            await pilot.press("ctrl+c")
        assert app.return_code == 0

    asyncio.run(check())


def test_of_a_long_key_the_end_is_seen_after_the_rate() -> None:
    async def check() -> None:
        app = TopApp(Feed((), ConnectionSettings(server_address="unix:///none", retries=0), {}))
        async with app.run_test(size=(80, 24)) as pilot:
            app.action_pause()  # else nothing but what the agent tells is shown
            table = app.query_one("#binary", RateTable)
            table.show([(f"/usr/{'long/' * 40}name", 12345.67), ("/bin/\x1b[31m", 1.0)])
            (rate, key), (_, control) = rows(app, "binary")
            assert rate == "12,345.7"
            assert key.startswith("…")
            assert key.endswith("/long/name")
            assert control == r"/bin/\x1b[31m"
            assert table.virtual_size.width <= table.size.width
            await pilot.resize_terminal(400, 24)
            await wait_until(lambda: len(rows(app, "binary")[0][1]) > 150)

    asyncio.run(check())


def test_an_agent(agent: AgentServer) -> None:
    for event in EVENTS:
        agent.events.put(to_protobuf(event))

    async def check() -> None:
        settings = ConnectionSettings(server_address=agent.address)
        app = TopApp(Feed((), settings, {}))
        async with app.run_test(size=(120, 40)):
            await wait_until(lambda: app.model.events == 3)
            app.action_pause()
            assert "paused" in str(app.query_one("#summary", Static).render())
            app.action_pause()
            await wait_until(lambda: rows(app, "binary"))
            assert rows(app, "binary")[0][1] == "/bin/ls"
            agent.events.put(END)
            await wait_until(lambda: "ended" in str(app.query_one("#summary", Static).render()))

    asyncio.run(check())


@pytest.mark.parametrize("piped", [False, True])
def test_on_a_terminal(tmp_path: Path, piped: bool) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(TEXT)
    process_id, terminal = pty.fork()
    if process_id == 0:
        os.environ.update(environment(TERM="xterm-256color"))
        command = " ".join(f"'{word}'" for word in PROGRAM)
        # What errors are written to makes no difference to the screen.
        shell = f"cat {path} | {command} top" if piped else f"exec {command} top {path} 2>/dev/null"
        os.execv("/bin/sh", ["sh", "-c", shell])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen = b""
    try:
        deadline = time.monotonic() + 60
        while b"shop/web" not in seen:
            ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
            assert ready, seen
            seen += os.read(terminal, 65536)
        os.write(terminal, b"\x03")
        while True:
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:  # the other end is closed
                break
    except AssertionError:
        os.kill(process_id, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)
        _, status = os.waitpid(process_id, 0)
    assert os.waitstatus_to_exitcode(status) == 0
