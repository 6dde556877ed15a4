"""The status of a source, in the form that its model has. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import Bundle
from osmia_api.export_config import ExportConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from osmia_api.tracing_policy import TracingPolicySpec
    from osmia_operator.rollout import Failure, Rollout
    from osmia_operator.validation import Verdict

_MAX_NAMED_NODES = 5
_MAX_REASON_LENGTH = 1024
_ENFORCING_ACTIONS = frozenset({"override", "sigkill", "signal", "notifyenforcer"})


class _Condition(NamedTuple):
    type: str
    status: str
    reason: str
    message: str


def build_status(
    verdict: Verdict,
    rollout: Rollout,
    generation: int,
    generation_in_force: int,
    previous: Mapping[str, Any],
    now: str,
) -> dict[str, Any]:
    """Build the status of an object.

    `generation_in_force` is that of the bundle that nodes have while `verdict` is a rejection, 0 if
    there is none. `previous` is the status so far: times of transitions are taken from it where
    nothing changes. `now` is the time as RFC 3339 writes it.
    """
    accepted = _accepted(verdict, generation_in_force)
    programmed = _programmed(verdict, rollout, now)
    conditions = [accepted, programmed, _ready(accepted, programmed), _degraded(verdict, rollout)]
    times = {
        (each.get("type"), each.get("status")): each.get("lastTransitionTime")
        for each in previous.get("conditions") or ()
    }
    status: dict[str, Any] = {
        "conditions": [
            {
                "type": each.type,
                "status": each.status,
                "observedGeneration": generation,
                "lastTransitionTime": times.get((each.type, each.status)) or now,
                "reason": each.reason,
                "message": each.message,
            }
            for each in conditions
        ],
        "nodes": {
            "desired": rollout.desired,
            "programmed": rollout.programmed,
            "failed": rollout.failed,
            "summary": rollout.summary,
        },
        "failures": [
            {"node": each.node, "reason": each.reason[:_MAX_REASON_LENGTH]}
            for each in rollout.failures
        ],
    }
    if isinstance(verdict, Bundle):
        status["mode"] = mode_of(verdict)
    elif previous.get("mode") and generation_in_force:
        status["mode"] = previous["mode"]
    return status


def _accepted(verdict: Verdict, generation_in_force: int) -> _Condition:
    if isinstance(verdict, Bundle):
        return _Condition("Accepted", "True", "Valid", "")
    message = verdict.message
    if generation_in_force:
        message += f"\nGeneration {generation_in_force} stays in force."
    return _Condition("Accepted", "False", verdict.reason, message)


def _programmed(verdict: Verdict, rollout: Rollout, now: str) -> _Condition:
    if not isinstance(verdict, Bundle):
        return _Condition("Programmed", "False", "NotAccepted", "this generation is not accepted")
    resource = verdict.resource
    if isinstance(resource, ExportConfig):
        expiry = resource.spec.expiry
        if expiry is not None and expiry <= datetime.fromisoformat(now):
            message = f"spec.expiresAt: {resource.spec.expires_at} is over"
            return _Condition("Programmed", "False", "Expired", message)
    if rollout.desired == 0:
        return _Condition(
            "Programmed", "False", "NoNodes", "no node that nodeSelector matches runs an agent"
        )
    if rollout.failed:
        count = f"{rollout.failed} of {rollout.desired} nodes failed"
        return _Condition(
            "Programmed", "False", "NodesFailed", f"{count}: {_named(rollout.failures)}"
        )
    missing = rollout.desired - rollout.programmed
    if missing > 0 and missing == rollout.withheld:
        count = f"withheld on {missing} of {rollout.desired} nodes"
        return _Condition("Programmed", "False", "Withheld", f"{count}: {_named(rollout.waiting)}")
    if missing > 0:
        count = f"waiting for {missing} of {rollout.desired} nodes"
        return _Condition(
            "Programmed", "False", "Progressing", f"{count}: {_named(rollout.waiting)}"
        )
    return _Condition("Programmed", "True", "Programmed", f"in force on {rollout.desired} nodes")


def _ready(accepted: _Condition, programmed: _Condition) -> _Condition:
    if accepted.status != "True":
        return _Condition("Ready", "False", accepted.reason, "not accepted")
    return _Condition("Ready", programmed.status, programmed.reason, programmed.message)


def _degraded(verdict: Verdict, rollout: Rollout) -> _Condition:
    if isinstance(verdict, Bundle) and rollout.failed:
        message = f"not in force on {rollout.failed} nodes that reported so"
        return _Condition("Degraded", "True", "NodesFailed", message)
    return _Condition("Degraded", "False", "AsExpected", "")


def _named(failures: Iterable[Failure]) -> str:
    each = list(failures)
    named = "; ".join(f"{f.node}: {f.reason}" for f in each[:_MAX_NAMED_NODES])
    return named + ("; ..." if len(each) > _MAX_NAMED_NODES else "")


def mode_of(bundle: Bundle) -> str:
    """Tell the mode in force: of a policy enforce, monitor or monitor_only."""
    resource = bundle.resource
    if isinstance(resource, ExportConfig):
        return resource.spec.mode
    if not _enforces(resource.spec):
        return "monitor_only"
    chosen = [each.value for each in resource.spec.options if each.name == "policy-mode"]
    return chosen[-1] if chosen else "enforce"


def _enforces(spec: TracingPolicySpec) -> bool:
    hooks = (
        *spec.kprobes,
        *spec.fentries,
        *spec.tracepoints,
        *spec.uprobes,
        *spec.usdts,
        *spec.lsmhooks,
    )
    selectors = [each for hook in hooks for each in hook.selectors]
    actions = [
        action
        for selector in (*selectors, *spec.selectors_macros.values())
        for action in (*selector.match_actions, *selector.match_return_actions)
    ]
    return any(action.action.casefold() in _ENFORCING_ACTIONS for action in actions)
