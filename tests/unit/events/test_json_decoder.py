from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmia_events import json_decoder
from osmia_events.decode_error import DecodeError
from osmia_events.json_decoder import JsonDecoder, decode
from osmia_events.json_encoder import JsonEncoder
from osmia_events.json_lenient import read_event
from osmia_events.model import (
    EVENT_BODIES,
    Event,
    KprobeArgument,
    Message,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
)
from osmia_events.selection import Selection
from tests.strategies import events, every_field

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

encode = JsonEncoder().encode


@given(events())
def test_what_is_written_is_read(event: Event) -> None:
    assert decode(encode(event)) == event
    assert decode(encode(event).decode()) == event


@given(events())
def test_the_lenient_reader_agrees(event: Event) -> None:
    assert read_event(msgspec.json.decode(encode(event)), strict=True) == event


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_the_regular_form_needs_no_lenient_reader(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> Event:
        raise AssertionError("read leniently")

    monkeypatch.setattr(json_decoder, "read_event", refuse)
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])

    assert decode(encode(event)) == event


@given(events(), st.randoms(use_true_random=False))
def test_other_spellings_are_read_alike(event: Event, choose: random.Random) -> None:
    other = respelled(json.loads(encode(event)), choose)

    assert decode(json.dumps(other)) == event
    assert decode(json.dumps(other, indent=1)) == event


def respelled(value: Any, choose: random.Random, name: str = "") -> Any:
    """Change names to camelCase and integers to text, and add an unknown field, at random."""
    match value:
        case dict() if name.endswith(("labels", "annotations")):
            return value
        case dict():
            changed = {
                key if choose.random() < 0.5 else camel(key): respelled(item, choose, key)
                for key, item in value.items()
            }
            return {**changed, "a_field_of_tomorrow": [None, {"x": 1}]}
        case list():
            return [respelled(item, choose, name) for item in value]
        case int() if name in {"pid", "uid", "inum", "int_arg", "status"} and choose.random() < 0.5:
            return str(value)
    return value


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


SELECTION = Selection(
    {
        Event: ("node_name",),
        ProcessExec: ("process", "parent"),
        ProcessKprobe: ("process", "args", "return_", "action", "ancestors"),
        Process: ("exec_id", "pid", "start_time", "pod", "ns", "environment_variables"),
        Pod: ("pod_labels", "workload_kind"),
    }
)
decode_selected = JsonDecoder(selection=SELECTION).decode


def selected(value: Any) -> Any:
    """Return a message with nothing but what is selected."""
    if isinstance(value, tuple):
        return tuple(map(selected, value))
    if not isinstance(value, Message) or isinstance(value, KprobeArgument):
        return value
    names = {field.attribute for field in SELECTION.fields(type(value))}
    names |= {"body"} if isinstance(value, Event) else set()
    return type(value)(**{name: selected(getattr(value, name)) for name in names})


@given(events(), st.randoms(use_true_random=False))
def test_what_is_selected_is_read_alike(event: Event, choose: random.Random) -> None:
    other = respelled(json.loads(encode(event)), choose)

    # What is not in its regular form is read whole.
    assert selected(decode_selected(encode(event))) == selected(event)
    assert selected(decode_selected(json.dumps(other))) == selected(event)


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_what_is_selected_needs_no_lenient_reader(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> Event:
        raise AssertionError("read leniently")

    monkeypatch.setattr(json_decoder, "read_event", refuse)
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])

    assert decode_selected(encode(event)) == selected(event)


def test_what_is_not_selected_may_be_any_json() -> None:
    line = '{"process_exec":{"process":{"cwd":{},"pid":1,"x":1e999}},"time":"never"}'

    assert decode_selected(line) == Event(ProcessExec(Process(pid=1)))


@settings(max_examples=300)
@given(st.data())
def test_broken_json_is_refused_wherever_it_is(data: st.DataObject) -> None:
    line = bytearray(encode(data.draw(events())))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))

    try:
        msgspec.json.decode(bytes(line))
    except msgspec.ValidationError:  # a number that is out of range, but is JSON
        return
    except (msgspec.DecodeError, UnicodeError):
        reasons = [refusal(read, bytes(line)) for read in (decode, decode_selected)]
        assert reasons[0] == reasons[1]


@pytest.mark.parametrize(
    "line",
    [
        b'{"cluster_name":"\xff"}',
        b'{"\xff":1}',
        b'{"process_exec":{"process":{"cwd":"\\ud800"}}}',
        b'{"process_exec":{"process":{"cwd":"\\q"}}}',
        b'{"process_exec":{"process":{"cwd":"\n"}}}',
        b'{"process_exec":{"process":{"uid":01}}}',
        b'{"process_exec":{"process":{"uid":1.}}}',
        b'{"process_exec":{"ancestors":[{},]}}',
        b'{"process_exec":{"ancestors":[{"x":tru}]}}',
        b'{"process_exec":{}} {}',
        b'{"cluster_name":' + b"[" * 100_000,
    ],
)
def test_broken_json_is_refused_where_it_is_passed_over(line: bytes) -> None:
    assert refusal(decode_selected, line) == refusal(decode, line)


