"""Which steps from one status to the next are told."""

from __future__ import annotations

from typing import Any

from osmia_operator.notices import Notice, notice_of


def status(ready: tuple[str, str, str], accepted: str = "", generation: int = 1) -> dict[str, Any]:
    state, reason, message = ready
    return {
        "conditions": [
            {
                "type": "Accepted",
                "status": "False" if accepted else "True",
                "reason": "Invalid" if accepted else "Valid",
                "message": accepted,
                "observedGeneration": generation,
            },
            {
                "type": "Ready",
                "status": state,
                "reason": reason,
                "message": message,
                "observedGeneration": generation,
            },
        ]
    }


READY = status(("True", "Programmed", "in force on 2 nodes"))
WAITING = status(("False", "Progressing", "waiting for 1 of 2 nodes: b: not yet"))
FAILED = status(("False", "NodesFailed", "1 of 2 nodes failed: b: no such hook"))
REJECTED = status(("False", "Invalid", "not accepted"), accepted="spec.x: bad")


def test_the_way_to_ready() -> None:
    assert notice_of({}, WAITING) is None
    assert notice_of(WAITING, READY) == Notice(
        "Normal", "Ready", "generation 1 is in force on 2 nodes"
    )
    assert notice_of(READY, READY) is None


def test_each_generation_is_told() -> None:
    waiting = status(("False", "Progressing", "waiting"), generation=2)
    ready = status(("True", "Programmed", "in force on 2 nodes"), generation=2)
    assert notice_of(READY, waiting) is None
    notice = notice_of(waiting, ready)
    assert notice is not None
    assert notice.note == "generation 2 is in force on 2 nodes"


def test_rejected_with_the_reason() -> None:
    assert notice_of(READY, REJECTED) == Notice("Warning", "Invalid", "spec.x: bad")
    other = status(("False", "Invalid", "not accepted"), accepted="spec.y: bad")
    assert notice_of(REJECTED, REJECTED) is None
    assert notice_of(REJECTED, other) == Notice("Warning", "Invalid", "spec.y: bad")


def test_nodes_that_fail_are_told_once() -> None:
    assert notice_of(WAITING, FAILED) == Notice(
        "Warning", "NodesFailed", "1 of 2 nodes failed: b: no such hook"
    )
    more = status(("False", "NodesFailed", "2 of 2 nodes failed: a: no; b: no"))
    assert notice_of(FAILED, more) is None


def test_not_in_force_any_more() -> None:
    notice = notice_of(READY, WAITING)
    assert notice is not None
    assert (notice.type, notice.reason) == ("Warning", "NotReady")
    nobody = status(("False", "NoNodes", "no node"))
    assert notice_of({}, nobody) == Notice("Normal", "NoNodes", "no node")
