"""The custom resource definitions: current, structural, and with every field of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from osmia_api.crds import build_crds, main, render

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FIELDS = Path(__file__).parent / "tracing_policy" / "fields.txt"
CRDS = build_crds()
SCHEMAS = {
    crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for crd in CRDS.values()
}


def stated_fields() -> set[str]:
    """The lines of the table, with each reference to a group of fields replaced by its fields."""
    groups: dict[str, list[str]] = {}
    for line in FIELDS.read_text().splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("  "):
            groups[next(reversed(groups))].append(line.strip())
        else:
            groups[line] = []

    def expand(lines: list[str], prefix: str) -> Iterator[str]:
        for line in lines:
            statement, _, group = line.partition(" = ")
            yield prefix + statement
            if group:
                yield from expand(groups[group], prefix + statement.split()[0] + ".")

    return set(expand(groups["TracingPolicy"], ""))


def generated_fields(schema: dict[str, Any], path: str, *, required: bool) -> Iterator[str]:
    """A schema in the form of the table."""
    kind = schema.get("format") if schema["type"] == "integer" else schema["type"]
    if schema["type"] == "array":
        kind = "list"
    elif "additionalProperties" in schema:
        kind = "map"
    words = [path, kind]
    if "minimum" in schema:
        words.append(f"min={schema['minimum']}")
    if required and "default" not in schema:
        words.append("required")
    if "default" in schema:
        words.append(f"default={json.dumps(schema['default'])}")
    if "enum" in schema:
        words.append(f"enum={','.join(schema['enum'])}")
    words += [f"{k}={schema[k]}" for k in ("maxItems", "maxLength", "pattern") if k in schema]
    words += [
        f"{k}-type={schema[f'x-kubernetes-{k}-type']}"
        for k in ("list", "map")
        if f"x-kubernetes-{k}-type" in schema
    ]
    if "x-kubernetes-validations" in schema:
        words.append(f"rules={len(schema['x-kubernetes-validations'])}")
    yield " ".join(words)
    if "items" in schema:
        yield from generated_fields(schema["items"], f"{path}[]", required=False)
    if "additionalProperties" in schema:
        values = schema["additionalProperties"]
        yield from generated_fields(values, f"{path}{{}}", required=False)
    for name, child in schema.get("properties", {}).items():
        demanded = name in schema.get("required", ())
        yield from generated_fields(child, f"{path}.{name}", required=demanded)


@pytest.mark.parametrize("kind", ["TracingPolicy", "TracingPolicyNamespaced"])
def test_schema_has_the_fields_of_the_contract_and_no_others(kind: str) -> None:
    spec = SCHEMAS[kind]["properties"]["spec"]
    assert set(generated_fields(spec, "spec", required=True)) == stated_fields()


@pytest.mark.parametrize("name", CRDS)
def test_published_files_are_current(name: str) -> None:
    assert (ROOT / "crds" / name).read_text() == render(CRDS[name])


def test_no_other_files_are_published() -> None:
    assert {path.name for path in (ROOT / "crds").iterdir()} == set(CRDS)


def test_writes_the_files_it_is_asked_for(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert {p.name: yaml.safe_load(p.read_text()) for p in (tmp_path / "new").iterdir()} == CRDS


def test_without_a_directory_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: python -m osmia_api.crds DIRECTORY" in capsys.readouterr().err


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    yield schema
    for child in (*schema.get("properties", {}).values(), schema.get("items")):
        if child is not None:
            yield from parts(child)
    if "additionalProperties" in schema:
        yield from parts(schema["additionalProperties"])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schema_is_structural(kind: str) -> None:
    allowed = {
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-validations",
    }
    for part in parts(SCHEMAS[kind]):
        assert part.keys() <= allowed
        assert not {"properties", "additionalProperties"} <= part.keys()


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_field_is_explained(kind: str) -> None:
    for part in parts(SCHEMAS[kind]):
        for name, field in part.get("properties", {}).items():
            assert name == "metadata" or field["description"].endswith("."), name


def test_choices_that_kubectl_leaves_out_are_in_the_description() -> None:
    spec = SCHEMAS["TracingPolicy"]["properties"]["spec"]
    argument = spec["properties"]["kprobes"]["items"]["properties"]["args"]["items"]["properties"]
    assert argument["type"]["description"].endswith("dentry, bpf_prog.")


def test_rules_of_the_namespaced_kind() -> None:
    rules = [
        rule["rule"] for rule in SCHEMAS["TracingPolicyNamespaced"]["x-kubernetes-validations"]
    ]
    assert rules[0] == "!has(self.spec.hostSelector)"
    assert "size(self.spec.uprobes) == 0" in rules[1]
    assert "x-kubernetes-validations" not in SCHEMAS["TracingPolicy"]


@pytest.mark.parametrize("kind", ["TracingPolicy", "TracingPolicyNamespaced", "ExportConfig"])
def test_status(kind: str) -> None:
    status = SCHEMAS[kind]["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-type"] == "map"
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert status["failures"]["maxItems"] == 10
    assert status["nodes"]["properties"].keys() == {"desired", "programmed", "failed", "summary"}
    assert "status" not in SCHEMAS[kind]["required"]


@pytest.mark.parametrize(
    ("kind", "group", "plural", "short_name", "scope"),
    [
        ("TracingPolicy", "cilium.io", "tracingpolicies", "tgtp", "Cluster"),
        (
            "TracingPolicyNamespaced",
            "cilium.io",
            "tracingpoliciesnamespaced",
            "tgtpn",
            "Namespaced",
        ),
        ("ExportConfig", "osmia.dev", "exportconfigs", "oec", "Cluster"),
        ("TracingNode", "osmia.dev", "tracingnodes", "otn", "Cluster"),
    ],
)
def test_names(kind: str, group: str, plural: str, short_name: str, scope: str) -> None:
    crd = CRDS[f"{group}_{plural}.yaml"]
    spec = crd["spec"]
    assert crd["metadata"]["name"] == f"{plural}.{group}"
    assert (spec["group"], spec["scope"]) == (group, scope)
    assert spec["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short_name],
        "categories": ["osmia", "tetragon"] if group == "cilium.io" else ["osmia"],
    }
    (version,) = spec["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    if kind == "TracingNode":
        assert columns == ["Loaded", "Failed", "Version", "Kernel", "Age"]
    else:
        assert columns == ["Ready", "Nodes", "Mode", "Reason", "Age"]


def test_export_config_says_what_it_does_by_default() -> None:
    spec = SCHEMAS["ExportConfig"]["properties"]["spec"]
    assert spec["required"] == ["sink"]
    assert spec["properties"]["mode"]["default"] == "Active"
    assert spec["properties"]["rateLimit"]["default"] == -1
    assert spec["properties"]["rateLimit"]["minimum"] == -1
    file = spec["properties"]["sink"]["properties"]["file"]["properties"]
    defaults = {name: field["default"] for name, field in file.items() if "default" in field}
    assert defaults == {"maxSizeMB": 10, "maxBackups": 5, "compress": True, "permissions": "600"}


def test_rules_of_sinks() -> None:
    sink = SCHEMAS["ExportConfig"]["properties"]["spec"]["properties"]["sink"]
    assert [rule["message"] for rule in sink["x-kubernetes-validations"]] == [
        "exactly one of file and stdout must be given"
    ]


def test_reports_of_nodes_are_replaced_whole() -> None:
    status = SCHEMAS["TracingNode"]["properties"]["status"]["properties"]
    assert status["bundles"]["x-kubernetes-map-type"] == "atomic"
    assert status["details"]["x-kubernetes-list-type"] == "atomic"


@pytest.mark.parametrize("name", CRDS)
def test_fits_into_the_annotation_of_kubectl_apply(name: str) -> None:
    assert len(json.dumps(CRDS[name])) < 256 * 1024
