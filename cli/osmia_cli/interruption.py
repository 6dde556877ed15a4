"""Work that ends when it is told to: by a signal, or because nobody reads the output any more."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import stat
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

_STDOUT = 1


@contextmanager
def told_to_end(end: Callable[[], object]) -> Iterator[None]:
    """Have `end` called, in another thread, at SIGINT or SIGTERM or when nobody reads any more.

    A second signal ends the process, also while it waits for a reader.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def note(number: int, _frame: object) -> None:
        os.write(writer, b"x")
        signal.signal(number, signal.SIG_DFL)

    def watch() -> None:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(_STDOUT, 0)
        poll.poll()
        end()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        os.write(writer, b"x")
        thread.join()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


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
