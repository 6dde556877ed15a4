from __future__ import annotations

from typing import Any

import pytest

from osmia_events.model import Capabilities, CapabilitiesType, EventBody, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches

NET, BPF, DAC = (
    CapabilitiesType.CAP_NET_ADMIN,
    CapabilitiesType.CAP_BPF,
    CapabilitiesType.DAC_OVERRIDE,
)
HOLDER = ProcessExec(
    process=Process(cap=Capabilities(permitted=(NET, BPF), effective=(NET,), inheritable=()))
)


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ({}, True),
        ({"permitted": {"any": ["CAP_BPF", "DAC_OVERRIDE"]}}, True),
        ({"permitted": {"any": ["DAC_OVERRIDE"]}}, False),
        ({"permitted": {"all": ["CAP_BPF", "CAP_NET_ADMIN"]}}, True),
        ({"permitted": {"all": ["CAP_BPF", "DAC_OVERRIDE"]}}, False),
        ({"permitted": {"exactly": ["CAP_NET_ADMIN", "CAP_BPF", "CAP_BPF"]}}, True),
        ({"permitted": {"exactly": ["CAP_BPF"]}}, False),
        ({"permitted": {"none": ["DAC_OVERRIDE"]}}, True),
        ({"permitted": {"none": ["DAC_OVERRIDE", "CAP_BPF"]}}, False),
        ({"inheritable": {"none": ["CAP_BPF"]}}, True),
        ({"inheritable": {"any": ["CAP_BPF"]}}, False),
        ({"effective": {"any": "CAP_NET_ADMIN"}, "permitted": {"any": "CAP_BPF"}}, True),
        ({"effective": {"any": "CAP_BPF"}, "permitted": {"any": "CAP_BPF"}}, False),
    ],
)
def test_each_set_must_hold_what_is_asked(asked: dict[str, Any], result: bool) -> None:
    assert matches(HOLDER, capabilities=asked) is result


@pytest.mark.parametrize("body", [*WITHOUT_PROCESS, ProcessExec(process=Process())])
def test_without_known_capabilities_nothing_matches(body: EventBody | None) -> None:
    assert not matches(body, capabilities={})
    assert not matches(body, capabilities={"permitted": {"none": ["CAP_BPF"]}})
