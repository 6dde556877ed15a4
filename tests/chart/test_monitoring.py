from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.chart.helm import CHART
from tests.chart.rendered import one

if TYPE_CHECKING:
    from tests.chart.helm import Helm

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"osmia_[a-z_]+")


def documented() -> set[str]:
    text = (DOCS / "metrics.md").read_text()
    return set(NAME.findall(text))


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    alerts = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    named = {metric for alert in alerts for metric in NAME.findall(alert["expr"])}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            named |= set(NAME.findall(target["expr"]))
    assert len(named) > 10
    assert named <= documented()


def test_prometheus_gets_its_own_templates_unchanged(helm: Helm) -> None:
    rule = one(helm.template({"prometheusRule": {"enabled": True}}), "PrometheusRule", "osmia")
    rules = rule["spec"]["groups"][0]["rules"]
    assert rules == yaml.safe_load((CHART / "files/alerts.yaml").read_text())


def test_the_dashboard_is_a_whole_json_text(helm: Helm) -> None:
    objects = helm.template({"dashboard": {"enabled": True}})
    text = one(objects, "ConfigMap", "osmia-dashboard")["data"]["osmia.json"]
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
