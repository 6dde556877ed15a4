"""Actions of selectors."""

from __future__ import annotations

from itertools import combinations
from typing import Any, get_args

import pytest

from osmia_api.tracing_policy.actions import ActionName

from .policies import problems, read, selector

NAMES = [
    "Post",
    "Sigkill",
    "Override",
    "GetUrl",
    "DnsLookup",
    "NoPost",
    "Signal",
    "TrackSock",
    "UntrackSock",
    "NotifyEnforcer",
    "CleanupEnforcerNotification",
    "Set",
]
NEW_TARGETS: dict[str, Any] = {"argNewSymbol": "f", "argNewAddr": 1, "argNewOffset": 0}
PATH = "spec.kprobes[0].selectors[0].matchActions[0]"


def action(**fields: Any) -> dict[str, Any]:
    return selector(matchActions=[fields])


def test_names_are_those_of_the_contract() -> None:
    assert sorted(get_args(ActionName)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["matchActions", "matchReturnActions"])
def test_each_action_is_accepted(name: str, place: str) -> None:
    assert problems(selector(**{place: [{"action": name}]})) == []


@pytest.mark.parametrize("name", ["post", "SIGKILL", "FollowFD", "UnfollowFD", "CopyFD", ""])
def test_other_actions_are_refused(name: str) -> None:
    assert problems(action(action=name)) == [
        f'{PATH}.action: "{name}" is not one of {", ".join(NAMES)}'
    ]


def test_name_is_required() -> None:
    assert problems(action(argSig=9)) == [f"{PATH}.action: required, but absent"]


def test_parameters() -> None:
    (found,) = (
        read(
            action(
                action="Override", argError=-1, argRegs=["rax=0"], rateLimit="5m", argUrl="http://x"
            )
        )
        .kprobes[0]
        .selectors[0]
        .match_actions
    )
    assert (found.arg_error, found.arg_regs, found.rate_limit) == (-1, ("rax=0",), "5m")
    assert (found.arg_sig, found.ima_hash, found.arg_new_symbol) == (0, False, "")


@pytest.mark.parametrize("field", ["argSig", "argSock", "argIndex", "argValue"])
def test_unsigned_parameters(field: str) -> None:
    assert problems(action(action="Set", **{field: 2**31 - 1})) == []
    assert problems(action(action="Set", **{field: -1})) == [
        f"{PATH}.{field}: -1 must be at least 0"
    ]


@pytest.mark.parametrize("value", [-(2**31), 0, 2**31 - 1])
def test_error_is_signed(value: int) -> None:
    assert problems(action(action="Override", argError=value)) == []


@pytest.mark.parametrize("field", ["argNewAddr", "argNewOffset"])
def test_addresses_have_64_bits(field: str) -> None:
    assert problems(action(action="Override", **{field: 2**63 - 1})) == []
    assert problems(action(action="Override", **{field: 2**63})) != []


@pytest.mark.parametrize("name", NEW_TARGETS)
def test_one_new_target(name: str) -> None:
    assert problems(action(action="Override", **{name: NEW_TARGETS[name]})) == []


@pytest.mark.parametrize("names", [*combinations(NEW_TARGETS, 2), tuple(NEW_TARGETS)])
def test_two_new_targets_are_refused_even_if_they_are_zero(names: tuple[str, ...]) -> None:
    targets = {name: NEW_TARGETS[name] for name in names}
    assert problems(action(action="Override", **targets)) == [
        f"{PATH}: give at most one of argNewSymbol, argNewAddr and argNewOffset"
    ]
