"""What is wrong with an object, in words for the person who wrote it.

Each problem names the place (line and path), the value, and what would be right.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60
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
        super().__init__("\n".join(map(str, problems)))
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
    """The problems that pydantic found when it read an object as `model`.

    `line` tells the line of a path, if it is known.
    """
    problems = []
    for details in error.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        message = _message(details["type"], details["input"], details.get("ctx", {}), details["msg"])
        if details["type"] == "extra_forbidden":
            message = _unknown_field(str(path[-1]), _model_at(model, path[:-1]))
        problems.append(Problem(path, message, line(path)))
    return sorted(problems, key=lambda problem: problem.line or 0)


def _message(kind: str, value: Any, context: Mapping[str, Any], otherwise: str) -> str:
    shown = _shown(value)
    match kind:
        case "missing":
            return "required, but absent"
        case "literal_error":
            return f"{shown} is not one of {_choices(context['expected'])}"
        case "null":
            return "null is no value: leave the field out instead"
        case "string_type" if isinstance(value, bool | int | float):
            return f"{shown} must be text: put it in quotes"
        case "string_pattern_mismatch":
            return f"{shown} must match {context['pattern']}"
        case "string_too_long":
            return f"must be at most {context['max_length']} characters, not {len(value)}"
        case "string_too_short":
            return "must not be empty"
        case "too_long":
            return (
                f"must have at most {context['max_length']} elements,"
                f" not {context['actual_length']}"
            )
        case "greater_than_equal":
            return f"{shown} must be at least {context['ge']}"
        case "less_than":
            return f"{shown} must be at most {context['lt'] - 1}"
        case "name":
            return f"{shown} {otherwise}"
        case _ if kind in _TYPES:
            return f"{shown} must be {_TYPES[kind]}"
        case _:
            return otherwise


_TYPES = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number, without quotes",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def _choices(expected: str) -> str:
    """The values in ``'A', 'B' or 'C'``, which is how pydantic lists them."""
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
    known = [info.alias or field for field, info in model.model_fields.items()] if model else []
    same = [alias for alias in known if alias.casefold() == name.casefold()]
    if same:
        return f"unknown field: it is written {same[0]}"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
    return f"unknown field; {hint}"


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that reads the value at `path` below `model`."""
    current: Any = model
    for part in path:
        found = _model_in(current)
        if found is not None and isinstance(part, str):
            fields = {info.alias or name: info for name, info in found.model_fields.items()}
            current = fields[part].annotation if part in fields else None
        # Elements of lists and values of mappings: the model is among the type's arguments.
    return _model_in(current)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for arg in get_args(annotation) if (m := _model_in(arg)) is not None), None)
