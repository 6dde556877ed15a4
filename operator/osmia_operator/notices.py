"""What is worth a Kubernetes Event: that the state of an object has changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NORMAL = "Normal"
WARNING = "Warning"

_FINE = frozenset({"Programmed", "Expired", "NoNodes"})


class Notice(NamedTuple):
    """One change, as `kubectl describe` shows it."""

    type: str
    """Normal or Warning."""
    reason: str
    """In one word, for programs."""
    note: str
    """In words, for people."""


def notice_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Notice | None:
    """Tell what the step from one status to the next means; None if it means nothing new.

    Progress on single nodes is none: only that an object is accepted or not, and is in force or not
    any more, and why.
    """
    ready = _condition(after, "Ready")
    if not ready or _state(before) == _state(after):
        return None
    generation = ready.get("observedGeneration", 0)
    accepted = _condition(after, "Accepted")
    if accepted.get("status") == "False":
        return Notice(WARNING, accepted["reason"], accepted["message"])
    if ready["status"] == "True":
        return Notice(NORMAL, "Ready", f"generation {generation} is {ready['message']}")
    if ready["reason"] != "Progressing":
        kind = NORMAL if ready["reason"] in _FINE else WARNING
        return Notice(kind, ready["reason"], ready["message"])
    was = _condition(before, "Ready")
    if was.get("status") == "True" and was.get("observedGeneration") == generation:
        return Notice(WARNING, "NotReady", ready["message"])
    return None


def _state(status: Mapping[str, Any]) -> tuple[object, ...]:
    accepted, ready = _condition(status, "Accepted"), _condition(status, "Ready")
    return (
        accepted.get("status"),
        accepted.get("message"),
        ready.get("status"),
        ready.get("reason"),
        ready.get("observedGeneration"),
    )


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = [
        each for each in status.get("conditions") or () if each.get("type") == kind
    ]
    return found[0] if found else {}
