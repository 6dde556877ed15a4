"""Keys: each once, none twice at the same time, none forgotten."""

from __future__ import annotations

import asyncio

from osmia_operator.work_queue import WorkQueue


def test_order_and_once() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        for key in ("b", "a", "b"):
            queue.add(key)
        assert queue.depth == 2
        assert [await queue.get(), await queue.get()] == ["b", "a"]
        assert queue.depth == 0

    asyncio.run(scenario())


def test_a_key_that_changes_while_it_is_handled_comes_again() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("b")
        assert await queue.get() == "b"  # not a: that is being handled
        queue.done("a")
        assert await queue.get() == "a"
        queue.done("a")
        assert queue.depth == 0

    asyncio.run(scenario())


def test_get_waits() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        getting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not getting.done()
        queue.add("a")
        assert await getting == "a"

    asyncio.run(scenario())


def test_later() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add_after("a", 0.01)
        queue.add_after("a", 60)
        assert queue.depth == 0
        assert await asyncio.wait_for(queue.get(), 5) == "a"

    asyncio.run(scenario())


def test_at_once_overtakes_later() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add_after("a", 60)
        queue.add("a")
        assert await asyncio.wait_for(queue.get(), 5) == "a"
        queue.done("a")
        assert queue.depth == 0

    asyncio.run(scenario())


def test_age() -> None:
    now_s = 100.0
    queue = WorkQueue(clock=lambda: now_s)
    assert queue.oldest_s == 0.0
    queue.add("a")
    now_s = 107.0
    assert queue.oldest_s == 7.0


def test_what_is_not_due_yet_is_pending() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add("a")
        queue.add_after("b", 60)
        assert (queue.depth, queue.pending) == (1, 2)
        queue.add("b")
        assert (queue.depth, queue.pending) == (2, 2)

    asyncio.run(scenario())
