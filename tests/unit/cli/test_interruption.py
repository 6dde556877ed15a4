from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from osmia_cli.interruption import run_until_told


async def for_ever() -> None:
    await asyncio.sleep(60)


def test_work_ends() -> None:
    done = []

    async def work() -> None:
        done.append(1)

    run_until_told(work())
    assert done == [1]


def test_time_is_over() -> None:
    started = time.monotonic()
    run_until_told(for_ever(), 0.05)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(number: signal.Signals) -> None:
    async def work() -> None:
        os.kill(os.getpid(), number)
        await for_ever()

    before = signal.getsignal(number)
    try:
        run_until_told(work())
    finally:
        signal.signal(number, before)


def test_failures_are_the_callers() -> None:
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        run_until_told(work())
