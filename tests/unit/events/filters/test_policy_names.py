from __future__ import annotations

import pytest

from osmia_events.model import (
    EVENT_BODIES,
    EventBody,
    ProcessKprobe,
    ProcessLsm,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
)
from tests.unit.events.filters.cases import matches

CARRIERS = (ProcessKprobe, ProcessTracepoint, ProcessUprobe, ProcessLsm)


@pytest.mark.parametrize("body", CARRIERS)
def test_the_name_is_exact(body: type[ProcessKprobe]) -> None:
    assert matches(body(policy_name="files"), policy_names=["x", "files"])
    assert not matches(body(policy_name="files"), policy_names="file")


def test_usdt_events_never_match_as_upstream() -> None:
    assert not matches(ProcessUsdt(policy_name="files"), policy_names="files")


@pytest.mark.parametrize("body", [None, *(each() for each in EVENT_BODIES.values())])
def test_an_empty_name_never_matches(body: EventBody | None) -> None:
    assert not matches(body, policy_names="")
