"""What is wrong with a configuration, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_events.config_values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pydantic
    from pydantic_core import ErrorDetails


class Problem(NamedTuple):
    """One thing that is wrong with a configuration."""

    place: str
    """Source, line and path, as far as known: `--export-denylist line 2: binary_regex[0]`."""
    reason: str
    """What is wrong, with the value and what would be right."""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


class ConfigError(ValueError):
    """A configuration that cannot be used; nothing of it is applied."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problems_of(error: pydantic.ValidationError, place: str, path: str) -> Iterable[Problem]:
    """Turn pydantic's errors into ours; `path` leads to the validated value inside `place`."""
    for detail in error.errors(include_url=False):
        inner = _path((path, *detail["loc"]) if path else detail["loc"])
        yield Problem(": ".join(filter(None, (place, inner))), _reason(detail))


def _path(location: Sequence[int | str]) -> str:
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return path.removeprefix(".")


def _reason(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "model_type" | "model_attributes_type":
            return f"must be a JSON object, not {shown(detail['input'])}"
        case "string_type":
            return f"must be a string, not {shown(detail['input'])}"
        case "bool_type":
            return f"must be true or false, not {shown(detail['input'])}"
        case "enum":
            return f"must be {detail['ctx']['expected']}, not {shown(detail['input'])}"
    return f"{detail['msg']}: {shown(detail['input'])}"
