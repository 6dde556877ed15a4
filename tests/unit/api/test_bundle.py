"""Bundles: canonical, addressed by their source, and refused when damaged."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest

from osmia_api.bundle import (
    Bundle,
    BundleError,
    SourceId,
    bundle_of_config_map,
    make_bundle,
    parse_bundle,
    read_resource,
)

POLICY: dict[str, Any] = {
    "apiVersion": "cilium.io/v1alpha1",
    "kind": "TracingPolicyNamespaced",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "generation": 3},
    "spec": {"tracepoints": [{"subsystem": "syscalls", "event": "sys_enter_chdir"}]},
}
EXPORT: dict[str, Any] = {
    "apiVersion": "osmia.dev/v1alpha1",
    "kind": "ExportConfig",
    "metadata": {"name": "default", "uid": "u-2", "generation": 1},
    "spec": {"sink": {"stdout": {}}, "nodeSelector": {"matchLabels": {"a": "b"}}},
}


def made(manifest: dict[str, Any]) -> Bundle:
    return make_bundle(read_resource(manifest))


def config_map(bundle: Bundle, **changes: Any) -> dict[str, Any]:
    metadata = {
        "name": bundle.source.config_map_name,
        "annotations": {"osmia.dev/sha256": bundle.digest},
    }
    return {"metadata": metadata, "data": {"bundle.json": bundle.payload.decode()}, **changes}


@pytest.mark.parametrize("manifest", [POLICY, EXPORT])
def test_round_trip(manifest: dict[str, Any]) -> None:
    bundle = made(manifest)
    assert parse_bundle(bundle.payload, bundle.digest) == bundle
    assert bundle_of_config_map(config_map(bundle)) == bundle
    assert json.loads(bundle.payload)["spec"] == manifest["spec"]
    assert bundle.digest == hashlib.sha256(bundle.payload).hexdigest()
    assert bundle.digest.startswith(bundle.short_hash)
    assert len(bundle.short_hash) == 8


def test_the_order_of_fields_and_unrelated_metadata_change_nothing() -> None:
    other = {name: copy.deepcopy(POLICY[name]) for name in reversed(POLICY)}
    other["metadata"] |= {"labels": {"a": "b"}, "resourceVersion": "77"}
    assert made(other).payload == made(POLICY).payload


@pytest.mark.parametrize(
    "change", [{"uid": "other"}, {"generation": 4}, {"name": "web2"}, {"namespace": "x"}]
)
def test_identity_changes_the_hash(change: dict[str, Any]) -> None:
    other = {**POLICY, "metadata": {**POLICY["metadata"], **change}}
    assert made(other).digest != made(POLICY).digest


def test_selector() -> None:
    assert made(POLICY).node_selector is None
    selector = made(EXPORT).node_selector
    assert selector is not None
    assert selector.match_labels == {"a": "b"}


def test_names_fit_whatever_the_source_is_called() -> None:
    source = SourceId("TracingPolicyNamespaced", "n" * 63, "p" * 253)
    assert len(source.config_map_name) <= 63
    assert source.config_map_name == f"osmia-bundle-{source.bundle_id}"
    assert str(SourceId("K", "ns", "a")) == "K ns/a"
    assert str(SourceId("K", "", "a")) == "K a"


def test_where_a_part_of_a_name_ends_makes_a_difference() -> None:
    assert SourceId("K", "ab", "c").bundle_id != SourceId("K", "a", "bc").bundle_id


def test_damage_is_noticed() -> None:
    bundle = made(EXPORT)
    damaged = config_map(bundle)
    damaged["data"]["bundle.json"] = damaged["data"]["bundle.json"].replace("stdout", "stdouT")
    with pytest.raises(BundleError, match=r"bundle\.json: its SHA-256 is .* is stated"):
        bundle_of_config_map(damaged)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "not of format 1"),
        ("{", "not valid JSON"),
        ('{"format":2}', "not of format 1"),
        ('{"format":1}', "apiVersion is missing"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_content_that_nobody_of_ours_has_written(content: str, reason: str) -> None:
    payload = content.encode()
    with pytest.raises(BundleError, match=reason):
        parse_bundle(payload, hashlib.sha256(payload).hexdigest())


def test_an_invalid_spec_is_told_with_its_path() -> None:
    content = json.loads(made(EXPORT).payload)
    content["spec"]["rateLimit"] = -2
    payload = json.dumps(content).encode()
    with pytest.raises(BundleError, match=r"bundle\.json: spec\.rateLimit: -2 must be at least -1"):
        parse_bundle(payload, hashlib.sha256(payload).hexdigest())


def test_under_the_name_of_another_source() -> None:
    bundle = made(EXPORT)
    other = config_map(bundle)
    other["metadata"]["name"] = made(POLICY).source.config_map_name
    with pytest.raises(BundleError, match="holds ExportConfig default, whose ConfigMap is"):
        bundle_of_config_map(other)


@pytest.mark.parametrize("parts", [{}, {"metadata": None, "data": None}, {"data": {"x": "y"}}])
def test_without_a_payload(parts: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"data: bundle\.json is missing"):
        bundle_of_config_map(parts)
