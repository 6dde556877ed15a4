"""A place in a schema, as a text like that of kubectl explain."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from osmia_cli.explain.fields import items, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_cli.explain.fields import Found, Schema

_WIDTH = 80
_INDENT = "    "


def lines(found: Found, *, recursive: bool = False, example: bool = False) -> Iterator[str]:
    """Yield the lines of the text."""
    yield f"KIND:     {found.resource.kind}"
    yield f"VERSION:  {found.resource.api_version}"
    yield ""
    if found.path:
        yield f"FIELD:    {found.path[-1]} <{type_name(found.schema)}>"
        yield ""
    yield "DESCRIPTION:"
    yield from _paragraph(_description(found.schema), _INDENT)
    if example:
        yield ""
        yield "EXAMPLE:"
        yield from textwrap.indent(_yaml(_example(found.schema)), _INDENT).splitlines()
    properties = items(found.schema).get("properties")
    if properties:
        yield ""
        yield "FIELDS:"
        yield from _fields(items(found.schema), "  ", recursive=recursive)


def _fields(schema: Schema, indent: str, *, recursive: bool) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in sorted(schema["properties"].items()):
        mark = " -required-" if name in required else ""
        yield f"{indent}{name}\t<{type_name(field)}>{mark}"
        if not recursive:
            yield from _paragraph(_description(field), indent + "  ")
            yield ""
        elif items(field).get("properties"):
            yield from _fields(items(field), indent + "  ", recursive=True)


def _description(schema: Schema) -> str:
    text = str(schema.get("description") or "")
    choices = items(schema).get("enum")
    if choices and "One of" not in text:
        text += f" One of {', '.join(map(str, choices))}."
    if "default" in schema:
        text += f" Default: {schema['default']}."
    return text.strip() or "Without a description."


def _paragraph(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _example(schema: Schema) -> Any:
    """Make a value of what is required, and of what the schema suggests."""
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "array":
            return [_example(schema["items"])]
        case "object":
            properties = schema.get("properties", {})
            wanted = schema.get("required") or list(properties)[:1]
            return {name: _example(properties[name]) for name in wanted if name in properties}
        case "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case _:
            return "..."


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False))
