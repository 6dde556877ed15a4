from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

from osmia_events import messages
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Container,
    Event,
    EventType,
    Kind,
    KprobeArgument,
    Message,
    Pod,
    Process,
    ProcessExec,
    ProcessThrottle,
    WireField,
    wire_fields,
)
from osmia_events.model.wire import field_of

ON_THE_WIRE = {"Event": "GetEventsResponse"}
ONEOFS: dict[type[Message], list[WireField]] = {
    Event: [field_of(name, name, body | None) for name, body in EVENT_BODIES.items()],
    KprobeArgument: list(ARGUMENT_KINDS.values()),
}
WRAPPED = {Kind.UINT32: "UInt32Value", Kind.INT32: "Int32Value", Kind.BOOL: "BoolValue"}


@pytest.mark.parametrize("message", Message.__subclasses__(), ids=lambda each: each.__name__)
def test_messages_have_the_contracts_fields_in_the_contracts_order(message: type[Message]) -> None:
    descriptor = messages.message_class(
        ON_THE_WIRE.get(message.__name__, message.__name__)
    ).DESCRIPTOR
    fields = [*ONEOFS.get(message, []), *wire_fields(message)]

    assert [(each.name, type_of(each), each.repeated) for each in fields] == [
        (each.name, descriptor_type(each), is_list(each)) for each in descriptor.fields
    ]


def type_of(field: WireField) -> str:
    if field.kind in (Kind.MESSAGE, Kind.ENUM):
        name: str = field.type.__name__
        return name
    if field.kind is Kind.TIMESTAMP:
        return "Timestamp"
    if field.optional:
        return WRAPPED[field.kind]
    return field.kind.name


def descriptor_type(field: Any) -> str:
    if field.message_type is not None:
        return "MAP" if field.message_type.GetOptions().map_entry else field.message_type.name
    if field.enum_type is not None:
        return str(field.enum_type.name)
    return {5: "INT32", 13: "UINT32", 3: "INT64", 4: "UINT64", 8: "BOOL", 9: "STRING", 12: "BYTES"}[
        field.type
    ]


def is_list(field: Any) -> bool:
    return bool(field.is_repeated) and descriptor_type(field) != "MAP"


@pytest.mark.parametrize(
    "enum",
    {field.type for message in Message.__subclasses__() for field in wire_fields(message)
     if field.kind is Kind.ENUM} | {EventType, ARGUMENT_KINDS["bpf_cmd_arg"].type},
    ids=lambda each: each.__name__,
)  # fmt: skip
def test_enumerations_have_the_contracts_members(enum: Any) -> None:
    file = {"EventType": "events", "ThrottleType": "events", "BpfCmd": "bpf"}.get(enum.__name__)
    files = [file] if file else ["capabilities", "tetragon"]
    wire = next(
        found
        for each in files
        if (found := messages.file(each).enum_types_by_name.get(enum.__name__)) is not None
    )

    assert {member.name: member.value for member in enum} == {
        value.name: value.number for value in wire.values
    }


def test_the_type_of_an_event_is_its_bodys() -> None:
    assert Event(ProcessExec()).type is EventType.PROCESS_EXEC
    assert Event(ProcessThrottle()).type == 27
    assert Event().type is EventType.UNDEF
    for name, body in EVENT_BODIES.items():
        assert body.event_name == name
        assert body.event_type.name == name.upper()


def test_the_memo_is_neither_copied_nor_compared() -> None:
    process = Process(binary="/bin/a")
    process.memo = {"key": b"bytes"}

    assert process == Process(binary="/bin/a")
    assert process != Process(binary="/bin/b")
    assert process.replaced(uid=0).memo is None
    assert copy.copy(process).memo is None
    assert "memo" not in {field.name for field in wire_fields(Process)}


def test_the_memo_of_a_pod_is_shared_by_copies_for_other_pids_alone() -> None:
    pod = Pod(name="p", container=Container(name="c"))

    first, second = pod.with_container_pid(1), pod.with_container_pid(2)

    assert first.container == Container(name="c", pid=1)
    assert first.memo is second.memo is pod.memo is not None
    assert first != second
    assert first == Pod(name="p", container=Container(name="c", pid=1))
    assert first.replaced(name="q").memo is None
    assert copy.copy(first).memo is None
    assert Pod(name="no container").with_container_pid(1) == Pod(name="no container")
    assert "memo" not in {field.name for field in wire_fields(Pod)}


def test_json_alone_does_not_load_protobuf() -> None:
    program = (
        "import sys, osmia_events.json_encoder, osmia_events.json_decoder, osmia_events.compact\n"
        "sys.exit(any(name.startswith('google.protobuf') for name in sys.modules))"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
