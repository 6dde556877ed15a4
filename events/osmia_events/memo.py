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

_MANY = 8
"""Entries from which on a memo is looked through for dead ones at each addition."""

_keys = itertools.count()
_live: set[int] = set()


def new_key(owner: object) -> int:
    """Return a key for the answers of `owner`, dead as soon as the owner is."""
    key = next(_keys)
    _live.add(key)
    weakref.finalize(owner, _live.discard, key).atexit = False
    return key


def remember(process: Process, key: int, answer: object) -> None:
    """Keep an answer, which must not refer to the process, under a key of `new_key`."""
    memo = process.memo
    if memo is None:
        process.memo = {key: answer}
        return
    if len(memo) >= _MANY:
        _drop_dead(memo)
    memo[key] = answer


def forget_dead(processes: Iterable[Process]) -> None:
    """Drop what stages that are gone remembered; for a process table, after a change."""
    for process in processes:
        if process.memo is not None:
            _drop_dead(process.memo)


def _drop_dead(memo: dict[object, object]) -> None:
    for key in list(memo):  # another thread may add to it meanwhile
        if type(key) is int and key not in _live:
            memo.pop(key, None)
