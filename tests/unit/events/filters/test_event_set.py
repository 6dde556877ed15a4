from __future__ import annotations

import pytest

from osmia_events.model import EVENT_BODIES, EventBody, EventType, ProcessExec
from tests.unit.events.filters.cases import matches


@pytest.mark.parametrize("body", EVENT_BODIES.values())
def test_types_by_name_and_number(body: type[EventBody]) -> None:
    assert matches(body(), event_set=body.event_type.name)
    assert matches(body(), event_set=["UNDEF", int(body.event_type)])
    others = [each.name for each in EventType if each is not body.event_type]
    assert not matches(body(), event_set=others)


def test_undef_is_an_event_without_body() -> None:
    assert matches(None, event_set="UNDEF")
    assert not matches(ProcessExec(), event_set=0)


@pytest.mark.parametrize("name", ["PROCESS_CONNECT", "PROCESS_CLOSE", 4711])
def test_types_that_no_event_bears_match_nothing(name: str | int) -> None:
    for body in (None, *(each() for each in EVENT_BODIES.values())):
        assert not matches(body, event_set=name)
