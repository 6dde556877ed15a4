from __future__ import annotations

from typing import get_args

from osmia_agent.kube.outcome import Outcome, State
from osmia_api.tracing_node import BundleState


def test_what_is_not_loaded_can_be_told_in_a_report() -> None:
    assert {*State} - {State.LOADED} == {*get_args(BundleState)}


def test_of_what_is_loaded_there_is_nothing_more_to_say() -> None:
    assert Outcome("0a1b2c3d", State.LOADED) == ("0a1b2c3d", "Loaded", "", "")
