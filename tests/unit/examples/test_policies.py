"""Policies pass the compiler; that they load is tested with the kernel's own in tests/bpf."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from osmia_api.tracing_policy import load_policy

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "examples/policies").iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_is_valid_and_named_as_its_file(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    assert path.suffix == ".yaml"
    assert load_policy(text).metadata.name == path.stem
    assert yaml.safe_load(text)["metadata"]["name"] == path.stem
