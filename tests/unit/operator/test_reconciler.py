"""What to do, for every combination of what there is and should be."""

from __future__ import annotations

from osmia_operator.config_map import ObservedBundle, build_config_map, observe
from osmia_operator.reconciler import NOTHING, Plan, reconcile
from osmia_operator.validation import Rejection

from .objects import bundle, policy

REJECTED = Rejection("Invalid", "why")
MADE = bundle(policy())
CONFIG_MAP = build_config_map(MADE, "osmia")


def observed(**changes: object) -> ObservedBundle:
    return observe(CONFIG_MAP)._replace(**changes)  # type: ignore[arg-type] # of the right types


def test_missing_is_written() -> None:
    assert reconcile(MADE, "uid-web", None, "osmia") == Plan(apply=CONFIG_MAP)


def test_right_is_left_alone() -> None:
    assert reconcile(MADE, "uid-web", observed(), "osmia") == NOTHING


def test_old_or_spoiled_is_written_anew() -> None:
    spoiled = observed(fingerprint="other", source=None)
    assert reconcile(MADE, "uid-web", spoiled, "osmia") == Plan(apply=CONFIG_MAP)


def test_of_a_source_that_is_gone_is_deleted() -> None:
    assert reconcile(None, "", observed(), "osmia") == Plan(delete=observed())


def test_gone_on_both_sides() -> None:
    assert reconcile(None, "", None, "osmia") == NOTHING


def test_the_last_good_version_of_a_rejected_source_stays() -> None:
    assert reconcile(REJECTED, "uid-web", observed(generation=1), "osmia") == NOTHING


def test_that_of_an_earlier_source_of_the_name_goes() -> None:
    assert reconcile(REJECTED, "another", observed(), "osmia") == Plan(delete=observed())


def test_a_spoiled_one_of_a_rejected_source_goes() -> None:
    spoiled = observed(source=None)
    assert reconcile(REJECTED, "uid-web", spoiled, "osmia") == Plan(delete=spoiled)


def test_a_rejected_source_without_a_bundle() -> None:
    assert reconcile(REJECTED, "uid-web", None, "osmia") == NOTHING
