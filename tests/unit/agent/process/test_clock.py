from __future__ import annotations

import time

from osmia_agent.process.clock import Clock


class Machine:
    """Clocks that a test sets; every reading takes 10 ns of each."""

    def __init__(self) -> None:
        self.wall, self.monotonic, self.boot = 1_000_000, 500, 800

    def read(self, clock: int) -> int:
        self.wall += 10
        self.monotonic += 10
        self.boot += 10
        return {
            time.CLOCK_REALTIME: self.wall,
            time.CLOCK_MONOTONIC: self.monotonic,
            time.CLOCK_BOOTTIME: self.boot,
        }[clock]


def test_kernel_clocks_become_wall_clock():
    clock = Clock(Machine().read)
    assert clock.of_monotonic(500) == 1_000_000
    assert clock.of_boottime(800) == 1_000_000


def test_a_step_of_the_wall_clock_shows_from_the_next_sample_on():
    machine = Machine()
    clock = Clock(machine.read)
    machine.wall += 3_600_000_000_000
    assert clock.of_monotonic(500) == 1_000_000
    clock.sample()
    assert clock.of_monotonic(500) == 1_000_000 + 3_600_000_000_000


def test_an_interruption_between_two_readings_does_not_show():
    machine = Machine()
    interrupted = iter([False, True, *[False] * 100])

    def read(clock: int) -> int:
        if next(interrupted):
            machine.wall += 7_000_000
            machine.monotonic += 7_000_000
            machine.boot += 7_000_000
        return machine.read(clock)

    assert Clock(read).of_monotonic(500) == 1_000_000


def test_this_machine():
    clock = Clock()
    assert abs(clock.of_monotonic(time.monotonic_ns()) - time.time_ns()) < 1_000_000_000
    # The boot clock also counts sleep, so its zero lies before or at the other's.
    assert clock.of_boottime(0) <= clock.of_monotonic(0) + 1_000_000
