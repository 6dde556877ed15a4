#!/usr/bin/env python3
"""Write what follows from a chart's values.yaml: values.schema.json, README.md, files/values.json.

Values files of others write numbers and switches as texts, texts as numbers, and leave keys empty.
The schema lets pass what can be meant in one way only; files/values.json holds what templates need
to make of it what the chart's own values are (templates/_values.tpl).

The comment that starts with `# --` above a key is its description, a line `# @schema {...}` in it
adds to the schema of its value. A key without a description is an error, unless keys below it have
one.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from osmia_agent.settings.flags import options

CHART = Path(__file__).parents[1] / "charts/osmia"

_TYPES = {
    "tag:yaml.org,2002:bool": "boolean",
    "tag:yaml.org,2002:int": "integer",
    "tag:yaml.org,2002:str": "string",
    "tag:yaml.org,2002:seq": "array",
    "tag:yaml.org,2002:map": "object",
}


class Value(NamedTuple):
    """One documented value."""

    path: str
    default: Any
    description: str
    schema: dict[str, Any]


class ChartValuesError(Exception):
    """values.yaml cannot be documented; the message says where and why."""


def read_values(text: str) -> list[Value]:
    """Return the documented values of a values.yaml, in its order. Raises `ChartValuesError`."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return list(_values(root, "", text.splitlines()))


def _values(mapping: yaml.MappingNode, prefix: str, lines: list[str]) -> Any:
    for key, node in mapping.value:
        path = f"{prefix}{key.value}"
        description, extra = _comment(lines, key.start_mark.line, path)
        if description:
            default = yaml.safe_load(yaml.serialize(node))
            kind = _TYPES.get(node.tag)
            schema = {"type": kind} if kind else {}
            if kind == "array" and default and all(isinstance(each, str) for each in default):
                schema["items"] = {"type": "string"}
            yield Value(path, default, description, schema | extra)
        elif isinstance(node, yaml.MappingNode) and node.value:
            yield from _values(node, f"{path}.", lines)
        else:
            raise ChartValuesError(
                f"values.yaml:{key.start_mark.line + 1}: {path} has no description"
            )


def _comment(lines: list[str], line: int, path: str) -> tuple[str, dict[str, Any]]:
    above: list[str] = []
    while line > 0 and (match := re.fullmatch(r"\s*#\s?(.*)", lines[line - 1])):
        above.insert(0, match[1])
        line -= 1
    if not above or not above[0].startswith("-- "):
        return "", {}
    words = []
    extra: dict[str, Any] = {}
    for text in above:
        if text.startswith("@schema "):
            try:
                extra |= json.loads(text.removeprefix("@schema "))
            except ValueError as error:
                raise ChartValuesError(f"values.yaml: @schema of {path}: {error}") from None
        else:
            words.append(text.removeprefix("-- ").strip())
    return " ".join(words), extra


def _lax(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that takes also what stands for such a value, and nothing as well."""
    kind = schema.get("type")
    if kind == "boolean":
        return {"enum": [True, False, "true", "false", "", None]}
    if kind == "integer":
        # Bounds hold for texts too: templates/_values.tpl looks.
        return schema | {"type": ["integer", "string", "null"], "pattern": "^(-?[0-9]+)?$"}
    if "enum" in schema:
        return {"enum": list(dict.fromkeys([*schema["enum"], "", None]))}
    types = kind if isinstance(kind, list) else [kind]
    if "pattern" in schema:
        return schema | {"type": [*types, "null"], "pattern": f"^$|{schema['pattern']}"}
    # A number with a point is no text: 1.10 has become 1.1 already.
    types = [*types, "integer"] if kind == "string" else types
    return schema | {"type": list(dict.fromkeys([*types, "null"]))}


def schema(values: list[Value], unsupported: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON schema: every value with its type, no key beyond them."""
    root: dict[str, Any] = _object()
    root |= {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the Osmia chart",
    }
    # Helm puts this key into the values of every chart.
    root["properties"]["global"] = {"type": "object", "description": "Values of all charts."}
    for value in values:
        leaf = {**_lax(value.schema), "description": value.description}
        _put(root, value.path, leaf, value.default)
    for group in unsupported:
        for path, default in group["keys"].items():
            _put(root, path, {"description": f"No effect: {group['why']}."}, default)
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _put(root: dict[str, Any], path: str, leaf: dict[str, Any], default: Any) -> None:
    *parents, name = path.split(".")
    place = root
    for parent in parents:
        place = place["properties"].setdefault(parent, _object())
        if "properties" not in place:
            return
    place["properties"][name] = {**leaf, "default": default}


def readme(values: list[Value], head: str) -> str:
    """Return the chart's README: the text up to the table, and the table of all values."""
    rows = ["| value | default | |", "|---|---|---|"]
    for value in values:
        default = json.dumps(value.default, ensure_ascii=False).replace("|", "\\|")
        description = value.description.replace("|", "\\|")
        rows.append(f"| `{value.path}` | `{default}` | {description} |")
    return head + "\n".join(rows) + "\n"


def normal(values: list[Value], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return what templates need to make of any accepted values what the chart's own are.

    `defaults` are all values; `values` has one entry each: its place, its type, `empty` (what an
    empty one stands for) and bounds. `options` are the names that an agent takes in extraArgs.
    """
    known = sorted(option.name for option in options())
    return {
        "defaults": defaults,
        "values": [_normal(value) for value in values],
        "options": known,
    }


def _normal(value: Value) -> dict[str, Any]:
    *parents, name = value.path.split(".")
    default = value.default
    kind = value.schema["type"]
    # Nothing stands for the empty value where there is one, else for the default.
    empties: dict[type, Any] = {bool: False, list: [], dict: {}, str: "", type(None): ""}
    empty = empties.get(type(default), default)
    if not _may_be_empty(value.schema):
        empty = default
    bounds = {key: value.schema[key] for key in ("minimum", "maximum") if key in value.schema}
    return {"parents": parents, "name": name, "type": kind, "empty": empty, **bounds}


def _may_be_empty(schema: dict[str, Any]) -> bool:
    if "enum" in schema:
        return "" in schema["enum"]
    if "minItems" in schema:
        return False
    return re.search(schema.get("pattern", ""), "") is not None


def outputs(chart: Path = CHART) -> dict[Path, str]:
    """Return the files that follow from a chart's values, with their contents."""
    text = (chart / "values.yaml").read_text()
    values = read_values(text)
    unsupported = yaml.safe_load((chart / "files/unsupported.yaml").read_text())
    return {
        chart / "values.schema.json": json.dumps(schema(values, unsupported), indent=2) + "\n",
        chart / "files/values.json": json.dumps(normal(values, yaml.safe_load(text)), indent=1)
        + "\n",
        chart / "README.md": readme(values, (chart / "files/README.head.md").read_text()),
    }


def main() -> int:
    """Write the files."""
    try:
        for path, content in outputs().items():
            path.write_text(content)
    except ChartValuesError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
