"""Fields of tracepoints' formats."""

import contextlib
import json
import os
import socket
import subprocess

import pytest

from osmia_agent.sensors.policy_status import PolicyError
from osmia_events.compact.raw_syscalls import describe_sys_enter

LSEEK = "8" if os.uname().machine == "x86_64" else "62"


def policy(event, *args, **selector):
    subsystem, _, name = event.partition("/")
    own = {"matchPIDs": [{"operator": "In", "values": [os.getpid()]}], **selector}
    hook = {"subsystem": subsystem, "event": name, "args": args, "selectors": [own]}
    return json.dumps({"tracepoints": [hook]})


def values(event):
    return [(argument.kind, argument.value) for argument in event.args]


def test_the_parameters_of_any_call(node):
    """The array of them is one field, and an argument for each of its words."""
    number = {"index": 0, "operator": "Equal", "values": [LSEEK]}
    args = ({"index": 4, "type": "int64"}, {"index": 5})
    node.add(policy("raw_syscalls/sys_enter", *args, matchArgs=[number]))
    for offset in (3, -3):
        with contextlib.suppress(OSError):
            os.lseek(9999, offset, os.SEEK_END)
    first, second = [event for event in node.own() if event.args[1].value == 9999]
    assert len(first.args) == 7
    assert values(first)[:4] == [("long_arg", int(LSEEK)), ("size_arg", 9999), ("size_arg", 3),
                                 ("size_arg", os.SEEK_END)]  # fmt: skip
    assert second.args[2].value == (1 << 64) - 3
    assert describe_sys_enter(first.args).startswith("lseek(unsigned int fd=9999, ")


def test_numbers_that_fill_a_register(node):
    """The descriptor of openat is an int, though the format has eight bytes for it."""
    at = {"index": 0, "operator": "Equal", "values": [str(-100)]}
    node.add(policy("syscalls/sys_enter_openat", {"index": 5}, {"index": 6}, matchArgs=[at]))
    with contextlib.suppress(OSError):
        os.open("no-such-file", os.O_RDONLY)
    folder = os.open("/", os.O_RDONLY)
    node.own()
    with contextlib.suppress(OSError):
        os.open("no-such-file", os.O_RDONLY, dir_fd=folder)
    os.close(folder)
    assert not node.own()
    with contextlib.suppress(OSError):
        os.open("no-such-file", os.O_RDONLY)
    (event,) = node.own()
    assert values(event) == [("int_arg", -100), ("string_arg", "no-such-file")]


def test_text_that_lies_behind_the_fields(node):
    name = {"index": 1, "operator": "Postfix", "values": ["/true"]}
    args = ({"index": 4, "type": "char_buf"}, {"index": 4, "type": "string"})
    spec = json.loads(policy("sched/sched_process_exec", *args, matchArgs=[name | {"args": [1]}]))
    del spec["tracepoints"][0]["selectors"][0]["matchPIDs"]
    node.add(json.dumps(spec))
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    (event,) = node.own(process.pid)
    assert values(event) == [("bytes_arg", b"/bin/true\0"), ("string_arg", "/bin/true")]


def test_families_of_addresses(node):
    """Those that events of tracepoints name."""
    node.add(policy("syscalls/sys_enter_bind", {"index": 6, "type": "sockaddr"}))
    for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_NETLINK, (0, 0))):
        with socket.socket(family, socket.SOCK_DGRAM) as own:
            own.bind(address)
    assert [event.args[0].value.family for event in node.own()] == ["AF_INET", ""]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([{"index": 3, "type": "int"}], r"args\[0\]\.index: 3: common_pid is not for programs"),
        ([{"index": 6, "type": "char_buf"}], r"args\[0\]\.sizeArgIndex: needed for char_buf"),
        ([{"index": 99, "type": "int"}], r"args\[0\]\.index: 99: the tracepoint's format has "),
    ],
)
def test_what_cannot_be_read(node, args, problem):
    with pytest.raises(PolicyError, match=problem):
        node.sensor.add(node.text(policy("syscalls/sys_enter_write", *args), "refused"))
