"""The command line."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from osmia_api.crds import build_crds
from osmia_operator.main import cli


def test_prints_the_definitions() -> None:
    result = CliRunner().invoke(cli, ["crds"])
    assert result.exit_code == 0
    assert list(yaml.safe_load_all(result.output)) == list(build_crds().values())


def test_says_what_is_wrong_with_options() -> None:
    result = CliRunner().invoke(cli, ["--kubeconfig", "/nowhere/config"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: kubeconfig /nowhere/config: ")


def test_every_option_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cluster.md").read_text()
    documented = set(re.findall(r"^\| `(--[a-z-]+)`", text, re.MULTILINE))
    assert documented == {option for each in cli.params for option in each.opts}
