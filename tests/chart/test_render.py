from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from osmia_agent.settings import load_settings
from osmia_api.export_config import load_export_config
from tests.chart.helm import CHART, Helm, HelmError
from tests.chart.rendered import Object, container, merged, names, nested, one

ROOT = Path(__file__).parents[2]
UNSUPPORTED = yaml.safe_load((CHART / "files/unsupported.yaml").read_text())


MATRIX: dict[str, Object] = {
    "default": {},
    "tetragon": {"nameOverride": "tetragon"},
    "no operator": {"tetragonOperator": {"enabled": False}},
    "standalone": {
        "tetragon": {"enableK8sAPI": False},
        "tetragonOperator": {"enabled": False},
    },
    "agent only off": {"tetragon": {"enabled": False}},
    "nothing": {"enabled": False, "tetragonOperator": {"enabled": False}},
    "no grpc": nested("tetragon.grpc.enabled", False),
    "grpc on a socket": nested("tetragon.grpc.address", "unix:///var/run/tetragon/x.sock"),
    "tls": nested("tetragon.grpc.tls", {"enabled": True, "requireClientCert": True}),
    "tls by cert-manager": nested(
        "tetragon.grpc.tls",
        {
            "enabled": True,
            "auto": {"method": "certmanager", "certManagerIssuerRef": {"name": "ca"}},
        },
    ),
    "tls by hand": nested(
        "tetragon.grpc.tls", {"enabled": True, "server": {"existingSecret": "mine"}}
    ),
    "no metrics": nested("tetragon.prometheus.enabled", False),
    "no probes": merged(
        nested("tetragon.prometheus.enabled", False), nested("tetragon.healthGrpc.enabled", False)
    ),
    "monitoring": {
        "tetragon": {
            "prometheus": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
        },
        "tetragonOperator": {"prometheus": {"serviceMonitor": {"enabled": True}}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
        "networkPolicy": {"enabled": True},
        "admissionPolicy": {"enabled": True},
    },
    "many operators": {"tetragonOperator": {"replicas": 3, "webhook": {"enabled": True}}},
    "no log": nested("tetragon.exportFilename", ""),
    "no sidecar": nested("export.mode", ""),
    "privileged": nested("tetragon.securityContext.privileged", True),
    "extras": {
        "extraHostPathMounts": [{"name": "x", "mountPath": "/x"}],
        "extraConfigmapMounts": [{"name": "y", "mountPath": "/y", "readOnly": False}],
        "extraVolumes": [{"name": "z", "emptyDir": {}}],
        "tetragon": {
            "extraArgs": {"log-format": "json", "enable-process-ns": ""},
            "extraEnv": [{"name": "A", "value": "b"}],
            "extraVolumeMounts": [{"name": "z", "mountPath": "/z"}],
            "btf": "/boot/btf",
        },
        "podLabels": {"team": "security"},
        "podAnnotations": {"a": "b"},
        "imagePullSecrets": [{"name": "s"}],
    },
    "upstream's own defaults": {},
}
for group in UNSUPPORTED:
    for path, default in group["keys"].items():
        MATRIX["upstream's own defaults"] = merged(
            MATRIX["upstream's own defaults"], nested(path, default)
        )


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_lint_finds_nothing(helm: Helm, values: Object) -> None:
    helm.run("lint", values=values, strict=True)


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_objects_are_well_formed(helm: Helm, values: Object) -> None:
    objects = helm.template(values)
    keys = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in objects
    ]
    assert len(set(keys)) == len(keys)
    for each in objects:
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "osmia"
    for workload in (each for each in objects if each["kind"] in ("DaemonSet", "Deployment")):
        pod = workload["spec"]["template"]
        selector = workload["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod["metadata"]["labels"].items()
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        for each in pod["spec"]["containers"]:
            assert {mount["name"] for mount in each["volumeMounts"]} <= volumes


def options(objects: list[Object], name: str = "osmia") -> dict[str, str]:
    """All options that an agent gets, by their names."""
    return {
        **one(objects, "ConfigMap", f"{name}-config")["data"],
        **one(objects, "ConfigMap", f"{name}-export")["data"],
    }


@pytest.mark.parametrize("name", ["default", "tls", "no grpc", "no metrics", "no log", "extras"])
def test_the_agent_knows_its_options(helm: Helm, tmp_path: Path, name: str) -> None:
    objects = helm.template(MATRIX[name])
    for option, value in options(objects).items():
        (tmp_path / option).write_text(value)
    arguments = container(one(objects, "DaemonSet", "osmia"), "osmia")["args"]
    given = [each.replace("/etc/osmia/options", str(tmp_path)) for each in arguments]
    loaded = load_settings(given, {})
    assert not loaded.warnings


def test_names_follow_nameOverride(helm: Helm) -> None:  # noqa: N802 - the value's name
    objects = helm.template(MATRIX["tetragon"])
    workload = one(objects, "DaemonSet", "tetragon")
    pod = workload["spec"]["template"]
    assert [each["name"] for each in pod["spec"]["containers"]] == ["export-stdout", "tetragon"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "tetragon"
    assert names(objects, "Deployment") == {"tetragon-operator"}


def test_the_agent_is_not_privileged(helm: Helm) -> None:
    security = container(one(helm.template(), "DaemonSet", "osmia"), "osmia")["securityContext"]
    assert "privileged" not in security
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"]["drop"] == ["ALL"]
    assert "SYS_ADMIN" not in security["capabilities"]["add"]


def test_every_capability_has_its_reason() -> None:
    lines = (CHART / "templates/agent/_capabilities.tpl").read_text().splitlines()
    added = lines[lines.index("add:") + 1 : lines.index("{{- end }}")]
    assert added[0::2] == [line for line in added if line.startswith("  # ")]
    assert len(added) % 2 == 0


def test_the_operator_is_not_root(helm: Helm) -> None:
    operator = container(one(helm.template(), "Deployment", "osmia-operator"), "osmia-operator")
    security = operator["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_filters_replace_no_pod_and_other_options_do(helm: Helm) -> None:
    def template_of(values: Object) -> Object:
        spec: Object = one(helm.template(values), "DaemonSet", "osmia")["spec"]["template"]
        return spec

    filters = {
        "exportAllowList": '{"event_set": ["PROCESS_EXEC"]}',
        "exportDenyList": "",
        "fieldFilters": '{"fields": "process.pod", "action": "EXCLUDE"}',
        "redactionFilters": '{"redact": ["(x)"]}',
        "exportRateLimit": 10,
        "exportFileMaxSizeMB": 5,
    }
    assert template_of({"tetragon": filters}) == template_of({})
    assert template_of({"tetragon": {"enableProcessCred": True}}) != template_of({})


DOCUMENTED = {
    "exportAllowList": '{"event_set": ["PROCESS_EXEC", "PROCESS_EXIT"], "namespace": "foo"}\n'
    '{"event_set": ["PROCESS_KPROBE"]}',
    "exportDenyList": "",
    "fieldFilters": '{"fields":"process.exec_id,process.parent_exec_id",'
    ' "event_set": ["PROCESS_EXEC"], "invert_event_set": true, "action": "INCLUDE"}',
    "redactionFilters": '{"redact": ["--password(?:\\\\s+|=)(\\\\S*)"]}\n'
    '{"binary_regex": ["(?:^|/)foo$"], "redact": ["-p(?:\\\\s+|=)(\\\\S*)"]}',
}


def test_the_documented_filters_become_the_pipeline_default(helm: Helm) -> None:
    spec = one(helm.template({"tetragon": DOCUMENTED}), "ExportConfig", "default")["spec"]
    assert spec["allowList"] == [
        {"eventSet": ["PROCESS_EXEC", "PROCESS_EXIT"], "namespace": ["foo"]},
        {"eventSet": ["PROCESS_KPROBE"]},
    ]
    assert "denyList" not in spec
    assert spec["fieldFilters"] == [
        {
            "fields": ["process.exec_id", "process.parent_exec_id"],
            "eventSet": ["PROCESS_EXEC"],
            "invertEventSet": True,
            "action": "INCLUDE",
        }
    ]
    assert spec["redactionFilters"] == [
        {"redact": [r"--password(?:\s+|=)(\S*)"]},
        {"binaryRegex": ["(?:^|/)foo$"], "redact": [r"-p(?:\s+|=)(\S*)"]},
    ]


PIPELINES: list[Object] = [
    {},
    DOCUMENTED,
    {"exportAllowList": [{"eventSet": ["PROCESS_EXEC"]}], "exportFileRotationInterval": "12h"},
    {
        "exportAllowList": '{"capabilities": {"effective": {"any": ["CAP_BPF"]}}, "pid": 1}\n'
        '{"cel_expression": "process_exec.process.pid > uint(1)", "in_init_tree": false}\n'
        '{"labels": ["a in (b, c)"],\n "pid_set": [1, 2]}'
    },
]


@pytest.mark.parametrize("values", PIPELINES)
def test_the_pipeline_default_is_an_ExportConfig(helm: Helm, values: Object) -> None:  # noqa: N802 - the kind's name
    rendered = one(helm.template({"tetragon": values}), "ExportConfig", "default")
    config = load_export_config(yaml.safe_dump(rendered))
    assert config.spec.sink.file is not None
    assert config.spec.sink.file.path == "tetragon.log"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (nested("tetragon.exportFileMaxSizeMb", 1), "exportFileMaxSizeMb"),
        (nested("exportDirectory", "log"), "exportDirectory"),
        (nested("tetragon.exportFileCompress", "yes"), "exportFileCompress"),
        (nested("tetragon.prometheus.port", 70000), "port"),
        (nested("imagePullPolicy", "Sometimes"), "imagePullPolicy"),
        (nested("nameOverride", "an agent"), "nameOverride"),
        (nested("tetragon.nameOverride", 'a: "b"'), "nameOverride"),
        (nested("tetragonOperator.nameOverride", "Operator"), "nameOverride"),
        (nested("priorityClassName", "a\nhostPID: true"), "priorityClassName"),
        (nested("tetragonOperator.priorityClassName", "a b"), "priorityClassName"),
        (nested("serviceAccount.name", "-x"), "serviceAccount"),
        (nested("tetragonOperator.serviceAccount.name", "x\n"), "serviceAccount"),
        (nested("crds.installMethod", "later"), "installMethod"),
        (nested("tetragon.exportAllowList", '{"event_set": ['), "tetragon.exportAllowList"),
        (nested("tetragon.fieldFilters", "[1]"), "tetragon.fieldFilters"),
        (nested("tetragon.enableK8sAPI", False), "tetragonOperator.enabled"),
        (nested("selectorLabelsOverride", {"a": "b"}), "podLabelsOverride"),
        (
            {"tetragon": {"grpc": {"address": "unix:///x", "tls": {"enabled": True}}}},
            "tetragon.grpc.address",
        ),
        (
            nested("tetragon.grpc.tls", {"enabled": True, "auto": {"enabled": False}}),
            "existingSecret",
        ),
        (
            nested("tetragon.grpc.tls", {"enabled": True, "auto": {"method": "certmanager"}}),
            "certManagerIssuerRef.name",
        ),
        (nested("tetragon.grpc.tls", {"auto": {"method": "cronJob"}}), "method"),
    ],
)
def test_bad_values_are_refused_by_name(helm: Helm, values: Object, said: str) -> None:
    with pytest.raises(HelmError, match=said):
        helm.template(values)


def test_a_NetworkPolicy_lets_in_what_is_served(helm: Helm) -> None:  # noqa: N802 - the kind's name
    def ports(values: Object, name: str = "osmia") -> list[int]:
        objects = helm.template(merged(nested("networkPolicy.enabled", True), values))
        rules = one(objects, "NetworkPolicy", name)["spec"]["ingress"]
        # A rule without ports lets in everything.
        return [port["port"] for rule in rules for port in rule["ports"]]

    assert ports({}) == [2112, 6789]
    assert ports(MATRIX["no metrics"]) == [6789]
    assert ports(MATRIX["no probes"]) == []
    served = {"enabled": True}
    assert ports({"tetragon": {"grpc": {"address": "[::]:99", "tls": served}}}) == [2112, 6789, 99]
    assert ports({"tetragon": {"grpc": {"address": "0.0.0.0", "tls": served}}})[2:] == [54321]
    assert ports({}, "osmia-operator") == [2113]
    assert ports(MATRIX["many operators"], "osmia-operator") == [2113, 9443]


def test_who_may_scrape_does_not_keep_probes_away(helm: Helm) -> None:
    values = nested("networkPolicy", {"enabled": True, "metricsFrom": [{"podSelector": {}}]})
    metrics, health = one(helm.template(values), "NetworkPolicy", "osmia")["spec"]["ingress"]
    assert metrics["from"] == [{"podSelector": {}}]
    assert "from" not in health


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("name", ["default", "many operators"])
def test_roles_are_those_that_the_cluster_tests_prove(helm: Helm, name: str) -> None:
    rules = [
        each["rules"]
        for each in helm.template(MATRIX[name])
        if each["kind"] in ("ClusterRole", "Role") and not each["metadata"]["name"].endswith("crds")
    ]
    optional = {"osmia-agent-outside-pods"}
    if name == "default":
        optional.add("osmia-operator-webhook")
    proved = [
        role["rules"]
        for who in ("agent", "operator")
        for role in yaml.safe_load_all((ROOT / f"deploy/rbac/{who}.yaml").read_text())
        if role["metadata"]["name"] not in optional
    ]
    assert sorted(map(canonical, rules)) == sorted(map(canonical, proved))


def test_what_has_no_effect_is_listed_once() -> None:
    listed = [path for group in UNSUPPORTED for path in group["keys"]]
    assert len(set(listed)) == len(listed)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in listed:
        place: Any = values
        for key in path.split("."):
            place = place.get(key, {}) if isinstance(place, dict) else {}
        assert place == {}, f"{path} is a value of this chart"
