from __future__ import annotations

import pytest
from hypothesis import given
from msgspec import structs

from osmia_events import messages
from osmia_events.model import (
    EVENT_BODIES,
    Container,
    Event,
    KprobeArgument,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
)
from osmia_events.protobuf import (
    message_to_protobuf,
    remembered_process_protobuf,
    to_protobuf,
)
from osmia_events.protobuf_decoder import from_protobuf
from tests.strategies import broken_texts, events, every_field


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_every_field_survives_the_round_trip(name: str) -> None:
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])

    assert from_protobuf(to_protobuf(event)) == event


@given(events())
def test_round_trip(event: Event) -> None:
    assert from_protobuf(to_protobuf(event)) == event


@given(events())
def test_the_library_reads_all_that_is_written(event: Event) -> None:
    response = messages.message_class("GetEventsResponse").FromString(to_protobuf(event))

    again = from_protobuf(response.SerializeToString())

    assert again == event
    assert len(response.SerializeToString()) == len(to_protobuf(event))


@given(events(broken_texts))
def test_text_that_utf_8_cannot_hold_loses_no_event(event: Event) -> None:
    assert from_protobuf(to_protobuf(event)).type == event.type


def test_negative_numbers_and_zeros_of_the_oneof_are_written() -> None:
    arguments = (
        KprobeArgument("int_arg", -1),
        KprobeArgument("int_arg", 0),
        KprobeArgument("string_arg", ""),
        KprobeArgument("long_arg", -(1 << 63)),
    )
    event = Event(ProcessKprobe(args=arguments))

    assert from_protobuf(to_protobuf(event)) == event


def test_wrappers_distinguish_zero_from_unset() -> None:
    process = Process(pid=0, in_init_tree=False, start_time=0)
    event = Event(ProcessExec(process))

    read = from_protobuf(to_protobuf(event)).body

    assert isinstance(read, ProcessExec)
    assert read.process == process
    assert read.process.uid is None


def test_a_pod_is_written_once_for_all_processes_of_its_container() -> None:
    pod: Pod = every_field(Pod)
    shared = [pod.with_container_pid(pid) for pid in (0, 9, 70_000)]
    without = pod.replaced(container=structs.replace(every_field(Container), pid=None))
    without.memo = shared[0].memo

    for each in (*shared, without):
        assert each.memo is not None
        event = Event(ProcessExec(Process(pod=each)))
        assert from_protobuf(to_protobuf(event)) == event
        alone = Event(ProcessExec(Process(pod=each.replaced())))
        assert len(to_protobuf(event)) == len(to_protobuf(alone))
    assert list(shared[0].memo or {}) == ["protobuf"]


def test_a_process_is_written_once_and_remembered_in_its_memo() -> None:
    process = Process(binary="/bin/a")

    first = remembered_process_protobuf(process)

    assert remembered_process_protobuf(process) is first
    assert first == message_to_protobuf(process)
