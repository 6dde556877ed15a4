"""Asynchronous work that ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine

_STDOUT = 1


def run_until_told(work: Coroutine[None, None, None], seconds: float | None = None) -> None:
    """Do the work until it ends, the time is over, or a signal asks to end.

    It ends, too, when nobody reads the output any more. A second signal ends the process, also
    while it waits for a reader.
    """
    asyncio.run(_until_told(work, seconds))


async def _until_told(work: Coroutine[None, None, None], seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)

    def end(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    is_pipe = stat.S_ISFIFO(os.fstat(_STDOUT).st_mode)
    if is_pipe:
        # The writing end of a pipe is readable when the other end is gone.
        loop.add_reader(_STDOUT, task.cancel)
    timer = loop.call_later(seconds, task.cancel) if seconds is not None else None
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        if timer is not None:
            timer.cancel()
        if is_pipe:
            loop.remove_reader(_STDOUT)
