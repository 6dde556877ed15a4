from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Osmia


def test_text(osmia: Osmia) -> None:
    result = osmia("explain", "tracingpolicy.spec.kprobes")
    assert result.returncode == 0
    assert result.stdout.startswith(b"KIND:     TracingPolicy\nVERSION:  cilium.io/v1alpha1\n")
    assert b"  call\t<string> -required-\n" in result.stdout


def test_schema(osmia: Osmia) -> None:
    as_json = osmia("explain", "tp[spec][kprobes]", "-o", "json").stdout
    as_yaml = osmia("explain", "tp.spec.kprobes", "-o", "yaml").stdout
    assert json.loads(as_json)["items"]["properties"]["call"]["type"] == "string"
    assert yaml.safe_load(as_yaml) == json.loads(as_json)


def test_list(osmia: Osmia) -> None:
    assert osmia("explain", "--list").stdout.splitlines()[0].split() == [
        b"NAME",
        b"SHORTNAMES",
        b"APIVERSION",
    ]
    listed = json.loads(osmia("explain", "--list", "-o", "json").stdout)
    assert {"TracingPolicy", "ExportConfig"} <= {each["name"] for each in listed}


def test_mistakes(osmia: Osmia) -> None:
    assert osmia("explain").stderr.startswith(b"Error: name a resource")
    result = osmia("explain", "tp.spec.kprobe")
    assert result.returncode == 1
    assert b"did you mean kprobes?" in result.stderr
