from __future__ import annotations

import pytest

from osmia_events.model import EventBody, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, in_pod, matches

CART = ProcessExec(process=in_pod(name="cart-7f", pod_labels={"app": "cart", "tier": "web"}))
HOST = ProcessExec(process=Process())


def test_pod_regex_searches_the_name() -> None:
    assert matches(CART, pod_regex="^cart-")
    assert matches(CART, pod_regex=["x", "7f"])
    assert not matches(CART, pod_regex="shop")
    assert not matches(HOST, pod_regex="")


@pytest.mark.parametrize(
    ("selectors", "result"),
    [
        (["app=cart"], True),
        (["app=cart,tier=db"], False),
        (["app=shop", "tier in (web)"], True),
        (["!absent"], True),
        (["absent"], False),
        ("app", True),
        ([""], True),
    ],
)
def test_labels_are_selectors_any_of_which_may_select(
    selectors: list[str] | str, result: bool
) -> None:
    assert matches(CART, labels=selectors) is result


@pytest.mark.parametrize("selector", ["", "!app", "app!=cart", "app notin (x)", "app"])
def test_no_selector_selects_without_pod(selector: str) -> None:
    assert not matches(HOST, labels=selector)


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_nothing_matches_where_there_is_no_process(body: EventBody | None) -> None:
    assert not matches(body, pod_regex="")
    assert not matches(body, labels="")
