from __future__ import annotations

from osmia_agent.health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ready_only_after_programs_and_first_scan() -> None:
    health = Health(clock=Clock())
    assert health.liveness() == (True, "ok")
    assert health.readiness() == (False, "programs are not attached yet")
    health.programs_attached()
    assert health.readiness() == (False, "the first scan of processes is not done yet")
    health.first_scan_done()
    assert health.readiness() == (True, "ok")
    health.stopping()
    assert health.readiness() == (False, "the agent is stopping")
    assert health.liveness().is_good


def test_a_loop_that_stands_still_is_neither_healthy_nor_ready() -> None:
    clock = Clock()
    health = Health(stalled_after_s=30, clock=clock)
    health.programs_attached()
    health.first_scan_done()
    clock.now += 30
    assert health.liveness().is_good
    clock.now += 1
    verdict = (False, "the event loop last turned 31 s ago")
    assert (health.liveness(), health.readiness()) == (verdict, verdict)
    health.loop_turned()
    assert health.liveness().is_good
    assert health.readiness().is_good
