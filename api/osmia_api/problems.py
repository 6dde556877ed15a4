"""What is wrong with an object, in words for the person who wrote it.

Each problem names the place (line and path), the value, and what would be right.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60
_SHOWN_PROBLEMS = 100
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at `path` (empty: the whole object)."""

    path: Path
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """``line 7: spec.kprobes[0].call: required``, without what is not known."""
        parts = [f"line {self.line}"] if self.line is not None else []
        if self.path:
            parts.append(format_path(self.path))
        return ": ".join([*parts, self.message])


class InvalidObjectError(ValueError):
    """An object that must not be used, with every problem that was found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [str(problem) for problem in problems[:_SHOWN_PROBLEMS]]
        if len(problems) > _SHOWN_PROBLEMS:
            lines.append(f"and {len(problems) - _SHOWN_PROBLEMS} more problems")
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)


def format_path(path: Iterable[str | int]) -> str:
    """``spec.kprobes[0].call``; keys that are no plain names stand in brackets and quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def describe_problems(
    error: ValidationError, model: type[BaseModel], line: Callable[[Path], int | None]
) -> list[Problem]:
    """Tell the problems that pydantic found when it read an object as `model`.

    `line` tells the line of a path, if it is known.
    """
    problems = []
    for details in error.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        if details["type"] == "extra_forbidden":
            message = _unknown_field(str(path[-1]), _model_at(model, path[:-1]))
        else:
            message = _message(details)
        problems.append(Problem(path, message, line(path)))
    return sorted(problems, key=lambda problem: problem.line or 0)


_REQUIREMENTS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number, without quotes",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a mapping",
    "name": "{requirement}",
    "null": "is no value: leave the field out",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must be at most {max_length} characters long",
    "string_type": "must be text; put numbers, dates and words like yes in quotes",
    "too_long": "must have at most {max_length} elements",
    "tuple_type": "must be a list",
}


def _message(details: ErrorDetails) -> str:
    kind, shown, context = details["type"], _shown(details["input"]), details.get("ctx", {})
    if kind == "missing":
        return "required, but absent"
    if kind == "literal_error":
        return f"{shown} is not one of {_choices(context['expected'])}"
    if kind in _REQUIREMENTS:
        return f"{shown} {_REQUIREMENTS[kind].format(**context)}"
    return details["msg"]


def _choices(expected: str) -> str:
    """Rewrite ``'A', 'B' or 'C'``, which is how pydantic lists choices."""
    return ", ".join(re.findall(r"'([^']*)'", expected))


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping" if value else "{}"
    if isinstance(value, list | tuple):
        return "a list" if value else "[]"
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return f"{json.dumps(value[:_SHOWN_CHARACTERS], ensure_ascii=False)}..."
    if isinstance(value, int) and abs(value) > 2**63:
        return "the number"
    return json.dumps(value, ensure_ascii=False, default=repr)


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    fields = model.model_fields.items() if model else ()
    known = sorted(info.alias or field for field, info in fields)
    same = [alias for alias in known if alias.casefold() == name.casefold()]
    if same:
        return f"unknown field; it is written {same[0]}"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"unknown field; {hint}"


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Find the model that reads the value at `path` below `model`."""
    annotation: Any = model
    for part in path:
        if get_origin(annotation) is tuple:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            parent = _model_in(annotation)
            fields = parent.model_fields.items() if parent else ()
            annotation = next((f.annotation for name, f in fields if f.alias == part), None)
    return _model_in(annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model that an annotation names, alone or beside None."""
    choices = (annotation, *get_args(annotation))
    return next((c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)), None)
