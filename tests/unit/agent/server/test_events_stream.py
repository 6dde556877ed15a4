from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.gateway.link import Status
from osmia_agent.server.calls import Call, CallError
from osmia_agent.server.events_stream import LOST_EVENTS, EventStreams
from osmia_agent.server.streams import StreamHub
from osmia_events import messages
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.node_features import NodeFeatures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

EVENTS = [Event(ProcessExec(Process(pid=pid))) for pid in (1, 2)]


def run(scenario: Callable[[StreamHub, EventStreams], Awaitable[None]]) -> None:
    async def main() -> None:
        hub = StreamHub(100)
        hub.start(asyncio.get_running_loop())
        with ThreadPoolExecutor() as executor:
            await scenario(hub, EventStreams(hub, NodeFeatures(), executor, 1))
        assert hub.statistics().subscribers == 0

    asyncio.run(main())


def begun_call(written: list[bytes]) -> tuple[Call, asyncio.Event]:
    async def write(batch: Sequence[bytes]) -> None:
        written.extend(batch)

    begun = asyncio.Event()
    return Call(begin=begun.set, write=write), begun


def test_a_stream_begins_has_what_comes_and_ends_with_what_it_lost() -> None:
    async def scenario(hub: StreamHub, streams: EventStreams) -> None:
        written: list[bytes] = []
        call, begun = begun_call(written)
        serving = asyncio.ensure_future(streams.serve(messages.GetEventsRequest(), call))
        await begun.wait()
        hub.accept(EVENTS)
        hub.close()
        assert await serving == {LOST_EVENTS: "0"}
        found = [messages.GetEventsResponse.FromString(each) for each in written]
        assert [each.process_exec.process.pid.value for each in found] == [1, 2]

    run(scenario)


def test_streams_beyond_the_bound_are_refused_until_one_ends() -> None:
    async def scenario(_: StreamHub, streams: EventStreams) -> None:
        for _ in range(2):
            call, begun = begun_call([])
            serving = asyncio.ensure_future(streams.serve(messages.GetEventsRequest(), call))
            await begun.wait()
            with pytest.raises(CallError, match="--server-max-streams") as error:
                await streams.serve(messages.GetEventsRequest(), call)
            assert error.value.status is Status.RESOURCE_EXHAUSTED
            serving.cancel()
            await asyncio.wait({serving})

    run(scenario)


def test_bad_filters_take_no_place() -> None:
    async def scenario(_: StreamHub, streams: EventStreams) -> None:
        request: Any = messages.GetEventsRequest()
        request.deny_list.add().pod_regex.append("(")
        for _ in range(3):
            call, begun = begun_call([])
            with pytest.raises(CallError, match=r"deny_list\[0\]\.pod_regex\[0\]") as error:
                await streams.serve(request, call)
            assert error.value.status is Status.INVALID_ARGUMENT
            assert not begun.is_set()

    run(scenario)
