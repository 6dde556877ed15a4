"""Bundles of a node kept up to date; watches and reports are tried in the cluster tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.kube import KubernetesSide
from osmia_agent.kube.bundle_set import BadBundle
from osmia_agent.kube.node_report import AgentIdentity
from osmia_api.kube.client import KubeClient
from tests.unit.api.kube.http_server import connection_to

from .bundles import export

if TYPE_CHECKING:
    from pathlib import Path

WEB = export("web", nodeSelector={"matchLabels": {"pool": "web"}})
ALL = export("all")
NAMES = {WEB.id: WEB, ALL.id: ALL}


class Changes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def side(directory: Path, changes: Changes) -> KubernetesSide:
    """One that is not started: nothing is watched."""
    client = KubeClient(connection_to("http://127.0.0.1:9"), "test")
    identity = AgentIdentity("node-a", "boot", "pod", "1.0", "6.1")
    return KubernetesSide(client, "osmia", identity, directory, changes)


def test_nothing_is_taken_for_gone_before_both_lists_are_known(tmp_path: Path) -> None:
    changes = Changes()
    first = side(tmp_path, changes)
    first.set_bundles(NAMES)
    assert changes.count == 0
    first.set_labels({"pool": "web"})
    assert changes.count == 1
    assert set(first.bundles.bundles) == set(NAMES)

    again = side(tmp_path, changes)
    assert set(again.bundles.bundles) == set(NAMES)
    again.set_labels({})
    assert set(again.bundles.bundles) == set(NAMES)
    again.set_bundles(NAMES)
    assert set(again.bundles.bundles) == {ALL.id}
    assert set(side(tmp_path, changes).bundles.bundles) == {ALL.id}


def test_snapshots_never_change(tmp_path: Path) -> None:
    changes = Changes()
    it = side(tmp_path, changes)
    it.set_labels({})
    it.set_bundles({ALL.id: ALL})
    before = it.bundles
    it.put_bundle(ALL.id, export("all", generation=2))
    it.drop_bundle(WEB.id)
    assert before.bundles[ALL.id].generation == 1
    assert it.bundles.bundles[ALL.id].generation == 2
    assert changes.count == 2
    it.put_bundle(ALL.id, export("all", generation=2))
    assert changes.count == 2


def test_a_damaged_bundle_keeps_the_good_one_also_over_a_restart(tmp_path: Path) -> None:
    changes = Changes()
    it = side(tmp_path, changes)
    it.set_labels({})
    it.set_bundles({ALL.id: ALL})
    it.put_bundle(ALL.id, BadBundle("damaged"))
    assert it.bundles.bundles[ALL.id] == ALL
    assert list(it.bundles.refused) == [ALL.id]
    again = side(tmp_path, changes)
    again.set_labels({})
    again.set_bundles({ALL.id: BadBundle("damaged")})
    assert again.bundles.bundles[ALL.id] == ALL


def test_gone_while_the_agent_was_down(tmp_path: Path) -> None:
    changes = Changes()
    it = side(tmp_path, changes)
    it.set_labels({})
    it.set_bundles({ALL.id: ALL})
    again = side(tmp_path, changes)
    again.set_bundles({})
    again.set_labels({})
    assert again.bundles.bundles == {}
    assert list(tmp_path.iterdir()) == []
