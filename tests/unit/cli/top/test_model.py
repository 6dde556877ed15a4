from __future__ import annotations

import pytest

from osmia_cli.top.model import WINDOW_S, Rates, TopModel, keys_of
from osmia_events.model import (
    Event,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
    ProcessThrottle,
    RateLimitInfo,
)

CURL = Process(exec_id="a", binary="/usr/bin/curl", pod=Pod(namespace="shop", name="web"))


def test_rates_are_those_of_whole_seconds() -> None:
    rates = Rates()
    rates.count("a")
    assert rates.per_second() == []
    rates.tick()
    rates.count("a")
    rates.count("b")
    rates.count("b")
    rates.tick()
    rates.count("a")  # of the second that is not over
    assert rates.per_second() == [("a", 1.0), ("b", 1.0)]
    for _ in range(WINDOW_S):
        rates.tick()
    assert rates.per_second() == [("a", 1 / WINDOW_S)]
    rates.tick()
    assert rates.per_second() == []
    assert rates.total == {"a": 3, "b": 2}


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osmia_cli.top.model._MAX_KEYS", 2)
    rates = Rates()
    for key in ("a", "b", "c", "d", "a"):
        rates.count(key)
    assert rates.total == {"a": 2, "b": 1, "(others)": 2}


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (Event(ProcessExec(CURL)), ("process_exec", "shop/web", "/usr/bin/curl", "")),
        (
            Event(ProcessKprobe(Process(binary="/bin/sh"), policy_name="p")),
            ("process_kprobe", "(host)", "/bin/sh", "p"),
        ),
        (Event(ProcessThrottle()), ("process_throttle", "", "", "")),
        (Event(), ("unknown", "", "", "")),
    ],
)
def test_keys(event: Event, keys: tuple[str, ...]) -> None:
    assert tuple(keys_of(event)) == keys


def test_the_newest_are_short_texts() -> None:
    model = TopModel()
    model.add_all([Event(ProcessExec(CURL), "n"), Event(RateLimitInfo(1)), Event()])
    assert list(model.newest) == ["🚀 process shop/web /usr/bin/curl "]
    assert model.events == 3


def test_rates_of_a_recording_are_over_its_time() -> None:
    model = TopModel()
    seconds = 1_000_000_000
    for time in (10, 12, 14):
        model.add_all([Event(ProcessExec(CURL), "n", time * seconds)])
    assert model.overall("type") == [("process_exec", 0.75)]
    assert model.overall("type", 2.0) == [("process_exec", 1.5)]
    model.tick()
    assert model.now("binary") == [("/usr/bin/curl", 3.0)]
