"""Actions of selectors, read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from osmia_bpf.policy.problems import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_api.tracing_policy.actions import Action
    from osmia_bpf.policy.problems import Place

MAX_ACTIONS = 3
ACTION_COUNTS = 16
"""Numbers of actions there are, for arrays of counters."""

_SIGKILL = 9
_MAX_SIGNAL = 64
_MAX_ERRNO = 4095
_RATE_LIMIT = re.compile(r"(\d+)([smh]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_MAX_RATE_LIMIT_MS = (1 << 32) - 1
_MAX_DIGITS = 10
_SCOPES = ("thread", "process", "global")


class ActionNumber(IntEnum):
    """The contract's numbers of the actions that this version does."""

    POST = 1
    SIGKILL = 3
    OVERRIDE = 5
    NOPOST = 9
    SIGNAL = 10


_NUMBERS = {
    "Post": ActionNumber.POST,
    "Sigkill": ActionNumber.SIGKILL,
    "Override": ActionNumber.OVERRIDE,
    "NoPost": ActionNumber.NOPOST,
    "Signal": ActionNumber.SIGNAL,
}
ENFORCING = frozenset({ActionNumber.SIGKILL, ActionNumber.OVERRIDE, ActionNumber.SIGNAL})


@dataclass(frozen=True)
class Effect:
    """What a selector does, all its actions together."""

    numbers: tuple[ActionNumber, ...] = (ActionNumber.POST,)
    post: bool = True
    rate_limit_ns: int = 0
    rate_limit_scope: str = "thread"
    signals: tuple[int, ...] = ()
    """What the process gets; SIGKILL stands alone, since nothing is left to get another."""
    error: int | None = None
    """What an override returns."""
    kernel_stack: bool = False
    user_stack: bool = False
    ima_hash: bool = False

    @property
    def has_stack(self) -> bool:
        """Whether events carry a stack trace."""
        return self.kernel_stack or self.user_stack

    @property
    def reported(self) -> ActionNumber:
        """The action that events show: the last one."""
        return self.numbers[-1]


def effect(actions: Sequence[Action], place: Place) -> Effect:
    """Read the actions of a selector. Raises `HookError` for what cannot be done."""
    if len(actions) > MAX_ACTIONS:
        place.fail(f"at most {MAX_ACTIONS} actions")
    if not actions:
        return Effect()
    numbers = []
    signals: list[int] = []
    post, limit, scope, error = True, 0, "thread", None
    for at, action in enumerate(actions):
        where = place / at
        number = _NUMBERS.get(action.action)
        if number is None:
            (where / "action").fail(f"{action.action} is not supported by this version")
        numbers.append(number)
        if number is not ActionNumber.POST and _asks_for_post(action):
            where.fail("rateLimit, stack traces and imaHash are for the action Post only")
        if action.rate_limit_scope:
            scope = _scope(action.rate_limit_scope, where / "rateLimitScope")
        if number is ActionNumber.NOPOST:
            post = False
        elif number is ActionNumber.POST and action.rate_limit:
            limit = rate_limit_ns(action.rate_limit, where / "rateLimit")
        elif number is ActionNumber.SIGKILL:
            signals.append(_SIGKILL)
        elif number is ActionNumber.SIGNAL:
            signals.append(_signal(action.arg_sig, where / "argSig"))
        elif number is ActionNumber.OVERRIDE:
            error = _error(action.arg_error, where / "argError")
    return Effect(
        numbers=tuple(numbers),
        post=post,
        rate_limit_ns=limit,
        rate_limit_scope=scope,
        # Where interrupts are off the kernel keeps one signal for later: that has to be this one.
        signals=(_SIGKILL,) if _SIGKILL in signals else tuple(signals),
        error=error,
        kernel_stack=any(action.kernel_stack_trace for action in actions),
        user_stack=any(action.user_stack_trace for action in actions),
        ima_hash=any(action.ima_hash for action in actions),
    )


def rate_limit_ns(text: str, place: Place) -> int:
    """Read a rate limit: a number of seconds, or with s, m or h behind it."""
    match = _RATE_LIMIT.fullmatch(text.strip())
    if not match:
        expected = "a number of seconds, or a number with s, m or h behind it"
        place.fail(f"{shown(text)} is not {expected}")
    # With more digits it is over the limit all the more, and Python reads only so many.
    digits = match[1].lstrip("0")[:_MAX_DIGITS] or "0"
    milliseconds = int(digits) * _SECONDS[match[2].lower()] * 1000
    return min(milliseconds, _MAX_RATE_LIMIT_MS) * 1_000_000


def _asks_for_post(action: Action) -> bool:
    stacks = action.kernel_stack_trace or action.user_stack_trace
    return bool(action.rate_limit) or stacks or action.ima_hash


def _scope(text: str, place: Place) -> str:
    scope = text.strip().lower()
    if scope not in _SCOPES:
        place.fail(f"{shown(text)} is not one of {', '.join(_SCOPES)}")
    return scope


def _signal(number: int, place: Place) -> int:
    if not 1 <= number <= _MAX_SIGNAL:
        place.fail(f"{number} is not a signal; expected 1 to {_MAX_SIGNAL}")
    return number


def _error(number: int, place: Place) -> int:
    if abs(number) > _MAX_ERRNO:
        place.fail(f"{number} is not an error number; expected {-_MAX_ERRNO} to {_MAX_ERRNO}")
    return number
