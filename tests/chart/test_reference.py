from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def load():
    spec = importlib.util.spec_from_file_location("r", ROOT / "scripts/chart_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load()


def test_what_follows_from_the_values_is_current() -> None:
    for path, content in reference.outputs().items():
        assert path.read_text() == content, f"{path.name}: run `make chart`"


def test_every_value_is_in_the_schema_and_in_the_readme() -> None:
    values = yaml.safe_load((reference.CHART / "values.yaml").read_text())
    schema = json.loads((reference.CHART / "values.schema.json").read_text())
    readme = (reference.CHART / "README.md").read_text()

    def check(given, place, path) -> None:
        for key, value in given.items():
            here = place["properties"][key]
            if "properties" in here:
                check(value, here, f"{path}{key}.")
            else:
                assert here["description"]
                assert f"| `{path}{key}` |" in readme

    check(values, schema, "")


def test_a_value_without_description_is_refused() -> None:
    with pytest.raises(reference.ChartValuesError, match=r"values.yaml:4: a.c has no description"):
        reference.read_values("a:\n  # -- This one has.\n  b: 1\n  c: 2\n")


def test_the_schema_knows_types_and_what_is_added_to_them() -> None:
    text = '# -- Words.\n# @schema {"enum": ["x", "y"]}\nword: x\n# -- Names.\nnames: [a]\n'
    schema = reference.schema(reference.read_values(text), [])
    assert schema["properties"]["word"] == {
        "enum": ["x", "y", "", None],
        "description": "Words.",
        "default": "x",
    }
    assert schema["properties"]["names"]["items"] == {"type": "string"}
    assert schema["additionalProperties"] is False


def test_a_bad_addition_names_its_value() -> None:
    with pytest.raises(reference.ChartValuesError, match="@schema of word"):
        reference.read_values("# -- Words.\n# @schema {enum}\nword: x\n")
