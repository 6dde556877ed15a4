from __future__ import annotations

from typing import Any

import yaml

from scripts.crd_reference import DOCUMENT, ROOT, current, reference


def test_the_document_is_what_the_definitions_say() -> None:
    """After a change of a definition: `make reference`."""
    assert DOCUMENT.read_text() == current()


def _names(schema: Any) -> set[str]:
    found = set()
    if isinstance(schema, dict):
        found |= set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
        for each in schema.values():
            found |= _names(each)
    return found


def test_every_field_of_every_definition_has_a_row() -> None:
    text = current()
    for path in (ROOT / "crds").glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for name in _names(schema) - {"apiVersion", "kind", "metadata", "spec", "status"}:
            assert f"\n| `{name}` | " in text, f"{path.name}: {name}"


def test_links_lead_to_sections() -> None:
    text = current()
    anchors = {part.split('"')[0] for part in text.split('<a id="')[1:]}
    links = {part.split(")")[0] for part in text.split("](#")[1:]}
    assert links
    assert links <= anchors


def test_an_object_at_two_places_is_described_once() -> None:
    item = {"type": "object", "properties": {"pid": {"type": "integer", "minimum": 0}}}
    many = {"type": "array", "items": item}
    spec = {"type": "object", "properties": {"allow": many, "deny": many}}
    definition = {
        "spec": {
            "group": "example.org",
            "scope": "Cluster",
            "names": {"kind": "Sieve", "plural": "sieves", "shortNames": ["sv"]},
            "versions": [
                {
                    "name": "v1",
                    "schema": {"openAPIV3Schema": {"properties": {"kind": {}, "spec": spec}}},
                }
            ],
        }
    }
    text = reference([definition])
    assert text.count("| `pid` | integer | At least 0. |") == 1
    assert "### `spec.allow[]`, `spec.deny[]`" in text
    assert text.count("(#sieve-spec-allow)") == 2
