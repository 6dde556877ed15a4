from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.decode_error import DecodeError
from osmia_events.model import EVENT_BODIES, Event, Pod, Process, ProcessExec, ProcessExit
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


def result(data: bytes, decoder: ProtobufDecoder | None = None) -> Event | str:
    try:
        return decoder.decode(data) if decoder else from_protobuf(data)
    except DecodeError as error:
        return str(error)


@given(st.binary(max_size=200))
def test_anything_is_what_the_library_makes_of_it(data: bytes) -> None:
    assert result(data, DECODER) == result(data)


@given(events(), st.data())
def test_damaged_events_are_what_the_library_makes_of_them(
    event: Event, data: st.DataObject
) -> None:
    whole = to_protobuf(event)
    at = data.draw(st.integers(0, len(whole)))
    damaged = (
        whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + data.draw(st.integers(0, 4)) :]
    )

    assert result(damaged, DECODER) == result(damaged)


@given(events(), events())
def test_two_events_in_one_are_merged_as_the_library_merges(first: Event, second: Event) -> None:
    both = to_protobuf(first) + to_protobuf(second)

    assert result(both, DECODER) == result(both)


def test_processes_and_pods_are_shared() -> None:
    process = Process(exec_id="a", pod=Pod(name="p"))
    child = Process(exec_id="b", pod=Pod(name="p"))
    decoder = ProtobufDecoder()

    started = decoder.decode(to_protobuf(Event(ProcessExec(process, child)))).body
    ended = decoder.decode(to_protobuf(Event(ProcessExit(process, status=3)))).body

    assert isinstance(started, ProcessExec)
    assert isinstance(ended, ProcessExit)
    assert started.process is ended.process
    assert started.process is not None
    assert started.parent is not None
    assert started.process.pod is started.parent.pod


def test_what_is_remembered_is_bounded() -> None:
    decoder = ProtobufDecoder(max_processes=2)
    messages = [to_protobuf(Event(ProcessExec(Process(exec_id=str(n))))) for n in range(3)]

    first = [decoder.decode(message).body.process for message in messages]  # type: ignore[union-attr]  # exec events
    again = [decoder.decode(message).body.process for message in reversed(messages)]  # type: ignore[union-attr]  # exec events

    assert [a is b for a, b in zip(first, reversed(again), strict=True)] == [False, True, True]


@given(st.binary(max_size=200))
def test_anything_is_an_event_or_a_decode_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(from_protobuf(data), Event)


def test_what_is_no_message_is_named() -> None:
    with pytest.raises(DecodeError, match=r"^not a serialised GetEventsResponse$"):
        from_protobuf(b"\xff\xff")


def test_an_event_of_an_unknown_type_has_no_body() -> None:
    body_of_number_50 = b"\x92\x03\x00"

    assert from_protobuf(body_of_number_50 + to_protobuf(Event(node_name="n"))) == Event(
        node_name="n"
    )