def refusal(read: Callable[[bytes], Event], line: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(line)
    return str(caught.value)


def test_a_second_body_is_refused_under_any_name() -> None:
    for name in ("process_exit", "processExit"):
        reason = refusal(decode_selected, b'{"process_exec":{},"%s":{}}' % name.encode())
        assert reason == f"{name}: a second member of the same oneof"


def processes_of(decoder: JsonDecoder, lines: list[bytes]) -> list[Process | None]:
    bodies = [decoder.decode(line).body for line in lines]
    return [body.process for body in bodies if isinstance(body, ProcessKprobe)]


def kprobe_of(pid: int) -> bytes:
    return encode(Event(ProcessKprobe(Process(pid=pid))))


def test_events_that_name_a_process_again_and_again_share_it() -> None:
    first, second, third, fourth = processes_of(JsonDecoder(), [kprobe_of(1)] * 4)

    assert second is third is fourth
    assert first is not second
    assert first == second


def test_process_and_parent_may_be_the_same_object() -> None:
    line = encode(Event(ProcessKprobe(Process(pid=1), Process(pid=1))))
    decoder = JsonDecoder()

    bodies = [decoder.decode(line).body for _ in range(2)]

    assert isinstance(bodies[1], ProcessKprobe)
    assert bodies[1].process is bodies[1].parent


def test_pods_met_more_than_once_become_one_object() -> None:
    pod = Pod("n", "p", pod_labels={"a": "b"})
    lines = [encode(Event(ProcessExec(Process(pid=each, pod=pod)))) for each in range(4)]
    decoder = JsonDecoder()

    first, second, *others = [decoder.decode(line).body for line in lines]

    pods = [each.process.pod for each in (first, second, *others) if each and each.process]
    assert pods == [pod] * 4
    assert pods[0] is not pods[1]
    assert pods[1] is pods[2] is pods[3]
    assert [each.memo for each in pods if each] == [None, {}, {}, {}]


def test_no_more_processes_are_remembered_than_allowed() -> None:
    lines = [kprobe_of(pid) for pid in (0, 0, 1, 1, 2, 2, 2, 0)]

    found = processes_of(JsonDecoder(max_processes=2), lines)

    assert found[5] is found[6]
    assert found[7] is not found[1]
    assert found[7] == found[1]


def test_one_line_at_a_time_shares_nothing() -> None:
    bodies = [decode(kprobe_of(1)).body for _ in range(3)]

    assert len({id(body.process) for body in bodies if isinstance(body, ProcessKprobe)}) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "Input data was truncated"),
        ("{", "Input data was truncated"),
        ("?", "JSON is malformed: invalid character (byte 0)"),
        (b"\xff\xfe", "JSON is malformed: invalid character (byte 0)"),
        (b'{"node_name":"\xff"}', "not valid UTF-8"),
        ('{"node_name":"\ud800"}', "not valid UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "an object is needed, not a list"),
        ("null", "an object is needed, not null"),
        ("7", "an object is needed, not a number"),
        ('{"node_name":7}', "node_name: a string is needed, not a number"),
        (
            '{"process_exec":{"process":{"pid":"a secret"}}}',
            "process_exec.process.pid: not an integer from 0 to 4294967295",
        ),
        (
            '{"process_exec":{},"process_exit":{}}',
            "process_exit: a second member of the same oneof",
        ),
        (
            '{"process_kprobe":{"args":[{},{"int_arg":1,"uint_arg":2}]}}',
            "process_kprobe.args[1].uint_arg: a second member of the same oneof",
        ),
    ],
)
def test_errors_name_the_place_and_the_reason(line: bytes | str, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(line)

    assert str(caught.value) == message
    assert "secret" not in str(caught.value)


def test_strict_refuses_what_the_contract_does_not_have() -> None:
    line = '{"process_exec":{"process":{"pid":1,"colour":"red"}}}'

    assert decode(line) == Event(ProcessExec(Process(pid=1)))
    with pytest.raises(DecodeError, match=r"^process_exec\.process\.colour: .* no such field"):
        decode(line, strict=True)


def test_fields_of_tomorrow_do_not_hide_those_of_today() -> None:
    line = '{"process_exit":{"process":{"pod":{"name":"p","new":{}}},"status":60},"x":[[]]}'

    assert decode(line) == Event(ProcessExit(Process(pod=Pod(name="p")), status=60))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_decode_error(data: bytes) -> None:
    event_or_error(data)


@settings(max_examples=300)
@given(st.data())
def test_a_line_with_changed_bytes_is_an_event_or_a_decode_error(data: st.DataObject) -> None:
    line = bytearray(encode(data.draw(events())))
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))

    event_or_error(bytes(line))


def event_or_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(decode(data), Event)


@pytest.mark.parametrize(
    "number",
    ["1" * 100_000, "-" + "9" * 4299, "1e999999", "1." + "1" * 100_000, '"' + "1" * 100_000 + '"',
     '"1e999999"', '"-1e-999999"', '"1e99999999999"'],
)  # fmt: skip
def test_enormous_numbers_are_refused(number: str) -> None:
    with pytest.raises(DecodeError):
        decode(f'{{"process_exec":{{"process":{{"pid":{number}}}}}}}')
