"""Expressions of the Common Expression Language over events, in the contract's environment.

Each event type is a variable of its message type; types are checked when an expression is
compiled. Importing this module loads Google's CEL library and protobuf.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from osmia_events import messages
from osmia_events.cel_network import network_extension
from osmia_events.model import EVENT_BODIES
from osmia_events.protobuf import message_to_protobuf
from osmia_events.regex import well_formed

if TYPE_CHECKING:
    from osmia_events.model import EventBody

_BOOL = 1
"""A primitive type's number in a checked expression."""
_MAX_SHOWN_LENGTH = 200
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class CelError(ValueError):
    """An expression that cannot be compiled, or is of another type than bool."""


class CelEvaluationError(Exception):
    """An expression that failed on an event. The message holds no value of the event."""


class CelProgram:
    """A compiled expression. `variables` are the event types that it mentions."""

    def __init__(self, text: str, compiled: cel.Expression, variables: frozenset[str]) -> None:
        self.text = text
        self.variables = variables
        self._compiled = compiled

    def evaluate(self, values: cel.Activation) -> bool:
        """Evaluate on values made by `activation`. Raises CelEvaluationError."""
        result = self._compiled.eval(values)
        if result.type() != cel.Type.BOOL:
            raise CelEvaluationError(f"CEL expression failed on an event: {self.text}")
        return bool(result.value())


def compile_expression(text: str) -> CelProgram:
    """Compile an expression, which must be exactly of type bool. Raises CelError."""
    checker = _environment(checking=True)
    try:
        compiled = checker.compile(well_formed(text))
        packed = any_pb2.Any.FromString(compiled.serialize())
    except RuntimeError as error:
        raise CelError(_explained(error, text)) from None
    checked = _checked_expression().FromString(packed.value)
    types = {each.key: each.value.primitive for each in checked.type_map}
    if types.get(checked.expr.id) != _BOOL:
        found = compiled.return_type().name().lower()
        # The library names a wrapper, which may be null, as what it wraps.
        found = "wrapper(bool)" if found == "bool" else found
        raise CelError(f"must be of type bool, not {found}: {_shown(text)}")
    runnable = _environment(checking=False).deserialize(compiled.serialize())
    names = {each.value.name for each in checked.reference_map}
    return CelProgram(text, runnable, frozenset(EVENT_BODIES) & names)


def activation(body: EventBody) -> cel.Activation:
    """Make the values for one event: its own variable set, those of other types empty."""
    message = messages.message_class(type(body).__name__)
    own = message.FromString(message_to_protobuf(body))
    return _environment(checking=False).Activation({**_empty_values(), body.event_name: own})


@cache
def _environment(*, checking: bool) -> cel.Env:
    pool = messages.pool()
    variables = {
        name: cel.Type(f"{messages.PACKAGE}.{body.__name__}") for name, body in EVENT_BODIES.items()
    }
    return cel.NewEnv(
        pool,
        variables=variables,
        container=messages.PACKAGE,
        extensions=[network_extension(pool, checking=checking)],
    )


@cache
def _empty_values() -> dict[str, Any]:
    return {name: messages.message_class(body.__name__)() for name, body in EVENT_BODIES.items()}


@cache
def _checked_expression() -> Any:
    """Return a message class that reads what is needed of a serialised `cel.expr.CheckedExpr`."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="checked.proto", package="c", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int | str]) -> None:
        added = file.message_type.add(name=name)
        for field, number, type_ in fields:
            if isinstance(type_, int):
                added.field.add(
                    name=field, number=number, type=type_, label=field_type.LABEL_OPTIONAL
                )
            else:
                added.field.add(
                    name=field,
                    number=number,
                    type=field_type.TYPE_MESSAGE,
                    type_name=f".c.{type_.removesuffix('*')}",
                    label=field_type.LABEL_REPEATED
                    if type_.endswith("*")
                    else field_type.LABEL_OPTIONAL,
                )

    int64 = field_type.TYPE_INT64
    message("Reference", ("name", 1, field_type.TYPE_STRING))
    message("Type", ("primitive", 3, field_type.TYPE_INT32))
    message("Expr", ("id", 2, int64))
    message("ReferenceEntry", ("key", 1, int64), ("value", 2, "Reference"))
    message("TypeEntry", ("key", 1, int64), ("value", 2, "Type"))
    message(
        "CheckedExpr",
        ("reference_map", 2, "ReferenceEntry*"),
        ("type_map", 3, "TypeEntry*"),
        ("expr", 4, "Expr"),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("c.CheckedExpr"))


def _explained(error: Exception, text: str) -> str:
    found = _ERROR.search(str(error))
    if found is None:
        return f"not a CEL expression: {_shown(text)}"
    line, column, reason = found.groups()
    return f"{reason[:_MAX_SHOWN_LENGTH]} (line {line}, column {column}): {_shown(text)}"


def _shown(text: str) -> str:
    text = well_formed(text)
    return text if len(text) <= _MAX_SHOWN_LENGTH else text[:_MAX_SHOWN_LENGTH] + "..."
