from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.conftest import PROGRAM, environment

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Osmia

EXEC = {
    "process_exec": {
        "process": {
            "exec_id": "bjoxOjE=",
            "pid": 60,
            "binary": "/usr/bin/curl",
            "arguments": "https://ebpf.io/applications/#tetragon",
            "pod": {"namespace": "default", "name": "xwing"},
        },
        "parent": {"exec_id": "bjoxOjI=", "pid": 1},
    },
    "node_name": "n",
    "time": "2023-10-06T22:03:57.700326678Z",
}
RATE_LIMIT = {"rate_limit_info": {"number_of_dropped_process_events": "3"}}


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_compact(osmia: Osmia) -> None:
    result = osmia("getevents", "-o", "compact", given=lines(EXEC))
    assert result.returncode == 0
    assert result.stdout.decode() == (
        "🚀 process default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon\n"
    )
    assert result.stderr == b""


def test_json_is_written_as_the_agent_writes_it(osmia: Osmia) -> None:
    camel = {
        "time": "2023-10-06T22:03:57.700326678+00:00",
        "nodeName": "n",
        "processExec": EXEC["process_exec"],
        "unknownField": 1,
    }
    result = osmia("getevents", given=lines(camel))
    assert result.returncode == 0
    assert json.loads(result.stdout) == EXEC
    assert result.stdout.startswith(b'{"process_exec":')
    assert osmia("getevents", "--output=json", given=lines(EXEC)).stdout == result.stdout


def test_timestamps(osmia: Osmia) -> None:
    result = osmia("getevents", "--output", "compact", "--timestamps", given=lines(EXEC))
    assert result.stdout.decode().startswith("2023-10-06T22:03:57.700326678Z 🚀 process ")


def test_lines_that_are_no_events_are_skipped_and_counted(osmia: Osmia) -> None:
    given = lines(EXEC) + b"secret-of-mine\n\n[1]\n" + lines(RATE_LIMIT, EXEC)
    result = osmia("getevents", "-o", "compact", given=given)
    assert result.returncode == 0
    assert result.stdout.count(b"\n") == 2
    complaint = result.stderr.decode()
    assert complaint.startswith("osmia: skipped 3 of 6 lines: 2 not an event (line 2: ")
    assert complaint.endswith(", 1 without a compact form\n")
    assert "secret" not in complaint


def test_long_lines_are_skipped_and_counted(osmia: Osmia) -> None:
    given = lines(EXEC) + b"x" * 70_000 + b"\n" + lines(EXEC)
    result = osmia("getevents", "--max-recv-size", "68000", given=given)
    assert result.stdout.count(b"\n") == 2
    assert result.stderr == b"osmia: skipped 1 of 3 lines: 1 too long\n"


def test_lines_of_64_kib_are_read_whatever_the_limit_of_messages(osmia: Osmia) -> None:
    event = {"process_exec": {"process": {"arguments": "x" * 60_000}}}
    result = osmia("getevents", "--max-recv-size", "1", given=lines(event))
    assert json.loads(result.stdout) == event
    assert result.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ([], {"TERM": "xterm"}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color=never"], {}, False),
    ],
)
def test_color_in_a_pipe(
    osmia: Osmia, arguments: list[str], variables: dict[str, str], colored: bool
) -> None:
    command = ["getevents", "-o", "compact", *arguments]
    result = osmia(*command, given=lines(EXEC), **variables)
    assert (b"\x1b[" in result.stdout) is colored


def test_color_on_a_terminal() -> None:
    master, terminal = os.openpty()
    command = [*PROGRAM, "getevents", "-o", "compact"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=terminal, env=environment(TERM="xterm")
    ) as process:
        process.communicate(lines(EXEC), timeout=60)
        assert b"\x1b[36m" in os.read(master, 10_000)
    os.close(master)
    os.close(terminal)


def test_without_input_the_agent_is_asked(osmia: Osmia) -> None:
    address = ["--server-address", "unix:///nowhere/agent.sock", "--retries", "0"]
    result = osmia("getevents", *address, given=None)
    assert result.returncode == 1
    assert result.stdout == b""
    assert b"failed to get events: no agent answers at unix:///nowhere/agent.sock" in result.stderr


def test_with_input_no_agent_is_asked(osmia: Osmia) -> None:
    result = osmia("getevents", "--server-address", "unix:///nowhere/a.sock", given=lines(EXEC))
    assert json.loads(result.stdout) == EXEC


