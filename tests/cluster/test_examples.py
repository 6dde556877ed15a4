"""Example policies and export configurations: the API server and the operator accept them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from .cluster import ROOT, until

if TYPE_CHECKING:
    from .cluster import Cluster

FILES = sorted(
    path
    for folder in ("examples/export", "examples/policies")
    for path in (ROOT / folder).iterdir()
)


def test_all_are_accepted(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.kubectl("create", "namespace", "shop")
    for path in FILES:
        text = path.read_text()
        cluster.kubectl("create", "--validate=strict", "-f", "-", stdin=text)
        manifest = yaml.safe_load(text)
        where = (manifest["kind"].lower(), manifest["metadata"]["name"], "Accepted")
        namespace = manifest["metadata"].get("namespace", "")
        condition = until(lambda w=where, n=namespace: cluster.condition(*w, n))
        assert condition["status"] == "True", condition
        cluster.kubectl("delete", "-f", "-", stdin=text)
    cluster.kubectl("delete", "namespace", "shop", "--wait=false")
