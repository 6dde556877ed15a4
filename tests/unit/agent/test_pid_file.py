from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from osmia_agent.pid_file import NAME, AgentRunsError, PidFile

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from osmia_agent.pid_file import PidFile
with PidFile(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_file_holds_the_process_id_while_the_agent_runs(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"

    with PidFile(str(directory)) as held:
        assert held.path == directory / NAME
        assert held.path.read_text() == f"{os.getpid()}\n"
    assert held.path.read_text() == ""

    with PidFile(str(directory)):
        pass


def test_a_second_agent_is_refused_and_told_which_is_the_first(tmp_path: Path) -> None:
    with PidFile(str(tmp_path)), pytest.raises(AgentRunsError) as refused, PidFile(str(tmp_path)):
        pass

    assert str(refused.value) == (
        f"{tmp_path}/{NAME}: another agent runs, process {os.getpid()};"
        " stop it, or give this one a --run-dir of its own"
    )


def test_a_killed_agent_is_no_obstacle(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AgentRunsError, match=str(holder.pid)), PidFile(str(tmp_path)):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    with PidFile(str(tmp_path)) as held:
        assert held.path.read_text() == f"{os.getpid()}\n"


def test_an_old_file_of_any_content_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff" * 100)

    with PidFile(str(tmp_path)) as held:
        assert held.path.read_text() == f"{os.getpid()}\n"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    (tmp_path / NAME).symlink_to(other)

    with pytest.raises(OSError, match=NAME), PidFile(str(tmp_path)):
        pass
    assert other.read_text() == "kept"
