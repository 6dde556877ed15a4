"""Whose the Lease is, judged without trust in anybody's clock."""

from __future__ import annotations

from typing import Any

from osmia_operator.leadership import held_lease, may_take, see


def lease(holder: str, renew_time: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "osmia-operator", "resourceVersion": "5"},
        "spec": {
            "holderIdentity": holder,
            "renewTime": renew_time,
            "leaseDurationSeconds": 15,
            **spec,
        },
    }


def test_one_s_own_and_a_free_one_may_be_taken() -> None:
    assert may_take(see(lease("me", "t1"), None, 0.0), "me", 0.0)
    assert may_take(see(lease("", "t1"), None, 0.0), "me", 0.0)
    assert may_take(see({}, None, 0.0), "me", 0.0)


def test_another_s_may_be_taken_once_it_has_not_changed_for_its_duration() -> None:
    seen = see(lease("other", "2099-01-01T00:00:00Z"), None, 100.0)
    assert not may_take(seen, "me", 114.9)
    seen = see(lease("other", "2099-01-01T00:00:00Z"), seen, 114.9)
    assert may_take(seen, "me", 115.0)


def test_a_renewal_counts_from_when_it_is_seen() -> None:
    seen = see(lease("other", "t1"), None, 100.0)
    seen = see(lease("other", "t2"), seen, 110.0)
    assert not may_take(seen, "me", 124.9)
    assert may_take(seen, "me", 125.0)


def test_the_first_lease() -> None:
    made = held_lease(None, "osmia", "me", "now")
    assert made["metadata"] == {"name": "osmia-operator", "namespace": "osmia"}
    assert made["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "now",
        "renewTime": "now",
        "leaseTransitions": 0,
    }


def test_renewal_keeps_when_it_was_acquired() -> None:
    before = lease("me", "t1", acquireTime="t0", leaseTransitions=3)
    spec = held_lease(before, "osmia", "me", "now")["spec"]
    assert (spec["acquireTime"], spec["renewTime"], spec["leaseTransitions"]) == ("t0", "now", 3)


def test_taking_over_counts_as_a_transition_and_fails_if_another_is_faster() -> None:
    before = lease("other", "t1", acquireTime="t0", leaseTransitions=3)
    made = held_lease(before, "osmia", "me", "now")
    assert (made["spec"]["acquireTime"], made["spec"]["leaseTransitions"]) == ("now", 4)
    assert made["metadata"]["resourceVersion"] == "5"
