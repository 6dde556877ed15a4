"""Values as people write them: empty keys, numbers as texts, a whole file of Tetragon's chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.helm import CHART, HelmError
from tests.chart.rendered import Object, container, merged, names, nested, one

if TYPE_CHECKING:
    from tests.chart.helm import Helm

NORMAL = json.loads((CHART / "files/values.json").read_text())
TETRAGON: Object = yaml.safe_load((Path(__file__).parent / "tetragon-values.yaml").read_text())


def default(leaf: Object) -> Any:
    place = NORMAL["defaults"]
    for name in (*leaf["parents"], leaf["name"]):
        place = place[name]
    return place


def at(leaf: Object, value: Any) -> Object:
    return nested(".".join((*leaf["parents"], leaf["name"])), value)


def together(values: list[Object]) -> Object:
    return merged({}, *values)


def test_texts_stand_for_numbers_and_switches(helm: Helm) -> None:
    values = [
        at(leaf, str(default(leaf)).lower())
        for leaf in NORMAL["values"]
        if leaf["type"] in ("boolean", "integer")
    ]
    assert len(values) > 40
    assert helm.template(together(values)) == helm.template()


def test_what_is_empty_stands_for_the_default_where_nothing_cannot_be_meant(helm: Helm) -> None:
    for nothing in ("", None):
        values = [
            at(leaf, nothing)
            for leaf in NORMAL["values"]
            if leaf["empty"] == default(leaf) and leaf["type"] not in ("array", "object")
        ]
        assert len(values) > 40
        assert helm.template(together(values)) == helm.template()


@pytest.mark.parametrize(
    "leaf",
    [leaf for leaf in NORMAL["values"] if leaf["empty"] != default(leaf)],
    ids=lambda leaf: ".".join((*leaf["parents"], leaf["name"])),
)
def test_a_deleted_value_is_none(helm: Helm, leaf: Object) -> None:
    if leaf["name"] == "enableK8sAPI":
        with pytest.raises(HelmError, match=r"tetragon\.enableK8sAPI: false"):
            helm.template(at(leaf, None))
        return
    objects = helm.template(at(leaf, None))
    # A map that is given as empty is laid over the chart's, and so nothing.
    if leaf["type"] != "object":
        assert objects == helm.template(at(leaf, leaf["empty"]))


def test_a_part_with_nothing_below_it_is_that_of_the_chart(helm: Helm) -> None:
    parts = {tuple(leaf["parents"]) for leaf in NORMAL["values"]} - {()}
    assert len(parts) > 20
    for part in parts:
        assert helm.template(nested(".".join(part), None)) == helm.template(), part


def test_a_large_number_is_written_out(helm: Helm) -> None:
    values = [
        at(leaf, 2_000_000)
        for leaf in NORMAL["values"]
        if leaf["type"] == "integer" and "maximum" not in leaf
    ]
    objects = helm.template(merged(together(values), nested("tetragon.extraArgs.rb-size", 1 << 22)))
    assert "e+06" not in json.dumps(objects)
    options = one(objects, "ConfigMap", "osmia-config")["data"]
    assert options["process-cache-size"] == "2000000"
    agent = container(one(objects, "DaemonSet", "osmia"), "osmia")
    assert "--rb-size=4194304" in agent["args"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("tetragon.prometheus.port", "70000", r"tetragon\.prometheus\.port: 70000: the maximum"),
        ("tetragon.processCacheSize", "0", r"tetragon\.processCacheSize: 0: the minimum is 1"),
        ("tetragon.processCacheSize", "many", "processCacheSize"),
        ("tetragon.enableProcessCred", "yes", "enableProcessCred"),
        ("tetragon.image.tag", 1.10, "tag"),
        ("tetragon.exportFilePerm", 0o640, "exportFilePerm"),
        ("tetragon.exportFilePerm", "rw-r-----", "exportFilePerm"),
        ("tetragon.grpc.tls.auto.metod", "helm", "metod"),
        ("tetragonOperator.containerSecurityContext", [], "containerSecurityContext"),
        ("tolerations", {"operator": "Exists"}, "tolerations"),
        ("tetragon", "on", "tetragon"),
        ("tetragon.extraArgs.export-allow-list", "x", r"tetragon\.extraArgs\.export-allow-list"),
        ("tetragon.grpc.address", ":54321", r"tetragon\.grpc\.address: others than this node"),
        ("tetragon.grpc.address", "0.0.0.0", r"tetragon\.grpc\.address: others than this node"),
        ("tetragon.image.override", "quay.io/cilium/tetragon:v1.7.0", r"image\.override"),
        ("tetragon.image.repository", "mirror.example/cilium/tetragon", "Tetragon's image"),
    ],
)
def test_what_cannot_be_meant_is_refused(helm: Helm, path: str, value: Any, said: str) -> None:
    with pytest.raises(HelmError, match=said):
        helm.template(nested(path, value))


@pytest.mark.parametrize(("given", "meant"), [(600, "600"), (640, "640"), ("0600", "0600")])
def test_permissions_of_the_log_are_octal(helm: Helm, given: Any, meant: str) -> None:
    objects = helm.template(nested("tetragon.exportFilePerm", given))
    sink = one(objects, "ExportConfig", "default")["spec"]["sink"]["file"]
    assert sink["permissions"] == meant


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:5", "[::1]:5", "unix:///x.sock"])
def test_an_address_of_this_node_alone_needs_no_tls(helm: Helm, address: str) -> None:
    helm.template(nested("tetragon.grpc.address", address))


@pytest.mark.parametrize("value", ["", "true", True])
def test_an_address_for_others_without_tls_is_asked_for(helm: Helm, value: Any) -> None:
    values = {"grpc": {"address": ":54321"}, "extraArgs": {"server-insecure-tcp": value}}
    helm.template({"tetragon": values})


def test_images_of_tetragon_are_replaced(helm: Helm) -> None:
    own = [each["image"] for each in images(helm.template())]
    for values in (
        {"repository": "quay.io/cilium/tetragon", "tag": "v1.7.0"},
        {"repository": "quay.io/cilium/tetragon"},
        {"tag": "v1.2.0"},
    ):
        assert [
            each["image"] for each in images(helm.template(nested("tetragon.image", values)))
        ] == own
    mine = helm.template(nested("tetragon.image", {"repository": "r.example/a", "tag": "v1"}))
    assert {each["image"] for each in images(mine)} == {"r.example/a:v1"}


def images(objects: list[Object]) -> list[Object]:
    return list(one(objects, "DaemonSet", "osmia")["spec"]["template"]["spec"]["containers"])


def test_a_whole_file_of_tetragons_chart_is_taken(helm: Helm) -> None:
    objects = helm.template(TETRAGON)
    assert names(objects, "DaemonSet") == {"osmia"}
    options = one(objects, "ConfigMap", "osmia-config")["data"]
    assert options["export-filename"] == "/var/log/tetragon/tetragon.log"
    assert options["server-address"] == "unix:///var/run/tetragon/tetragon.sock"
    assert options["event-cache-retries"] == "15"


@pytest.mark.parametrize(
    "workload", [("tetragonOperator.strategy", "Recreate"), ("updateStrategy", "OnDelete")]
)
def test_another_strategy_has_nothing_of_rolling_updates(
    helm: Helm, workload: tuple[str, str]
) -> None:
    path, kind = workload
    objects = helm.template(nested(path, {"type": kind}))
    strategies = [
        spec.get("strategy", spec.get("updateStrategy"))
        for spec in (
            each["spec"] for each in objects if each["kind"] in ("DaemonSet", "Deployment")
        )
    ]
    assert {"type": kind} in strategies
