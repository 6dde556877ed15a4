"""The status: honest, and unchanged as long as nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.bundle import read_resource
from osmia_operator.rollout import Failure, Rollout
from osmia_operator.status import build_status, mode_of
from osmia_operator.validation import Rejection

from .objects import bundle, export_config, policy

DONE = Rollout(3, 3)
MADE = bundle()


def status(
    rollout: Rollout = DONE, verdict: Any = MADE, generation_in_force: int = 0, **previous: Any
) -> dict[str, Any]:
    return build_status(verdict, rollout, 7, generation_in_force, previous, "2026-01-01T00:00:00Z")


def condition(built: dict[str, Any], which: str) -> tuple[str, str, str]:
    (found,) = [each for each in built["conditions"] if each["type"] == which]
    assert found["observedGeneration"] == 7
    return found["status"], found["reason"], found["message"]


def test_in_force_everywhere() -> None:
    built = status()
    assert condition(built, "Accepted") == ("True", "Valid", "")
    assert condition(built, "Programmed") == ("True", "Programmed", "in force on 3 nodes")
    assert condition(built, "Ready") == ("True", "Programmed", "in force on 3 nodes")
    assert condition(built, "Degraded") == ("False", "AsExpected", "")
    assert built["nodes"] == {"desired": 3, "programmed": 3, "failed": 0, "summary": "3/3"}


def test_under_way() -> None:
    waiting = tuple(Failure(f"n{n}", "late") for n in range(7))
    built = status(Rollout(9, 2, 0, (), waiting))
    ready, reason, message = condition(built, "Ready")
    assert (ready, reason) == ("False", "Progressing")
    assert message == (
        "waiting for 7 of 9 nodes: n0: late; n1: late; n2: late; n3: late; n4: late; ..."
    )


def test_withheld() -> None:
    told = (Failure("a", "Disabled: disabled by the API of this node"),)
    ready = condition(status(Rollout(3, 2, 0, (), told, withheld=1)), "Ready")
    assert ready == (
        "False",
        "Withheld",
        "withheld on 1 of 3 nodes: a: Disabled: disabled by the API of this node",
    )
    late = (*told, Failure("b", "late"))
    ready = condition(status(Rollout(3, 1, 0, (), late, withheld=1)), "Ready")
    assert ready[1] == "Progressing"


def test_failed() -> None:
    built = status(Rollout(3, 2, 1, (Failure("a", "Failed: why"),)))
    assert condition(built, "Ready") == (
        "False",
        "NodesFailed",
        "1 of 3 nodes failed: a: Failed: why",
    )
    assert condition(built, "Degraded")[:2] == ("True", "NodesFailed")
    assert built["failures"] == [{"node": "a", "reason": "Failed: why"}]


def test_expired() -> None:
    over = bundle(export_config(expiresAt="2025-12-31T00:00:00Z"))
    built = status(Rollout(3, 0, 0, (), (Failure("a", "Skipped: over"),)), over)
    assert condition(built, "Ready") == (
        "False",
        "Expired",
        "spec.expiresAt: 2025-12-31T00:00:00Z is over",
    )
    assert condition(built, "Degraded")[0] == "False"


def test_without_nodes_nothing_is_ready() -> None:
    assert condition(status(Rollout()), "Ready")[:2] == ("False", "NoNodes")


def test_rejected() -> None:
    built = status(Rollout(), Rejection("TooLarge", "too many bytes"))
    assert condition(built, "Accepted") == ("False", "TooLarge", "too many bytes")
    assert condition(built, "Programmed")[:2] == ("False", "NotAccepted")
    assert condition(built, "Ready")[:2] == ("False", "TooLarge")
    assert "mode" not in built


def test_rejected_while_an_earlier_generation_stays() -> None:
    built = status(Rollout(), Rejection("Invalid", "why"), 6, mode="enforce")
    assert condition(built, "Accepted")[2] == "why\nGeneration 6 stays in force."
    assert built["mode"] == "enforce"


def test_times_change_with_the_status_of_a_condition_only() -> None:
    before = status(Rollout(3, 2))
    for each in before["conditions"]:
        each["lastTransitionTime"] = "2020-01-01T00:00:00Z"
    after = status(DONE, MADE, 0, **before)
    times = {each["type"]: each["lastTransitionTime"][:4] for each in after["conditions"]}
    assert times == {"Accepted": "2020", "Programmed": "2026", "Ready": "2026", "Degraded": "2020"}


def test_built_again_it_is_the_same() -> None:
    first = status()
    again = build_status(MADE, DONE, 7, 0, first, "2030-01-01T00:00:00Z")
    assert again == first


@pytest.mark.parametrize(
    "built",
    [
        status(),
        status(Rollout(3, 1, 1, (Failure("a", "x" * 3000),), (Failure("b", "y"),))),
        status(Rollout(), Rejection("Invalid", "why")),
    ],
)
def test_has_the_form_of_the_model(built: dict[str, Any]) -> None:
    read_resource({**policy(), "status": built})


POST = {"matchActions": [{"action": "Post"}]}
KILL = {"matchActions": [{"action": "Sigkill"}]}


@pytest.mark.parametrize(
    ("manifest", "mode"),
    [
        (policy(), "monitor_only"),
        (policy(kprobes=[{"call": "f", "selectors": [POST]}]), "monitor_only"),
        (policy(kprobes=[{"call": "f", "selectors": [KILL]}]), "enforce"),
        (
            policy(
                lsmhooks=[{"hook": "f", "selectors": [KILL]}],
                options=[{"name": "policy-mode", "value": "monitor"}],
            ),
            "monitor",
        ),
        (policy(options=[{"name": "policy-mode", "value": "enforce"}]), "monitor_only"),
        (export_config(mode="DryRun"), "DryRun"),
    ],
)
def test_mode(manifest: dict[str, Any], mode: str) -> None:
    assert mode_of(bundle(manifest)) == mode