def test_what_was_written_to_a_terminal(osmia: Osmia) -> None:
    def write(path: str, text: bytes) -> dict[str, object]:
        arguments = [
            {"file_arg": {"path": path}},
            {"bytes_arg": base64.b64encode(text).decode()},
        ]
        return {"process_kprobe": {"function_name": "tty_write", "args": arguments}}

    given = lines(EXEC, write("/dev/pts/1", b"a\x1b[m"), write("/dev/pts/2", b"b"), RATE_LIMIT)
    given += lines({"process_kprobe": {"args": [{"file_arg": {"path": "/dev/pts/1"}}]}})
    result = osmia("getevents", "--tty-encode", "/dev/pts/1", given=given)
    assert result.stdout == b"a\x1b[m"
    assert result.stderr == b""


def with_process(**fields: object) -> dict[str, object]:
    process = {**EXEC["process_exec"]["process"], **fields}
    return {"process_exec": {"process": process}, "node_name": "n"}


HOST = with_process(pod=None, binary="/bin/sh", arguments="")
WGET = with_process(binary="/usr/bin/wget")
EXIT = {"process_exit": {**EXEC["process_exec"], "status": 60}, "node_name": "n"}


def test_the_documented_example(osmia: Osmia) -> None:
    arguments = ["getevents", "-o", "compact", "--processes", "curl", "--pod", "xwing"]
    result = osmia(*arguments, given=lines(HOST, EXEC, WGET, EXIT))
    assert result.stdout.decode() == (
        "🚀 process default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon\n"
        "💥 exit    default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon 60\n"
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], ["/usr/bin/curl", "/usr/bin/wget", "/bin/sh", "/usr/bin/curl"]),
        (["-e", "PROCESS_EXIT"], ["/usr/bin/curl"]),
        (["--host"], ["/bin/sh"]),
        (["--host", "-n", "default", "--process", "wget|sh"], ["/usr/bin/wget", "/bin/sh"]),
        (["--namespace-regex", "^kube"], []),
        (["--cel-expression", "process_exec.process.binary in ['/bin/sh', '']"], ["/bin/sh"]),
    ],
)
def test_filters(osmia: Osmia, arguments: list[str], shown: list[str]) -> None:
    result = osmia("getevents", *arguments, given=lines(EXEC, WGET, HOST, EXIT))
    assert result.stderr == b""
    events = map(json.loads, result.stdout.splitlines())
    assert [next(iter(event.values()))["process"]["binary"] for event in events] == shown


KPROBE = {
    "process_kprobe": {
        "process": {
            "binary": "/usr/bin/cat",
            "pod": {"namespace": "default", "name": "cat", "container": {"name": "main"}},
        },
        "function_name": "sys_close",
        "policy_name": "files",
    },
    "node_name": "n",
}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], ["close", "process", "exit"]),
        (["--policy-names", "files"], ["close"]),
        (["--container", "main"], ["close"]),
        (["--cel-expression", "process_kprobe.policy_name == 'files'"], ["close"]),
        (["-e", "PROCESS_EXIT,PROCESS_EXEC"], ["process", "exit"]),
        (["-n", "default"], ["close", "process", "exit"]),
        (["--namespace-regex", "^kube"], []),
        (["--process", "cat"], ["close"]),
        (["--pod", "xwing"], ["process", "exit"]),
        (["-F", "process.pid", "--policy-names", "files"], ["close"]),
    ],
)
def test_filters_before_the_compact_form(
    osmia: Osmia, arguments: list[str], shown: list[str]
) -> None:
    result = osmia("getevents", "-o", "compact", *arguments, given=lines(KPROBE, EXEC, EXIT))
    assert [line.split()[1] for line in result.stdout.decode().splitlines()] == shown


def test_masked_fields_are_not_shown_in_the_compact_form(osmia: Osmia) -> None:
    result = osmia("getevents", "-o", "compact", "-F", "process.arguments", given=lines(EXEC))
    assert result.stdout.decode() == "🚀 process default/xwing /usr/bin/curl \n"


def test_fields(osmia: Osmia) -> None:
    arguments = ["getevents", "-f", "process.binary,process.pid", "-F", "process.pid"]
    result = osmia(*arguments, given=lines(EXEC))
    assert json.loads(result.stdout) == {
        "process_exec": {"process": {"binary": "/usr/bin/curl"}},
        "node_name": "n",
        "time": "2023-10-06T22:03:57.700326678Z",
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--process", "^(foo"], "Error: --processes: "),
        (["-e", "PROCESS_EXEK"], "did you mean PROCESS_EXEC?"),
        (["--cel-expression", "1 +"], "Error: --cel-expression: "),
    ],
)
def test_bad_filters_name_the_flag(osmia: Osmia, arguments: list[str], complaint: str) -> None:
    result = osmia("getevents", *arguments, given=lines(EXEC))
    assert result.returncode == 1
    assert result.stdout == b""
    assert complaint in result.stderr.decode()
