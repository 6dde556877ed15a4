from __future__ import annotations

import logging

import pytest

from osmia_events.model import EventBody, Process, ProcessExec, ProcessKprobe
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches

EXEC = ProcessExec(process=Process(pid=5, arguments="--token=geheim"))
KPROBE = ProcessKprobe(process=Process(pid=5), function_name="f")
FAILS = "process_exec.process.uid > 1u"
HOLDS = "process_exec.process.pid == 5u"


def test_any_expression_may_hold() -> None:
    assert matches(EXEC, cel_expression=HOLDS)
    assert matches(EXEC, cel_expression=["process_exec.process.pid == 6u", HOLDS])
    assert not matches(EXEC, cel_expression="process_exec.process.pid == 6u")


def test_expressions_of_other_event_types_are_left_out() -> None:
    assert not matches(KPROBE, cel_expression=HOLDS)
    assert not matches(EXEC, cel_expression="process_kprobe.function_name == ''")
    assert matches(KPROBE, cel_expression=[FAILS, "process_kprobe.function_name == 'f'"])
    assert not matches(EXEC, cel_expression="!has(process_kprobe.process)")


def test_several_types_in_one_expression() -> None:
    expression = (
        "has(process_exec.process) ? process_exec.process.pid == 5u : "
        "process_kprobe.function_name == 'f'"
    )
    assert matches(EXEC, cel_expression=expression)
    assert matches(KPROBE, cel_expression=expression)


@pytest.mark.parametrize("expression", ["true", "1 == 1", "cidr('::/0').containsIP('::1')"])
def test_an_expression_that_mentions_no_event_never_matches(expression: str) -> None:
    assert not matches(EXEC, cel_expression=expression)


def test_an_error_ends_the_list_and_is_logged_without_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert matches(EXEC, cel_expression=[HOLDS, FAILS])
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert not matches(EXEC, cel_expression=[FAILS, HOLDS])
    assert "CEL expression failed" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_events_without_process_are_no_error(body: EventBody | None) -> None:
    assert not matches(body, cel_expression=HOLDS)
