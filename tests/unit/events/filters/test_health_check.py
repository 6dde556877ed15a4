from __future__ import annotations

import pytest

from osmia_events.model import Container, EventBody, Pod, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches

PROBE = Process(pod=Pod(container=Container(maybe_exec_probe=True)))
OTHER = Process(pod=Pod(container=Container()))


@pytest.mark.parametrize(
    ("process", "parent", "is_probe"),
    [
        (PROBE, None, True),
        (PROBE, OTHER, True),
        (OTHER, PROBE, True),
        (Process(), PROBE, True),
        (OTHER, OTHER, False),
        (Process(pod=Pod()), None, False),
        (Process(), None, False),
    ],
)
def test_a_probe_or_its_child(process: Process, parent: Process | None, is_probe: bool) -> None:
    body = ProcessExec(process, parent)
    assert matches(body, health_check=True) is is_probe
    assert matches(body, health_check=False) is not is_probe


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_an_event_without_process_is_no_health_check(body: EventBody | None) -> None:
    assert not matches(body, health_check=True)
    assert matches(body, health_check=False)
