from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from osmia_agent.gateway.link import Status
from osmia_agent.server.calls import CallError
from osmia_agent.server.debug import Debugging, KeptProcess
from osmia_events import messages
from osmia_events.model import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = (
    KeptProcess(Process(pid=1, arguments="secret"), "inUse", 2, is_live=True),
    KeptProcess(Process(pid=2), "inUse", 1, is_live=False),
    KeptProcess(Process(pid=3), "deletePending", 0, is_live=False),
)
TOLD: list[int] = []


def redacted(process: Process) -> Process:
    return replace(process, arguments=process.arguments and "*****")


def asked(name: str, request: Any) -> Any:
    with ThreadPoolExecutor() as executor:
        methods = Debugging(executor, lambda: KEPT, redacted, TOLD.append).methods()
        answer = methods[name].answer
        assert answer is not None
        return asyncio.run(answer(request))  # type: ignore[arg-type] # it is a coroutine


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = logging.getLogger().level
    TOLD.clear()
    yield
    logging.getLogger().setLevel(before)


def test_a_level_is_set_here_and_told() -> None:
    levels = []
    for level in range(7):
        response = asked("SetDebug", messages.SetDebugRequest(level=level))
        assert (response.flag, response.level) == (0, level)
        assert logging.getLogger().level == TOLD[-1]
        levels.append(asked("GetDebug", messages.GetDebugRequest()).level)
    # Python has neither panic nor trace.
    assert levels == [0, 0, 2, 3, 4, 5, 5]
    assert TOLD == [50, 50, 40, 30, 20, 10, 10]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, Status.INVALID_ARGUMENT),
        ({"level": 7}, Status.INVALID_ARGUMENT),
        ({"level": -1}, Status.INVALID_ARGUMENT),
        ({"flag": 1}, Status.UNKNOWN),
        ({"flag": 9, "level": 4}, Status.UNKNOWN),
    ],
)
def test_nothing_is_set_by_what_makes_no_sense(fields: dict[str, Any], status: Status) -> None:
    with pytest.raises(CallError) as error:
        asked("SetDebug", messages.SetDebugRequest(**fields))
    assert (error.value.status, TOLD) == (status, [])


@pytest.mark.parametrize(
    ("dump", "pids"),
    [
        ({}, [1, 2, 3]),
        ({"skip_zero_refcnt": True}, [1, 2]),
        ({"exclude_execve_map_processes": True}, [2, 3]),
    ],
)
def test_processes_are_told_as_asked_for_and_without_secrets(
    dump: dict[str, bool], pids: list[int]
) -> None:
    request = messages.GetDebugRequest(flag=1, dump=messages.DumpProcessCacheReqArgs(**dump))
    response = asked("GetDebug", request)
    assert response.flag == 1
    found = response.processes.processes
    assert [each.process.pid.value for each in found] == pids
    of_pid = {kept.process.pid: kept for kept in KEPT}
    for each in found:
        kept = of_pid[each.process.pid.value]
        assert (each.color, each.refcnt.value) == (kept.color, kept.references)
        assert "secret" not in str(each)
