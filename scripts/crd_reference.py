#!/usr/bin/env python3
"""Write docs/crds.md: every field of the custom resources, from the definitions in crds/.

An object that occurs at several places is described once. Definitions whose fields are all the same
(a policy for the cluster, and one for a namespace) share a chapter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/crds.md"

_HEAD = """\
# Fields of the custom resources

Made of the definitions in `crds/` by `scripts/crd_reference.py`. Do not edit.

The API server refuses an object with a field of another type, or without one that is needed; a
field that it does not know it leaves out, and `kubectl` warns of it. What a schema cannot say is
checked by the operator and told in `status.conditions`, with path, value and what would be right;
`osmia policy check` says the same of a file. Policies: [what they become, and what they
need](policies.md); export pipelines: [conditions and stages](pipeline.md).
"""

# What every object of Kubernetes has.
_COMMON = ("apiVersion", "kind", "metadata")


def reference(definitions: list[dict[str, Any]]) -> str:
    """Return the text for custom resource definitions."""
    chapters: dict[str, list[dict[str, Any]]] = {}
    for definition in definitions:
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        fields = {k: v for k, v in schema["properties"].items() if k not in _COMMON}
        chapters.setdefault(json.dumps(fields, sort_keys=True), []).append(definition)
    return _HEAD + "".join(line for sharing in chapters.values() for line in _chapter(sharing))


def _chapter(definitions: list[dict[str, Any]]) -> Iterator[str]:
    kinds = [each["spec"]["names"]["kind"] for each in definitions]
    yield f"\n## {' and '.join(kinds)}\n\n"
    for definition in definitions:
        spec = definition["spec"]
        version = spec["versions"][0]
        names = spec["names"]
        short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
        scope = "of the whole cluster" if spec["scope"] == "Cluster" else "of a namespace"
        yield f"`{spec['group']}/{version['name']}`, kind `{names['kind']}`, {scope}"
        yield f"; `kubectl get {names['plural']}`, short {short}." if short else "."
        yield f" {version['schema']['openAPIV3Schema'].get('description', '')}\n\n"
    schema = definitions[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    places = _places(schema)
    prefix = kinds[0].lower()
    anchors = {shape: f"{prefix}-{_anchor(paths[0])}" for shape, paths in places.items()}
    for shape, paths in places.items():
        yield from _section(json.loads(shape), paths, anchors)


def _places(schema: dict[str, Any]) -> dict[str, list[str]]:
    """Return where each shape of an object occurs, in the order in which readers meet them."""
    places: dict[str, list[str]] = {}
    level = [(field, schema["properties"][field]) for field in schema["properties"]]
    level = [(path, field) for path, field in level if path not in _COMMON]
    while level:
        below = []
        for path, field in level:
            suffix, inner = _inner(field)
            if "properties" in inner:
                shape = _shape(inner)
                if shape not in places:
                    below += [
                        (f"{path}{suffix}.{name}", each)
                        for name, each in inner["properties"].items()
                    ]
                places.setdefault(shape, []).append(path + suffix)
        level = below
    return places


def _inner(field: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the object within a list or a map, with the suffix that its path gets."""
    if field.get("type") == "array":
        return "[]", field["items"]
    if isinstance(field.get("additionalProperties"), dict):
        return ".*", field["additionalProperties"]
    return "", field


def _shape(schema: dict[str, Any]) -> str:
    kept = {key: schema[key] for key in ("properties", "required") if key in schema}
    return json.dumps(kept, sort_keys=True)


def _anchor(path: str) -> str:
    return path.replace("[]", "").replace(".*", "").replace(".", "-").lower()


def _title(paths: list[str]) -> str:
    """Return the places of an object if they are few, else what it is called at them."""
    if len(paths) > 2:
        paths = list(dict.fromkeys(path.removesuffix(".*").rsplit(".", 1)[-1] for path in paths))
    # Selectors and their macros are the same; what is within is found under their usual name.
    return ", ".join(f"`{path.replace('spec.selectorsMacros.*', 'selectors[]')}`" for path in paths)


def _section(shape: dict[str, Any], paths: list[str], anchors: dict[str, str]) -> Iterator[str]:
    anchor = anchors[json.dumps(shape, sort_keys=True)]
    yield f'<a id="{anchor}"></a>\n\n### {_title(paths)}\n\n'
    if len(paths) > 2:
        yield f"At {', '.join(f'`{path}`' for path in paths)}.\n\n"
    if not shape["properties"]:
        yield "No fields: `{}`.\n\n"
        return
    yield "| field | type | |\n|---|---|---|\n"
    required = shape.get("required", ())
    for name, field in shape["properties"].items():
        needed = ", required" if name in required else ""
        yield f"| `{name}` | {_type(field, anchors)}{needed} | {_text(field)} |\n"
    yield "\n"


def _type(field: dict[str, Any], anchors: dict[str, str]) -> str:
    suffix, inner = _inner(field)
    many = {"[]": "list of ", ".*": "map to "}.get(suffix, "")
    if "properties" in inner:
        return f"{many}[object](#{anchors[_shape(inner)]})"
    if inner.get("x-kubernetes-int-or-string"):
        return f"{many}number or text"
    kind = inner.get("type", "any")
    return many + {"string": "text", "object": "map"}.get(kind, kind)


def _text(field: dict[str, Any]) -> str:
    inner = _inner(field)[1]
    words = [field.get("description") or inner.get("description") or ""]
    if (choices := inner.get("enum")) and not all(str(each) in words[0] for each in choices):
        words.append("One of " + ", ".join(f"`{each}`" for each in choices) + ".")
    low, high = inner.get("minimum"), inner.get("maximum")
    if low is not None and high is not None:
        words.append(f"From {low} to {high}.")
    elif low is not None:
        words.append(f"At least {low}.")
    if (count := field.get("maxItems")) is not None:
        words.append(f"At most {count}.")
    if "default" in field:
        words.append(f"Default: `{json.dumps(field['default'])}`.")
    return " ".join(word for word in words if word).replace("|", "\\|").replace("\n", " ")


def current() -> str:
    """Return the text for the definitions of the project."""
    paths = sorted((ROOT / "crds").glob("*.yaml"))
    return reference([yaml.safe_load(path.read_text()) for path in paths])


def main() -> int:
    """Write the document, or with --check say whether it is current."""
    text = current()
    if "--check" in sys.argv[1:]:
        return int(DOCUMENT.read_text() != text)
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
