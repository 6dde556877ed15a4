"""The built descriptors are the contract, which `wire_contract.txt` writes down field by field."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from osmia_events import messages

CONTRACT = Path(__file__).parents[2] / "data" / "events" / "wire_contract.txt"
FILES = ("bpf", "capabilities", "eventlogservice", "tetragon", "events", "sensors")

Field = descriptor_pb2.FieldDescriptorProto


def described() -> list[str]:
    """Return the built descriptors in the form of the contract's file."""
    lines: list[str] = []
    for name in FILES:
        proto = descriptor_pb2.FileDescriptorProto()
        messages.file(name).CopyToProto(proto)
        lines.append(" ".join(["file", proto.name, *proto.dependency]))
        lines += [enum_line(enum) for enum in proto.enum_type]
        lines += [line for message in proto.message_type for line in message_lines(message, "")]
        lines += [service_line(service) for service in proto.service]
    return sorted(lines)


def enum_line(enum: descriptor_pb2.EnumDescriptorProto) -> str:
    values = [f"{each.number}:{each.name}{'!' * each.options.deprecated}" for each in enum.value]
    return " ".join(["enum", enum.name, *values]) + reserved(enum.reserved_range, 0)


def message_lines(message: descriptor_pb2.DescriptorProto, outer: str) -> list[str]:
    name = outer + message.name
    maps = {
        f".tetragon.{name}.{each.name}": each
        for each in message.nested_type
        if each.options.map_entry
    }
    oneofs = [each.name for each in message.oneof_decl]
    fields = [
        f"{each.number}:{each.name}:{field_type(each, maps, oneofs)}" for each in message.field
    ]
    # Reserved ranges of messages end before their end.
    line = " ".join(["message", name, *fields]) + reserved(message.reserved_range, 1)
    nested = [each for each in message.nested_type if not each.options.map_entry]
    return [line, *(inner for each in nested for inner in message_lines(each, f"{name}."))]


def field_type(field: Any, maps: dict[str, Any], oneofs: list[str]) -> str:
    if field.type_name in maps:
        key, value = maps[field.type_name].field
        return f"map<{type_name(key)},{type_name(value)}>"
    text = "*" * (field.label == Field.LABEL_REPEATED) + type_name(field)
    if field.proto3_optional:
        text = "?" + text
    elif field.HasField("oneof_index"):
        text = f"{oneofs[field.oneof_index]}/{text}"
    return text + "!" * field.options.deprecated


def type_name(field: Any) -> str:
    if field.type_name:
        name: str = field.type_name
        return name.removeprefix(".tetragon.").replace(".google.protobuf.", "google.")
    return str(Field.Type.Name(field.type)).removeprefix("TYPE_").lower()


def service_line(service: descriptor_pb2.ServiceDescriptorProto) -> str:
    methods = [
        f"{each.name}:{each.input_type.removeprefix('.tetragon.')}"
        f":{'>' * each.server_streaming}{each.output_type.removeprefix('.tetragon.')}"
        f"{'!' * each.options.deprecated}"
        for each in service.method
    ]
    return " ".join(["service", service.name, *methods])


def reserved(ranges: Any, beyond: int) -> str:
    text = ",".join(f"{each.start}-{each.end - beyond}" for each in ranges)
    return f" reserved {text}" if text else ""


def contract() -> list[str]:
    lines = CONTRACT.read_text(encoding="ascii").splitlines()
    return sorted(line for line in lines if not line.startswith("#"))


def test_descriptors_are_the_contract() -> None:
    assert described() == contract()


def test_json_names_are_the_camel_case_of_the_names_as_protobuf_makes_it() -> None:
    fields = messages.message_class("Process").DESCRIPTOR.fields_by_name

    assert fields["parent_exec_id"].json_name == "parentExecId"
    assert messages.message_class("EnvVar").DESCRIPTOR.fields[0].json_name == "Key"
    assert messages.message_class("KprobeBpfAttr").DESCRIPTOR.fields[0].json_name == "ProgType"


def test_classes_are_found_by_name() -> None:
    assert messages.GetVersionResponse(version="1").version == "1"
    assert messages.message_class("GetInfoResponse.Probe")(Name="x").Name == "x"
    with pytest.raises(AttributeError, match="no message Nonsense"):
        messages.Nonsense  # noqa: B018  # asking is the test


OTHER_SCHEMA = """
from google.protobuf import descriptor_pb2, descriptor_pool
from osmia_events import messages

other = descriptor_pb2.FileDescriptorProto(
    name="tetragon/events.proto", package="tetragon", syntax="proto3"
)
other.message_type.add(name="GetEventsResponse")
descriptor_pool.Default().Add(other)
fields = messages.message_class("GetEventsResponse").DESCRIPTOR.fields_by_name
assert "process_exec" in fields
"""


def test_another_tetragon_schema_may_live_in_the_default_pool() -> None:
    # In a process of its own: the default pool takes a file once.
    subprocess.run([sys.executable, "-c", OTHER_SCHEMA], check=True)


def test_descriptors_that_were_never_built_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(messages, "_DESCRIPTORS", tmp_path / "descriptors.binpb")

    with pytest.raises(
        RuntimeError, match=r"descriptors\.binpb is missing: build it with python -m"
    ):
        messages.pool.__wrapped__()
