from __future__ import annotations

import gzip
import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.unit.cli.conftest import PROGRAM, environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Osmia


def event(number: int, arguments: str = "", namespace: str = "default") -> bytes:
    process = {
        "exec_id": f"id{number}",
        "binary": "/usr/bin/mysql",
        "arguments": arguments,
        "pod": {"namespace": namespace, "name": "p"},
    }
    return json.dumps({"process_exec": {"process": process}}).encode() + b"\n"


EVENTS = (
    event(1, "--password=hunter2 -h db")
    + event(2, "[red]markup[/red] --password=hunter3 \x1b[2J")
    + event(3, namespace="other")
    + b"no event\n"
)
OPTIONS = (
    "--redaction-filters",
    '{"redact": "--password=(\\\\S+)"}',
    "--export-allowlist",
    '{"namespace": "default"}\n{"event_set": ["PROCESS_EXIT"]}',
)


def ids(output: bytes) -> list[str]:
    return [json.loads(line)["process_exec"]["process"]["exec_id"] for line in output.splitlines()]


def test_what_survives_is_printed_as_the_agent_would(osmia: Osmia) -> None:
    result = osmia("filter", *OPTIONS, given=EVENTS)
    assert result.returncode == 0
    assert ids(result.stdout) == ["id1", "id2"]
    assert b"hunter" not in result.stdout
    assert result.stderr.startswith(b"osmia: skipped 1 of 4 lines: 1 not an event (line 4: ")


def test_files_in_their_order(osmia: Osmia, tmp_path: Path) -> None:
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(event(1) + event(2)))
    (tmp_path / "a.log").write_bytes(event(3))
    result = osmia("filter", str(tmp_path / "b.log.gz"), str(tmp_path / "a.log"), given=event(4))
    assert ids(result.stdout) == ["id1", "id2", "id3"]


def test_summary(osmia: Osmia) -> None:
    result = osmia("filter", *OPTIONS, "--summary", given=EVENTS, COLUMNS="100")
    assert result.returncode == 0
    rows = [line.split() for line in result.stdout.decode().splitlines()]
    for row in (["read", "3"], ["exported", "2"], ["redacted", "2"]):
        assert row in rows
    assert ["kept", "back", "by", "filters", "1"] in rows
    assert ["allow", '{"namespace":["default"]}', "2", "let", "through"] in rows
    assert any(row[:1] == ["redact"] and row[-2:] == ["2", "redacted"] for row in rows)
    assert b"hunter" not in result.stdout
    assert b"process.arguments" not in result.stdout


def test_redactions_are_shown_without_the_secret(osmia: Osmia) -> None:
    result = osmia("filter", *OPTIONS, "--show-redactions", given=EVENTS, COLUMNS="120")
    text = result.stdout.decode()
    assert "process.arguments  /usr/bin/mysql  --password=***** -h db" in text
    assert r"[red]markup[/red] --password=***** \x1b[2J" in text
    assert "hunter" not in text


def test_nothing_redacted(osmia: Osmia) -> None:
    result = osmia("filter", "--show-redactions", given=event(1))
    assert result.stdout.endswith(b"nothing was redacted\n")


def test_mistakes_are_errors_and_nothing_is_read(osmia: Osmia, tmp_path: Path) -> None:
    result = osmia("filter", "--export-denylist", '{"pod_regex": ["("]}', given=EVENTS)
    assert result.returncode == 1
    assert result.stdout == b""
    assert b"Error: --export-denylist line 1: pod_regex[0]: " in result.stderr

    assert osmia("filter", str(tmp_path / "absent")).returncode == 1

    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(EVENTS * 1000)[:-20])
    result = osmia("filter", "--summary", str(torn))
    assert result.returncode == 1
    assert b"torn.gz: cannot be read" in result.stderr


def test_without_input_there_is_advice(osmia: Osmia) -> None:
    result = osmia("filter", given=None)
    assert result.returncode == 1
    assert b"no events: name files" in result.stderr


def test_progress_on_a_terminal_for_long_inputs(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(event(1, "x" * 90_000) * 190)
    master, terminal = os.openpty()
    with subprocess.Popen(
        [*PROGRAM, "filter", "--summary", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment(TERM="xterm"),
    ) as process:
        output, _ = process.communicate(timeout=60)
    assert b"events" in os.read(master, 100_000)
    assert output.split()[:3] == [b"events", b"read", b"190"]
    os.close(master)
    os.close(terminal)
