"""What the type annotations of the model mean on the wire.

Messages are msgspec structs. The annotation of a field says all that encoders and decoders need;
`wire_fields` reads it once per class:

- `str`, `bytes`, `bool`, `Int32`, `UInt32`, `Int64`, `UInt64`, an `IntEnum | int`: a scalar with
  implicit presence, absent from the wire when it has its zero value;
- the same with `| None`: a wrapper; `None` is unset, zero is present;
- `Timestamp | None`: integer nanoseconds since the Unix epoch;
- a message with `| None`; a `tuple` of scalars or messages; a `dict[str, str]`.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta


class Kind(Enum):
    """How the values of a field are written."""

    STRING = auto()
    BYTES = auto()
    BOOL = auto()
    INT32 = auto()
    UINT32 = auto()
    INT64 = auto()
    UINT64 = auto()
    TIMESTAMP = auto()
    ENUM = auto()
    MESSAGE = auto()
    MAP = auto()


Int32 = Annotated[int, Kind.INT32, Meta(ge=-(1 << 31), lt=1 << 31)]
UInt32 = Annotated[int, Kind.UINT32, Meta(ge=0, lt=1 << 32)]
Int64 = Annotated[int, Kind.INT64]
UInt64 = Annotated[int, Kind.UINT64]
Timestamp = Annotated[int, Kind.TIMESTAMP]
"""Nanoseconds since 1970-01-01T00:00:00Z."""

_SCALARS = {str: Kind.STRING, bytes: Kind.BYTES, bool: Kind.BOOL}


class Message(msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A message of the contract.

    Fields are in the contract's declaration order, which is the order of JSON keys. Values form
    a tree, never a cycle: the garbage collector does not look at them. The other two options
    serve msgspec's JSON, where a message's own form is the wire's form.
    """

    besides_fields: ClassVar[frozenset[str]] = frozenset()
    """Attributes that are no wire fields: what holds a oneof, and a process's memo."""


class WireField(NamedTuple):
    """One field of a message."""

    name: str
    """Name on the wire."""
    attribute: str
    """Name in the struct; differs only where the wire's name is a keyword of Python."""
    kind: Kind
    type: Any
    """The `IntEnum` or `Message` class of kinds ENUM and MESSAGE, else None."""
    repeated: bool
    optional: bool
    """None means unset: a wrapper, a timestamp or a message."""


@cache
def wire_fields(message: type[Message]) -> tuple[WireField, ...]:
    """Return the wire fields of a message class, in declaration order.

    The members of the two oneofs are not among them: see `EVENT_BODIES` and `ARGUMENT_KINDS`.
    """
    hints = get_type_hints(message, include_extras=True)
    return tuple(
        field_of(field.encode_name, field.name, hints[field.name])
        for field in msgspec.structs.fields(message)
        if field.name not in message.besides_fields
    )


def field_of(name: str, attribute: str, hint: Any) -> WireField:
    """Read one annotation. Raises TypeError for one that has no meaning on the wire."""
    repeated = get_origin(hint) is tuple
    if repeated:
        hint = get_args(hint)[0]
    alternatives = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    optional = NoneType in alternatives
    kind, type_ = _kind_of(next(each for each in alternatives if each is not NoneType))
    return WireField(name, attribute, kind, type_, repeated, optional)


def _kind_of(hint: Any) -> tuple[Kind, Any]:
    if get_origin(hint) is Annotated:
        return next(each for each in get_args(hint) if isinstance(each, Kind)), None
    if get_origin(hint) is dict:
        return Kind.MAP, None
    if hint in _SCALARS:
        return _SCALARS[hint], None
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return Kind.ENUM, hint
    if isinstance(hint, type) and issubclass(hint, Message):
        return Kind.MESSAGE, hint
    raise TypeError(f"no wire form for {hint!r}")
