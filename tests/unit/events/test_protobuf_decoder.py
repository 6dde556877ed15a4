from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.decode_error import DecodeError
from osmia_events.model import (
    EVENT_BODIES,
    Container,
    Event,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
)
from osmia_events.protobuf import to_protobuf
from osmia_events.protobuf_decoder import ProtobufDecoder, from_protobuf
from tests.strategies import events, every_field

# One decoder for all examples: what it remembers of one must not show in another.
DECODER = ProtobufDecoder(max_processes=16)


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_every_field_is_read(name: str) -> None:
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])

    assert DECODER.decode(to_protobuf(event)) == event


@given(events())
def test_round_trip(event: Event) -> None:
    assert DECODER.decode(to_protobuf(event)) == event


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_an_error_for_both_readers(data: bytes) -> None:
    for decode in (DECODER.decode, from_protobuf):
        with contextlib.suppress(DecodeError):
            assert isinstance(decode(data), Event)


@given(events(), st.data())
def test_damaged_events_are_events_or_errors(event: Event, data: st.DataObject) -> None:
    whole = to_protobuf(event)
    at = data.draw(st.integers(0, len(whole)))
    rest = whole[at + data.draw(st.integers(0, 4)) :]
    with contextlib.suppress(DecodeError):
        assert isinstance(
            DECODER.decode(whole[:at] + data.draw(st.binary(max_size=4)) + rest), Event
        )


def test_of_a_part_that_stands_twice_the_last_counts() -> None:
    first, second = (to_protobuf(Event(ProcessExec(Process(exec_id=name)))) for name in "ab")
    assert DECODER.decode(first + second) == Event(ProcessExec(Process(exec_id="b")))


def test_processes_are_shared() -> None:
    process = Process(exec_id="a")
    decoder = ProtobufDecoder()

    started = decoder.decode(to_protobuf(Event(ProcessExec(process)))).body
    ended = decoder.decode(to_protobuf(Event(ProcessExit(process, status=3)))).body

    assert isinstance(started, ProcessExec)
    assert isinstance(ended, ProcessExit)
    assert started.process is ended.process


@pytest.mark.parametrize("kept", [{"a": "b"}, {}])
def test_processes_of_a_container_share_what_is_remembered_of_their_pod(
    kept: dict[str, str],
) -> None:
    pod = Pod("ns", "pod", container=Container(id="c", maybe_exec_probe=True), pod_labels=kept)
    decoder = ProtobufDecoder()

    def read(pod: Pod) -> Pod:
        body = decoder.decode(to_protobuf(Event(ProcessExec(Process(pod=pod))))).body
        assert isinstance(body, ProcessExec)
        assert body.process is not None
        assert body.process.pod is not None
        return body.process.pod

    pods = [pod.with_container_pid(pid) for pid in (0, 7, 400_000)]
    found = [read(each) for each in pods]

    assert found == pods
    assert found[0].memo is not None
    assert all(each.memo is found[0].memo for each in found)
    assert read(pod.replaced(name="other")).memo is not found[0].memo


@pytest.mark.parametrize("pod", [Pod("ns", "pod"), Pod("ns", "pod", container=Container(id="c"))])
def test_a_pod_without_a_pid(pod: Pod) -> None:
    event = Event(ProcessExec(Process(pod=pod)))
    assert DECODER.decode(to_protobuf(event)) == event


def test_what_is_remembered_is_bounded() -> None:
    decoder = ProtobufDecoder(max_processes=2)
    messages = [to_protobuf(Event(ProcessExec(Process(exec_id=str(n))))) for n in range(3)]

    first = [decoder.decode(message).body.process for message in messages]  # type: ignore[union-attr]  # exec events
    again = [decoder.decode(message).body.process for message in reversed(messages)]  # type: ignore[union-attr]  # exec events

    assert [a is b for a, b in zip(first, reversed(again), strict=True)] == [False, True, True]


def test_what_is_no_message_is_named() -> None:
    with pytest.raises(DecodeError, match=r"^not a serialised GetEventsResponse$"):
        from_protobuf(b"\xff\xff")
    with pytest.raises(DecodeError, match=r"^not a serialised GetEventsResponse$"):
        DECODER.decode(b"\xff\xff")


def test_an_event_of_an_unknown_type_has_no_body() -> None:
    body_of_number_50 = b"\x92\x03\x00"

    assert from_protobuf(body_of_number_50 + to_protobuf(Event(node_name="n"))) == Event(
        node_name="n"
    )
