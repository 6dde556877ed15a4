"""ConfigMaps: complete, and every change of them noticed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from osmia_api.bundle import bundle_of_config_map
from osmia_operator.config_map import build_config_map, fingerprint, observe

from .objects import bundle, export_config, policy


@pytest.mark.parametrize("manifest", [policy(), policy(namespace="shop"), export_config()])
def test_agents_can_read_it(manifest: dict[str, Any]) -> None:
    made = bundle(manifest)
    assert bundle_of_config_map(build_config_map(made, "osmia")) == made


def test_belongs_to_a_source_of_the_cluster_only() -> None:
    metadata = build_config_map(bundle(policy()), "osmia")["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert owner == {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "name": "web",
        "uid": "uid-web",
        "controller": True,
        "blockOwnerDeletion": False,
    }
    namespaced = build_config_map(bundle(policy(namespace="shop")), "osmia")["metadata"]
    assert "ownerReferences" not in namespaced
    assert namespaced["annotations"]["osmia.dev/source"] == "TracingPolicyNamespaced shop/web"


@pytest.mark.parametrize(
    "path",
    [
        ("data", "bundle.json"),
        ("metadata", "labels", "osmia.dev/bundle"),
        ("metadata", "annotations", "osmia.dev/sha256"),
        ("metadata", "annotations", "osmia.dev/source"),
        ("metadata", "ownerReferences"),
    ],
)
def test_changes_are_noticed(path: tuple[str, ...]) -> None:
    good = build_config_map(bundle(), "osmia")
    for value in (None, "other" if path[-1] != "ownerReferences" else []):
        spoiled = copy.deepcopy(good)
        place = spoiled
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        assert fingerprint(spoiled) != fingerprint(good)


def test_what_others_add_makes_no_difference() -> None:
    good = build_config_map(bundle(), "osmia")
    other = copy.deepcopy(good)
    other["metadata"] |= {"resourceVersion": "5", "uid": "u"}
    other["metadata"]["labels"]["theirs"] = "x"
    other["data"]["theirs"] = "x"
    assert fingerprint(other) == fingerprint(good)


def test_observe() -> None:
    made = bundle(policy(generation=4))
    config_map = build_config_map(made, "osmia")
    config_map["metadata"]["uid"] = "u"
    seen = observe(config_map)
    assert (seen.name, seen.uid, seen.source) == (made.source.config_map_name, "u", made.source)
    assert (seen.source_uid, seen.generation) == ("uid-web", 4)
    config_map["data"] = {}
    assert observe(config_map).source is None
