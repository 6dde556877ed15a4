"""The report of a node."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from osmia_agent.kube.bundle_set import EMPTY, BadBundle, BundleSet
from osmia_agent.kube.node_report import (
    AgentIdentity,
    build_report,
    build_tracing_node,
    read_boot_id,
)
from osmia_agent.kube.outcome import Outcome, State
from osmia_api.tracing_node import TracingNode

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = AgentIdentity("node-a", "boot", "pod", "1.0", "6.1")


def refusing(bundle_id: str) -> BundleSet:
    return BundleSet(EMPTY.bundles, MappingProxyType({bundle_id: BadBundle("damaged", "0b")}))


def test_nothing_yet() -> None:
    assert build_report(IDENTITY, EMPTY, {}) == {
        "bootId": "boot",
        "podUid": "pod",
        "version": "1.0",
        "kernel": "6.1",
        "loaded": 0,
        "failed": 0,
        "bundles": {},
        "details": [],
    }


def test_each_state() -> None:
    report = build_report(
        IDENTITY,
        refusing("e"),
        {
            "a": Outcome("0a", State.LOADED),
            "b": Outcome("1b", State.FAILED, "why", in_force="0b"),
            "c": Outcome("0c", State.SKIPPED, "over"),
            "d": Outcome("0d", State.DISABLED),
            "e": Outcome("0e", State.LOADED),
        },
    )
    assert report["bundles"] == {"a": "0a", "b": "0b", "e": "0e"}
    assert (report["loaded"], report["failed"]) == (3, 2)
    assert report["details"] == [
        {
            "bundle": "b",
            "hash": "1b",
            "state": "Failed",
            "reason": "why (version 0b stays in force)",
        },
        {"bundle": "c", "hash": "0c", "state": "Skipped", "reason": "over"},
        {"bundle": "d", "hash": "0d", "state": "Disabled", "reason": ""},
        {
            "bundle": "e",
            "hash": "0b",
            "state": "Failed",
            "reason": "damaged (version 0e stays in force)",
        },
    ]


def test_has_the_form_of_the_model() -> None:
    report = build_report(IDENTITY, refusing("e"), {"b": Outcome("1", State.FAILED, "x" * 5000)})
    manifest = {**build_tracing_node("node-a", "u"), "status": report}
    assert TracingNode.model_validate(manifest).status is not None


def test_five_hundred_bundles_are_some_seventeen_kilobytes() -> None:
    outcomes = {f"{number:020x}": Outcome(f"{number:08x}", State.LOADED) for number in range(500)}
    assert len(json.dumps(build_report(IDENTITY, EMPTY, outcomes), separators=(",", ":"))) < 18_000


def test_belongs_to_the_node_if_there_is_one() -> None:
    (owner,) = build_tracing_node("node-a", "u")["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "Node", "name": "node-a", "uid": "u"}
    assert "ownerReferences" not in build_tracing_node("node-a", "")["metadata"]


def test_boot_id(tmp_path: Path) -> None:
    assert read_boot_id(str(tmp_path)) == ""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("1234\n")
    assert read_boot_id(str(tmp_path)) == "1234"
