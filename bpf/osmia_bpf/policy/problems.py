"""What is wrong with a policy, or with one of its hooks on one kernel."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from osmia_api.problems import Path, format_path

_SHOWN_CHARACTERS = 60


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
