"""The custom resource definitions as kubectl shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from osmia_api.crds import build_crds

from .manifests import export_config

if TYPE_CHECKING:
    from .cluster import Cluster

CRDS = list(build_crds().values())


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: str(crd["spec"]["names"]["plural"]))
def test_explain(cluster: Cluster, crd: dict[str, object]) -> None:
    spec = crd["spec"]
    assert isinstance(spec, dict)
    plural = spec["names"]["plural"]
    text = cluster.kubectl("explain", plural, f"--api-version={spec['group']}/v1alpha1")
    assert "DESCRIPTION:" in text
    part = "status" if plural == "tracingnodes" else "spec"
    explained = cluster.kubectl("explain", f"{plural}.{part}", "--recursive")
    assert "<empty>" not in explained
    for name in (spec["names"]["singular"], *spec["names"]["shortNames"]):
        cluster.kubectl(
            "get", name, "-A" if spec["scope"] == "Namespaced" else "--ignore-not-found"
        )


def test_a_field_is_explained(cluster: Cluster) -> None:
    assert "RE2" in cluster.kubectl("explain", "exportconfig.spec.denyList.binaryRegex")
    text = cluster.kubectl("explain", "tracingpolicy.spec.tracepoints.event")
    assert "Name of the tracepoint." in text


def test_categories(cluster: Cluster) -> None:
    cluster.apply(export_config("web"))
    assert "exportconfig" in cluster.kubectl("get", "osmia", "--no-headers")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"mode": "Passive"}, 'Unsupported value: "Passive"'),
        ({"denyList": [{"binaryRegexp": ["x"]}]}, "binaryRegexp"),
        ({"sink": {}}, "exactly one of file and stdout must be given"),
        ({"sink": {"file": {"path": "../x"}}}, "path must name a file"),
        ({"rateLimit": -2}, "rateLimit"),
    ],
)
def test_what_the_schema_refuses(cluster: Cluster, spec: dict[str, object], problem: str) -> None:
    manifest = json.dumps(export_config("web", **spec))
    done = cluster.try_kubectl("create", "--validate=strict", "-f", "-", stdin=manifest)
    assert done.returncode == 1
    assert problem in done.stderr
