from __future__ import annotations

from typing import Any

import msgspec
import pytest

from osmia_events.json_form import form_class, is_remembered
from osmia_events.model import (
    Capabilities,
    Container,
    EnvVar,
    Event,
    Image,
    KprobeArgument,
    KprobeFile,
    KprobeSock,
    Message,
    Namespaces,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
    UserNamespace,
    wire_fields,
)
from osmia_events.selection import Selection


@pytest.mark.parametrize("message", [EnvVar, Image, KprobeFile, Namespaces, UserNamespace])
def test_messages_that_json_shows_as_they_are_are_their_own_form(message: type[Message]) -> None:
    assert form_class(message) is message


@pytest.mark.parametrize("message", [Capabilities, Container, KprobeSock, Pod, Process, Event])
def test_messages_with_times_enumerations_or_64_bits_have_a_form(message: type[Message]) -> None:
    form = form_class(message)

    assert form is not message
    names = form.__struct_encode_fields__
    assert names[-len(wire_fields(message)) :] == tuple(each.name for each in wire_fields(message))
    assert msgspec.json.encode(form()) == b"{}"


def test_an_argument_is_a_map() -> None:
    assert form_class(KprobeArgument) == dict[str, Any]


def test_a_form_refuses_what_it_does_not_know() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `execId`"):
        msgspec.json.decode(b'{"execId":"x"}', type=form_class(Process))


def test_the_process_of_an_exec_is_not_remembered_but_its_parent_is() -> None:
    fields = {field.name: field for field in wire_fields(ProcessExec)}

    assert not is_remembered(ProcessExec, fields["process"])
    assert is_remembered(ProcessExec, fields["parent"])
    assert is_remembered(ProcessKprobe, wire_fields(ProcessKprobe)[0])


SELECTION = Selection({ProcessKprobe: ("process", "function_name"), Process: ("binary", "pod")})


def test_the_form_of_a_selection_passes_over_what_is_not_wanted() -> None:
    form = msgspec.json.decode(
        b'{"function_name":"f","parent":7,"process":{"new":[{}],"binary":"/b","pod":{"name":"p"}}}',
        type=form_class(ProcessKprobe, SELECTION),
    )

    assert form.function_name == "f"
    assert form.process.binary == "/b"
    assert form.process.pod.name == "p"
    assert not hasattr(form, "parent")


def test_the_form_of_a_selection_refuses_a_wanted_field_under_its_other_name() -> None:
    form = form_class(ProcessKprobe, SELECTION)

    assert msgspec.json.decode(b'{"functionName":null,"policyName":"p"}', type=form) == form()
    with pytest.raises(msgspec.ValidationError, match="functionName"):
        msgspec.json.decode(b'{"functionName":"f"}', type=form)


def test_processes_of_which_some_fields_are_wanted_are_not_remembered() -> None:
    process = wire_fields(ProcessKprobe)[0]

    assert not is_remembered(ProcessKprobe, process, SELECTION)
    assert is_remembered(ProcessKprobe, process, Selection({Pod: ()}))
