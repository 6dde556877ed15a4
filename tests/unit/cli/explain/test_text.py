from __future__ import annotations

import pytest

from osmia_cli.explain.fields import Found, Resource, find
from osmia_cli.explain.text import lines

SCHEMA = {
    "type": "object",
    "description": "What it is for.",
    "required": ["mode"],
    "properties": {
        "mode": {"type": "string", "enum": ["a", "b"], "description": "How."},
        "count": {"type": "integer", "minimum": 3, "default": 5},
        "below": {
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "boolean"}}},
        },
    },
}
RESOURCE = Resource("Kind", ("kind",), (), "group", "v1", SCHEMA)
HEAD = ["KIND:     Kind", "VERSION:  group/v1", "", "DESCRIPTION:", "    What it is for."]


def test_fields() -> None:
    assert list(lines(Found(RESOURCE, (), SCHEMA))) == [
        *HEAD,
        "",
        "FIELDS:",
        "  below\t<[]object>",
        "    Without a description.",
        "",
        "  count\t<integer>",
        "    Default: 5.",
        "",
        "  mode\t<string> -required-",
        "    How. One of a, b.",
        "",
    ]


def test_recursive() -> None:
    assert list(lines(Found(RESOURCE, (), SCHEMA), recursive=True))[len(HEAD) :] == [
        "",
        "FIELDS:",
        "  below\t<[]object>",
        "    x\t<boolean>",
        "  count\t<integer>",
        "  mode\t<string> -required-",
    ]


def test_example() -> None:
    text = list(lines(Found(RESOURCE, (), SCHEMA), example=True))
    assert text[text.index("EXAMPLE:") :][:2] == ["EXAMPLE:", "    mode: a"]


@pytest.mark.parametrize("path", ["tp.spec", "exportconfig.spec", "tracingnode.status"])
def test_real_resources(path: str) -> None:
    text = list(lines(find(path), recursive=True, example=True))
    assert f"FIELD:    {path.split('.')[1]} <object>" in text
    assert max(map(len, text)) < 120
