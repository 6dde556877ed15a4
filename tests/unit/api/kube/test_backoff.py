"""Waits between failures."""

from __future__ import annotations

from osmia_api.kube.backoff import Backoff


def test_doubles_up_to_the_most_and_begins_again() -> None:
    backoff = Backoff(1.0, 5.0, random_part=lambda: 1.0)
    assert [backoff.after_failure() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.succeeded()
    assert backoff.after_failure() == 1.0


def test_at_least_half_and_at_least_what_is_asked() -> None:
    backoff = Backoff(1.0, 5.0, random_part=lambda: 0.0)
    assert backoff.after_failure() == 0.5
    assert backoff.after_failure(asked_s=9.0) == 9.0


def test_never_overflows() -> None:
    backoff = Backoff(1.0, 5.0, random_part=lambda: 1.0)
    assert {backoff.after_failure() for _ in range(5000)} <= {1.0, 2.0, 4.0, 5.0}
