"""What is wrong with a policy, or with one of its hooks on one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from osmia_api.problems import Path, format_path

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN_CHARACTERS = 60
_SHOWN_VALUES = 4


class HookError(Exception):
    """A hook that cannot be done; `path` is the place in the policy."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{format_path(path)}: {message}")
        self.path = path
        self.message = message


def shown(text: str) -> str:
    """Return a value for a message: in quotes, on one line, cut if it is long."""
    if len(text) > _SHOWN_CHARACTERS:
        return f"{text[:_SHOWN_CHARACTERS]!r}..."
    return repr(text)


def listed(values: Sequence[str], word: str) -> str:
    """Return values as a list in words; of many, the first."""
    if len(values) > _SHOWN_VALUES:
        rest = len(values) - _SHOWN_VALUES
        return f"{', '.join(values[:_SHOWN_VALUES])} {word} {rest} more"
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"


class Place(NamedTuple):
    """A place in a policy, for messages."""

    path: Path

    def __truediv__(self, part: str | int) -> Place:
        """Return the place of a part of what is here."""
        return Place((*self.path, part))

    def error(self, message: str) -> HookError:
        """Return the error for this place."""
        return HookError(self.path, message)

    def fail(self, message: str) -> NoReturn:
        """Raise the error for this place."""
        raise self.error(message)
