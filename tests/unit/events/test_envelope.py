from __future__ import annotations

from osmia_events.envelope import Envelopes
from osmia_events.model import AggregationInfo, Event, ProcessExec

LABELS = {"zone": "a"}


def test_what_recurs_is_encoded_once() -> None:
    encoded: list[Event] = []
    envelopes = Envelopes(lambda event: encoded.append(event) or len(encoded))

    assert envelopes.of(Event(ProcessExec(), "n1", 1, None, "prod", LABELS)) == 1
    assert envelopes.of(Event(None, "n1", 2, None, "prod", LABELS)) == 1
    assert envelopes.of(Event(None, "n1", 3, None, "prod", dict(LABELS))) == 1
    assert envelopes.of(Event(None, "n2", 3, None, "prod", LABELS)) == 2
    assert envelopes.of(Event(None, "n1", 4, None, "prod", LABELS)) == 1
    assert encoded[0] == Event(None, "n1", None, None, "prod", LABELS)


def test_whatever_differs_is_encoded_anew() -> None:
    envelopes = Envelopes(repr)

    events = [
        Event(None, "n1", 1, None, "prod", LABELS),
        Event(None, "n1", 1, None, "prod", {"zone": "b"}),
        Event(None, "n1", 1, None, "test", {"zone": "b"}),
        Event(None, "n1", 1, AggregationInfo(2), "test", {"zone": "b"}),
        Event(None, "n1", 1, AggregationInfo(3), "test", {"zone": "b"}),
        Event(None, "n1", 1, None, "test", {"zone": "b"}),
    ]

    for event in (*events, *(Event(node_name=str(number)) for number in range(600)), *events):
        event.time = None
        assert envelopes.of(event) == repr(event)
