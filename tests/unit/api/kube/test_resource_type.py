"""Paths of the API."""

from __future__ import annotations

from osmia_api.crds import build_crds
from osmia_api.kube.resource_type import (
    CONFIG_MAPS,
    SOURCE_TYPES,
    TRACING_NODES,
    TRACING_POLICIES,
)


def test_paths() -> None:
    assert CONFIG_MAPS.path() == "/api/v1/configmaps"
    assert CONFIG_MAPS.path("ns", "a") == "/api/v1/namespaces/ns/configmaps/a"
    assert TRACING_POLICIES.path("", "a", "status") == (
        "/apis/cilium.io/v1alpha1/tracingpolicies/a/status"
    )
    assert CONFIG_MAPS.path("ns", "../x") == "/api/v1/namespaces/ns/configmaps/..%2Fx"


def test_the_custom_ones_are_those_of_the_definitions() -> None:
    defined = {
        (crd["spec"]["group"], crd["spec"]["names"]["plural"], crd["spec"]["names"]["kind"])
        for crd in build_crds().values()
    }
    used = {(t.group, t.plural, t.kind) for t in (*SOURCE_TYPES.values(), TRACING_NODES)}
    assert used == defined
