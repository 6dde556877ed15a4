from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from osmia_events.ratelimit import MINUTE_NS, RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 5

    def __call__(self) -> int:
        return self.now


def allowed(limiter: RateLimiter, offered: int) -> int:
    return sum(limiter.allow() for _ in range(offered))


def test_a_burst_of_the_whole_minute_then_as_much_as_time_brings() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    assert allowed(limiter, 100) == 60
    clock.now += MINUTE_NS // 60
    assert allowed(limiter, 100) == 1
    clock.now += MINUTE_NS // 2
    assert allowed(limiter, 100) == 30
    clock.now += 100 * MINUTE_NS
    assert allowed(limiter, 100) == 60


def test_no_events_a_minute_is_no_event() -> None:
    clock = Clock()
    limiter = RateLimiter(0, clock)
    clock.now += 10 * MINUTE_NS
    assert allowed(limiter, 10) == 0


def test_what_was_dropped_is_reported_once_a_minute() -> None:
    clock = Clock()
    limiter = RateLimiter(1, clock)
    allowed(limiter, 4)
    assert limiter.due_report() == 0
    clock.now += MINUTE_NS
    assert limiter.due_report() == 3
    assert limiter.due_report() == 0
    clock.now += MINUTE_NS
    assert limiter.due_report() == 0
    allowed(limiter, 3)
    clock.now += MINUTE_NS
    assert limiter.due_report() == 2


@given(st.lists(st.integers(-MINUTE_NS, MINUTE_NS), max_size=50), st.integers(0, 20))
def test_never_more_than_burst_and_rate_however_time_goes(steps: list[int], rate: int) -> None:
    clock = Clock()
    limiter = RateLimiter(rate, clock)
    passed = highest = 0
    for step in steps:
        clock.now += step
        highest = max(highest, clock.now)
        passed += allowed(limiter, 5)
    assert passed <= rate + rate * max(0, highest - 5) / MINUTE_NS + 1e-6
