from __future__ import annotations

from typing import Any

import pytest

from osmia_events.decode_error import DecodeError
from osmia_events.json_lenient import read_event
from osmia_events.model import (
    Capabilities,
    CapabilitiesType,
    Event,
    KprobeArgument,
    Process,
    ProcessExec,
    ProcessKprobe,
)


def read_process(process: Any, *, strict: bool = False) -> Process | None:
    body = read_event({"process_exec": {"process": process}}, strict=strict).body
    assert isinstance(body, ProcessExec)
    return body.process


@pytest.mark.parametrize(
    ("written", "process"),
    [
        (None, None),
        ({}, Process()),
        ({"pid": None, "pod": None, "cap": None, "arguments": None}, Process()),
        ({"pid": "42"}, Process(pid=42)),
        ({"pid": 42.0}, Process(pid=42)),
        ({"pid": "4.2e1"}, Process(pid=42)),
        ({"execId": "x", "inInitTree": False}, Process(exec_id="x", in_init_tree=False)),
        (
            {"cap": {"effective": ["CAP_SYS_ADMIN", 1, 77]}},
            Process(
                cap=Capabilities(
                    effective=(CapabilitiesType.CAP_SYS_ADMIN, CapabilitiesType.DAC_OVERRIDE, 77)
                )
            ),
        ),
        ({"startTime": "1970-01-01T01:00:00.5+01:00"}, Process(start_time=500_000_000)),
    ],
)
def test_spellings(written: Any, process: Process | None) -> None:
    assert read_process(written) == process


def test_a_member_of_an_enumeration_of_tomorrow_is_ignored_unless_strict() -> None:
    written = {"cap": {"effective": ["CAP_CHOWN", "CAP_TOMORROW"]}}

    assert read_process(written) == Process(cap=Capabilities(effective=(0,)))
    with pytest.raises(DecodeError, match=r"cap\.effective\[1\]: .* no such member"):
        read_process(written, strict=True)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([], ": an object is needed, not a list"),
        ({"pid": True}, ".pid: not an integer from 0 to 4294967295"),
        ({"pid": -1}, ".pid: not an integer from 0 to 4294967295"),
        ({"pid": 1.5}, ".pid: not an integer from 0 to 4294967295"),
        ({"pid": 1 << 32}, ".pid: not an integer from 0 to 4294967295"),
        ({"binary": []}, ".binary: a string is needed, not a list"),
        ({"in_init_tree": "true"}, ".in_init_tree: true or false is needed, not a string"),
        ({"pod": {"pod_labels": {"a": 1}}}, ".pod.pod_labels.a: a string is needed, not a number"),
        ({"pod": {"pod_labels": []}}, ".pod.pod_labels: an object is needed, not a list"),
        ({"start_time": "now"}, ".start_time: not an RFC 3339 time"),
        ({"cap": {"effective": "CAP_CHOWN"}}, ".cap.effective: a list is needed, not a string"),
        (
            {"cap": {"effective": [None]}},
            ".cap.effective[0]: not an integer from -2147483648 to 2147483647",
        ),
        (
            {"environment_variables": [{}, None]},
            ".environment_variables[1]: an object is needed, not null",
        ),
        ({"exec_id": "a", "execId": "b"}, ".execId: given twice"),
    ],
)
def test_errors_name_the_path(written: Any, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_process(written)

    assert str(caught.value) == f"process_exec.process{message}"


def test_long_and_unprintable_names_are_shortened_and_escaped() -> None:
    with pytest.raises(DecodeError) as caught:
        read_event({"x" * 100: 1}, strict=True)
    assert caught.value.path == "x" * 64 + "..."

    with pytest.raises(DecodeError) as caught:
        read_event({"a\x1b[31m": 1}, strict=True)
    assert caught.value.path == r"'a\x1b[31m'"


@pytest.mark.parametrize(
    ("written", "argument"),
    [
        ({}, KprobeArgument()),
        ({"label": "l"}, KprobeArgument(label="l")),
        ({"intArg": 0}, KprobeArgument("int_arg", 0)),
        ({"sizeArg": 12}, KprobeArgument("size_arg", 12)),
        ({"longArg": "-9223372036854775808"}, KprobeArgument("long_arg", -(1 << 63))),
        ({"bytesArg": "-_8"}, KprobeArgument("bytes_arg", b"\xfb\xff")),
        ({"bpf_cmd_arg": 5, "label": "l"}, KprobeArgument("bpf_cmd_arg", 5, "l")),
        ({"string_arg": None, "int_arg": 1}, KprobeArgument("int_arg", 1)),
        ({"kernelCapTArg": "0"}, KprobeArgument("kernel_cap_t_arg", "0")),
    ],
)
def test_arguments(written: Any, argument: KprobeArgument) -> None:
    event = read_event({"processKprobe": {"args": [written]}}, strict=True)

    assert event == Event(ProcessKprobe(args=(argument,)))
