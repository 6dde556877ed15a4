"""Kinds of options: how each is read from text, shown in the help, and what an empty text means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic_core import core_schema

from osmia_agent.settings import values
from osmia_agent.settings.server_address import parse_server_address
from osmia_api.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler


@dataclass(frozen=True, slots=True)
class Kind:
    """Annotates a field of `Settings`: text is parsed, any other value is taken as it is."""

    metavar: str
    """Stands for the value in the help; empty for a switch, which needs no value."""
    parse: Callable[[str], object]
    show: Callable[[Any], str] = str
    may_be_empty: bool = False
    """Whether an empty text is a value; elsewhere an empty file resets the option."""
    is_list: bool = False
    """Whether a flag given several times adds to the value instead of replacing it."""
    lenient: bool = False
    """Whether a bad value gets a warning and the default instead of an error, as upstream does."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Put the parser before whatever pydantic checks of the field's own type."""
        return core_schema.no_info_before_validator_function(
            lambda value: self.parse(value) if isinstance(value, str) else value,
            handler(source),
        )


def _show_bool(value: bool) -> str:
    return "true" if value else "false"


def show_duration(duration: timedelta) -> str:
    """Write a duration in whole seconds or finer, as `parse_duration` reads it."""
    return f"{duration.total_seconds():g}s"


def show_size(size: int) -> str:
    """Write bytes with the largest unit that divides them."""
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _parse_path(text: str) -> str:
    if not text:
        message = "the path is empty"
        raise ValueError(message)
    return text


def _parse_ring_size(text: str) -> int:
    size = values.parse_size(text)
    if size < 4096 or size & (size - 1):
        message = f"{values.shown(text)} is not a power of two of at least 4K"
        raise ValueError(message)
    return size


def _parse_optional_address(text: str) -> str:
    if text:
        values.parse_listen_address(text)
    return text


def _parse_server_address(text: str) -> str:
    if text:
        parse_server_address(text)
    return text


Text = Annotated[str, Kind("TEXT", str, may_be_empty=True)]
Path = Annotated[str, Kind("PATH", _parse_path)]
OptionalPath = Annotated[str, Kind("PATH", str, may_be_empty=True)]
Address = Annotated[str, Kind("ADDRESS", _parse_optional_address, may_be_empty=True)]
ServerAddress = Annotated[str, Kind("ADDRESS", _parse_server_address, may_be_empty=True)]
Switch = Annotated[bool, Kind("", values.parse_bool, _show_bool)]
Count = Annotated[int, Field(ge=0), Kind("N", values.parse_int)]
PositiveCount = Annotated[int, Field(ge=1), Kind("N", values.parse_int)]
RateLimit = Annotated[int, Field(ge=-1), Kind("N", values.parse_int, lenient=True)]
RingSize = Annotated[int, Kind("SIZE", _parse_ring_size, show_size)]
Duration = Annotated[
    timedelta, Field(ge=timedelta(0)), Kind("DURATION", parse_duration, show_duration)
]
Permissions = Annotated[
    int, Kind("OCTAL", values.parse_permissions, lambda mode: f"{mode:o}", lenient=True)
]
WORDS = Kind("LIST", values.parse_list, ",".join, may_be_empty=True, is_list=True)
Words = Annotated[tuple[str, ...], WORDS]
CHOICE = Kind("WORD", str)
