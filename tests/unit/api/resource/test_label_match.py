"""Selectors and labels, as the API server would decide."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.resource.label_match import selects
from osmia_api.resource.label_selector import LabelSelector

LABELS = {"pool": "web", "empty": ""}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"pool": "web"}}, True),
        ({"matchLabels": {"pool": "db"}}, False),
        ({"matchLabels": {"pool": "web", "zone": "a"}}, False),
        ({"matchLabels": {"empty": ""}}, True),
        ({"matchLabels": {"zone": ""}}, False),
        (expression("pool", "In", "db", "web"), True),
        (expression("pool", "In", "db"), False),
        (expression("zone", "In", "a"), False),
        (expression("pool", "NotIn", "db"), True),
        (expression("pool", "NotIn", "web"), False),
        (expression("zone", "NotIn", "a"), True),
        (expression("pool", "Exists"), True),
        (expression("zone", "Exists"), False),
        (expression("pool", "DoesNotExist"), False),
        (expression("zone", "DoesNotExist"), True),
        ({"matchLabels": {"pool": "web"}, **expression("zone", "Exists")}, False),
    ],
)
def test_selects(selector: dict[str, Any], selected: bool) -> None:
    assert selects(LabelSelector.model_validate(selector), LABELS) is selected


def test_no_selector_selects_everything() -> None:
    assert selects(None, {})
