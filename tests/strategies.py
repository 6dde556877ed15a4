"""Hypothesis strategies for whole events and for each message of the model.

They are made from the model itself: a field that is added to it is drawn from then on.
`every_field` is no strategy but the one value of a message in which every field is set.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Event,
    EventBody,
    Kind,
    KprobeArgument,
    Message,
    Process,
    WireField,
    wire_fields,
)
from osmia_events.rfc3339 import MAX_NS, MIN_NS

INTEGER_BOUNDS = {
    Kind.INT32: (-(1 << 31), (1 << 31) - 1),
    Kind.UINT32: (0, (1 << 32) - 1),
    Kind.INT64: (-(1 << 63), (1 << 63) - 1),
    Kind.UINT64: (0, (1 << 64) - 1),
}
MAX_FIELDS = 5
"""Fields drawn per message: few, so that whole events stay small."""

texts = st.text(max_size=12) | st.sampled_from(
    ['a "b"\\', "\x00\x1f\x7f\n", "é€\U0001f680", "\u2028"]
)
"""Text without lone surrogates."""
broken_texts = st.text(st.characters(codec=None, categories=["Cs", "L"]), min_size=1, max_size=6)
"""Text with lone surrogates, which UTF-8 cannot hold."""
times_ns = st.integers(MIN_NS, MAX_NS) | st.integers(0, 4_102_444_800).map(
    lambda second: second * 1_000_000_000
)


def _one(field: WireField, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    match field.kind:
        case Kind.STRING:
            return text
        case Kind.BYTES:
            return st.binary(max_size=8)
        case Kind.BOOL:
            return st.booleans()
        case Kind.TIMESTAMP:
            return times_ns
        case Kind.ENUM:
            return st.sampled_from(field.type) | st.integers(*INTEGER_BOUNDS[Kind.INT32])
        case Kind.MESSAGE:
            return messages(field.type, text)
        case Kind.MAP:
            return st.dictionaries(text, text, max_size=3)
    return st.integers(*INTEGER_BOUNDS[field.kind])


def _value(field: WireField, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    one = _one(field, text)
    if field.repeated:
        return st.lists(one, max_size=2).map(tuple)
    return st.none() | one if field.optional else one


@st.composite
def messages(draw: st.DrawFn, message: type[Message], text: st.SearchStrategy[str] = texts) -> Any:
    """Draw a message of a class with up to five of its fields set."""
    if message is KprobeArgument:
        return draw(arguments(text))
    fields = wire_fields(message)
    chosen = draw(st.sets(st.integers(0, len(fields) - 1), max_size=MAX_FIELDS))
    return message(
        **{fields[index].attribute: draw(_value(fields[index], text)) for index in sorted(chosen)}
    )


@st.composite
def arguments(draw: st.DrawFn, text: st.SearchStrategy[str] = texts) -> KprobeArgument:
    """Draw an argument of any kind, or of none."""
    kind = draw(st.sampled_from(["", *ARGUMENT_KINDS]))
    value = draw(_one(ARGUMENT_KINDS[kind], text)) if kind else None
    return KprobeArgument(kind, value, draw(st.just("") | text))


def processes(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Process]:
    """Draw a process."""
    return messages(Process, text)


def bodies(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[EventBody]:
    """Draw the body of an event of any type."""
    return st.sampled_from(list(EVENT_BODIES.values())).flatmap(lambda body: messages(body, text))


@st.composite
def events(draw: st.DrawFn, text: st.SearchStrategy[str] = texts) -> Event:
    """Draw an event of any type in its envelope."""
    event: Event = draw(messages(Event, text))
    event.body = draw(bodies(text))
    return event


def every_field(message: type[Message]) -> Any:
    """Return a message in which every field has a value that is not its zero."""
    if message is KprobeArgument:
        return KprobeArgument("string_arg", "text of an argument", "label")
    return message(**{field.attribute: _some(field) for field in wire_fields(message)})


def every_argument() -> tuple[KprobeArgument, ...]:
    """Return an argument of each kind, every field set."""
    return tuple(
        KprobeArgument(kind, _some_one(field), f"label of {kind}")
        for kind, field in ARGUMENT_KINDS.items()
    )


def _some(field: WireField) -> Any:
    if field.type is KprobeArgument and field.repeated:
        return every_argument()
    one = _some_one(field)
    return (one, one) if field.repeated else one


def _some_one(field: WireField) -> Any:
    match field.kind:
        case Kind.STRING:
            return f"text of {field.name}"
        case Kind.BYTES:
            return b"\x00\xfb\xff"
        case Kind.BOOL:
            return True
        case Kind.TIMESTAMP:
            return 1_700_000_000_123_456_789
        case Kind.ENUM:
            return list(field.type)[1]
        case Kind.MESSAGE:
            return every_field(field.type)
        case Kind.MAP:
            return {"b": "2", "a": "1"}
    return INTEGER_BOUNDS[field.kind][1]
