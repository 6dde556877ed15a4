from osmia_agent.gateway.bounds import Bounds


def test_as_many_calls_as_the_rate_at_once_and_then_as_time_passes() -> None:
    now_s = 0.0
    bounds = Bounds(10, clock=lambda: now_s)
    assert sum(bounds.admit() for _ in range(20)) == 10
    now_s = 0.25
    assert sum(bounds.admit() for _ in range(20)) == 2
    now_s = 100.0
    assert sum(bounds.admit() for _ in range(20)) == 10
