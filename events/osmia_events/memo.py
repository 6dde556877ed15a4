"""What stages remember about a process, kept in the process and bounded.

A stage that looks at nothing but a process (a redactor, a list of filters, a mask) takes a key
for as long as it lives and keeps its answer in the process's memo under that key. Answers of
stages that are gone are dropped when a memo is next added to, or by `forget_dead`.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_events.model import Process

_keys = itertools.count()
_live: set[int] = set()
_deaths = 0
_SWEPT = "swept"
"""Under this key a memo holds how many stages had gone when it was last swept."""


def new_key(owner: object) -> int:
    """Return a key for the answers of `owner`, dead as soon as the owner is."""
    key = next(_keys)
    _live.add(key)
    weakref.finalize(owner, _end, key).atexit = False
    return key


def remember(process: Process, key: int, answer: object) -> None:
    """Keep an answer, which must not refer to the process, under a key of `new_key`."""
    memo = process.memo
    if memo is None:
        process.memo = {_SWEPT: _deaths, key: answer}
        return
    if memo.get(_SWEPT) != _deaths:
        _sweep(memo)
    memo[key] = answer


def forget_dead(processes: Iterable[Process]) -> None:
    """Drop what stages that are gone remembered; for a process table, after a change."""
    for process in processes:
        if process.memo is not None:
            _sweep(process.memo)


def _end(key: int) -> None:
    global _deaths  # noqa: PLW0603 - one clock for all memos
    _live.discard(key)
    _deaths += 1


def _sweep(memo: dict[object, object]) -> None:
    memo[_SWEPT] = _deaths
    for key in list(memo):  # another thread may add to it meanwhile
        if type(key) is int and key not in _live:
            memo.pop(key, None)
