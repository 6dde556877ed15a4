"""GetDebug and SetDebug: the level of the log, and what the process table holds."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_agent.gateway.link import Status
from osmia_agent.process.image import ImageState
from osmia_agent.server.calls import CallError, Method
from osmia_events import messages
from osmia_events.protobuf import message_to_protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor

    from osmia_agent.process.image_store import ImageStore
    from osmia_events.model import Process

_LOG_LEVEL, _PROCESS_CACHE = 0, 1
_LEVELS = (
    logging.CRITICAL,  # PANIC
    logging.CRITICAL,  # FATAL
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.DEBUG,
    logging.DEBUG,  # TRACE
)
"""By the contract's numbers."""
_NUMBERS = {level: number for number, level in reversed(list(enumerate(_LEVELS)))}


class KeptProcess(NamedTuple):
    """One process of the table."""

    process: Process
    color: str
    """Why it is kept: `inUse`, `deletePending`, `deleteReady`, `deleted`."""
    references: int
    is_live: bool


def kept_processes(store: ImageStore) -> Iterator[KeptProcess]:
    """List the images of a process table, which its own thread may change meanwhile."""
    for image in list(store.images.values()):
        is_live = image.state is ImageState.LIVE
        references = image.children + is_live
        color = "inUse" if references else "deletePending"
        yield KeptProcess(image.process, color, references, is_live)


class Debugging:
    """Answers both calls.

    `processes` lists the table, for any thread; `redact` hides secrets; `level_set` is told the
    level of `logging` that is in force from now on.
    """

    def __init__(
        self,
        executor: Executor,
        processes: Callable[[], Iterable[KeptProcess]] | None,
        redact: Callable[[Process], Process],
        level_set: Callable[[int], object],
    ) -> None:
        self._executor = executor
        self._processes = processes
        self._redact = redact
        self._level_set = level_set

    def methods(self) -> dict[str, Method]:
        """Return the methods by their names."""
        return {"GetDebug": Method(self._get), "SetDebug": Method(self._set, changes=True)}

    async def _get(self, request: Any) -> Any:
        if request.flag == _LOG_LEVEL:
            level = _NUMBERS.get(logging.getLogger().level, _NUMBERS[logging.INFO])
            return messages.GetDebugResponse(flag=_LOG_LEVEL, level=level)
        if request.flag == _PROCESS_CACHE:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._dump, request.dump)
        raise _unknown(request.flag)

    async def _set(self, request: Any) -> Any:
        if request.flag != _LOG_LEVEL:
            raise _unknown(request.flag)
        if not request.HasField("level") or not 0 <= request.level < len(_LEVELS):
            raise CallError(Status.INVALID_ARGUMENT, "level: LOG_LEVEL_PANIC to LOG_LEVEL_TRACE")
        level = _LEVELS[request.level]
        logging.getLogger().setLevel(level)
        self._level_set(level)
        return messages.SetDebugResponse(flag=_LOG_LEVEL, level=request.level)

    def _dump(self, wanted: Any) -> Any:
        response = messages.GetDebugResponse(flag=_PROCESS_CACHE)
        response.processes.SetInParent()
        for kept in self._processes() if self._processes else ():
            if wanted.skip_zero_refcnt and not kept.references:
                continue
            if wanted.exclude_execve_map_processes and kept.is_live:
                continue
            entry = response.processes.processes.add(color=kept.color)
            entry.refcnt.value = kept.references
            entry.process.ParseFromString(message_to_protobuf(self._redact(kept.process)))
        return response


def _unknown(flag: int) -> CallError:
    return CallError(Status.UNKNOWN, f"flag {flag}: nothing can be asked or set by it")
