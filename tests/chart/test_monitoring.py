"""Alerts and dashboard: metrics exist, and alerts fire when they should, in Prometheus itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.helm import CHART
from tests.chart.promtool import PromtoolUnavailableError, promtool
from tests.chart.rendered import merged, names, nested, one

if TYPE_CHECKING:
    from tests.chart.helm import Helm

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"osmia_[a-z_]+")
WITH_RULE: dict[str, Any] = {"prometheusRule": {"enabled": True}}


def documented() -> set[str]:
    text = (DOCS / "metrics.md").read_text()
    return set(re.findall(r"^\| `(osmia_\w+)`", text, re.MULTILINE))


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    alerts = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    named = {
        metric
        for group in alerts.values()
        for alert in group
        for metric in NAME.findall(alert["expr"])
    }
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            named |= set(NAME.findall(target["expr"]))
    assert len(named) > 10
    assert named <= documented()


def test_prometheus_gets_its_own_templates_unchanged(helm: Helm) -> None:
    rule = one(helm.template(WITH_RULE), "PrometheusRule", "osmia")
    text = (CHART / "files/alerts.yaml").read_text()
    text = text.replace("@namespace@", "kube-system").replace("@agent@", "osmia")
    assert [group["rules"] for group in rule["spec"]["groups"]] == list(
        yaml.safe_load(text).values()
    )


def test_what_serves_no_metrics_has_no_alerts(helm: Helm) -> None:
    def groups(values: dict[str, Any]) -> list[str]:
        rule = one(helm.template(merged(WITH_RULE, values)), "PrometheusRule", "osmia")
        return [group["name"] for group in rule["spec"]["groups"] or []]

    assert groups({}) == ["osmia-agent", "osmia-operator"]
    assert groups(nested("tetragonOperator.enabled", False)) == ["osmia-agent"]
    assert groups(nested("tetragon.prometheus.enabled", False)) == ["osmia-operator"]


AGENT = 'namespace="kube-system", pod="osmia-x", instance="a:2112", container="osmia"'
LEADS = 'osmia_operator_leads{namespace="kube-system"}'
RISES = "0+0x5 1+1x30"
STILL = "7x40"
# Series, their values minute by minute, and the alerts that are there after 30 minutes.
SERIES = [
    ("osmia_kernel_records_dropped_total", 'type="exec"', RISES, "OsmiaEventsLostInKernel"),
    ("osmia_kernel_records_dropped_total", 'type="exec"', STILL, None),
    ("osmia_policy_records_dropped_total", 'policy="p"', RISES, "OsmiaPolicyEventsLostInKernel"),
    ("osmia_pipeline_events_failed_total", 'reason="queue"', RISES, "OsmiaEventsLostInPipeline"),
    ("osmia_pipeline_events_failed_total", 'reason="queue"', STILL, None),
    ("osmia_missed_prog_probes_total", 'policy="p"', RISES, "OsmiaProgramsMissed"),
    ("osmia_tracingpolicy_loaded", 'state="load_error"', "1x40", "OsmiaPolicyFailed"),
    ("osmia_tracingpolicy_loaded", 'state="partially_enabled"', "2x40", "OsmiaPolicyFailed"),
    ("osmia_tracingpolicy_loaded", 'state="enabled"', "9x40", None),
    ("osmia_tracingpolicy_loaded", 'state="disabled"', "9x40", None),
    ("up", 'job="any"', "0x40", "OsmiaAgentDown"),
    ("up", 'job="any"', "1x40", None),
]


@pytest.fixture(scope="session")
def tool() -> Path:
    try:
        return promtool()
    except PromtoolUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def fired(helm: Helm, tool: Path, folder: Path, series: dict[str, str]) -> set[str]:
    """The alerts that fire after 30 minutes of these series, by trying each that there is."""
    rule = one(helm.template(WITH_RULE), "PrometheusRule", "osmia")
    (folder / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    subprocess.run([tool, "check", "rules", folder / "rules.yaml"], check=True, capture_output=True)
    alerts = {each["alert"] for group in rule["spec"]["groups"] for each in group["rules"]}
    found = set()
    for alert in alerts:
        trial = {
            "rule_files": ["rules.yaml"],
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [{"series": k, "values": v} for k, v in series.items()],
                    # None is expected: promtool fails where there is one.
                    "alert_rule_test": [{"eval_time": "30m", "alertname": alert}],
                }
            ],
        }
        (folder / "trial.yaml").write_text(yaml.safe_dump(trial))
        done = subprocess.run(
            [tool, "test", "rules", folder / "trial.yaml"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            assert f"alertname: {alert}" in done.stdout + done.stderr
            found.add(alert)
    return found


@pytest.mark.parametrize(("metric", "labels", "values", "expected"), SERIES)
def test_an_alert_fires_when_it_should(
    helm: Helm,
    tool: Path,
    tmp_path: Path,
    metric: str,
    labels: str,
    values: str,
    expected: str | None,
) -> None:
    series = {f"{metric}{{{AGENT}, {labels}}}": values, LEADS: "1x40"}
    assert fired(helm, tool, tmp_path, series) == ({expected} - {None})


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({}, {"OsmiaNoOperatorLeads"}),
        ({LEADS: "0x40"}, {"OsmiaNoOperatorLeads"}),
        (
            {
                LEADS: "1x40",
                'osmia_operator_watch_silence_seconds{namespace="kube-system"}': "0+60x40",
            },
            {"OsmiaOperatorStale"},
        ),
    ],
)
def test_an_alert_of_the_operator_fires_when_it_should(
    helm: Helm, tool: Path, tmp_path: Path, series: dict[str, str], expected: set[str]
) -> None:
    assert fired(helm, tool, tmp_path, series) == expected


def test_every_query_of_the_dashboard_is_one(tool: Path, tmp_path: Path) -> None:
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    rules = [
        {"record": "a:b", "labels": {"n": f"{panel['id']}-{number}"}, "expr": target["expr"]}
        for panel in dashboard["panels"]
        for number, target in enumerate(panel["targets"])
    ]
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"groups": [{"name": "d", "rules": rules}]}))
    subprocess.run([tool, "check", "rules", tmp_path / "r.yaml"], check=True)


def test_monitors_find_their_services_and_pods(helm: Helm) -> None:
    monitors = {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
    every: dict[str, Any] = {
        "tetragon": {"prometheus": monitors},
        "tetragonOperator": {"prometheus": {"serviceMonitor": {"enabled": True}}},
    }
    overrides: dict[str, Any] = {
        "podLabelsOverride": {"a": "b"},
        "selectorLabelsOverride": {"a": "b"},
    }
    for values in (every, merged(every, overrides), every | {"serviceLabelsOverride": {"c": "d"}}):
        objects = helm.template(values)
        pods = [
            each["spec"]["template"]["metadata"]["labels"]
            for each in objects
            if each["kind"] in ("DaemonSet", "Deployment")
        ]
        assert names(objects, "ServiceMonitor") == {"osmia", "osmia-operator"}
        services = [each for each in objects if each["kind"] == "Service"]
        for service in services:
            assert any(service["spec"]["selector"].items() <= pod.items() for pod in pods)
        for monitor in (each for each in objects if each["kind"].endswith("Monitor")):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            found = pods
            if monitor["kind"] == "ServiceMonitor":
                found = [each["metadata"]["labels"] for each in services]
            assert any(wanted <= labels.items() for labels in found)
            (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
            assert endpoint["port"] == "metrics"


def test_the_dashboard_is_a_whole_json_text(helm: Helm) -> None:
    objects = helm.template({"dashboard": {"enabled": True}})
    text = one(objects, "ConfigMap", "osmia-dashboard")["data"]["osmia.json"]
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
