from __future__ import annotations

import pytest

from osmia_events.model import EventBody, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, in_pod, matches

SHOP = ProcessExec(process=in_pod("shop"))
HOST = ProcessExec(process=Process())


@pytest.mark.parametrize(
    ("names", "in_shop", "on_host"),
    [
        (["shop"], True, False),
        (["sho"], False, False),
        (["bank", "shop"], True, False),
        ([""], False, True),
        (["", "shop"], True, True),
        ("shop", True, False),
    ],
)
def test_namespace_is_exact_and_empty_without_pod(
    names: list[str] | str, in_shop: bool, on_host: bool
) -> None:
    assert matches(SHOP, namespace=names) is in_shop
    assert matches(HOST, namespace=names) is on_host


def test_namespace_regex_needs_a_pod() -> None:
    assert matches(SHOP, namespace_regex="^s.*p$")
    assert not matches(SHOP, namespace_regex="^ho")
    assert not matches(HOST, namespace_regex="")


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_an_event_without_process_is_in_no_namespace(body: EventBody | None) -> None:
    assert not matches(body, namespace="")
    assert not matches(body, namespace_regex="")
