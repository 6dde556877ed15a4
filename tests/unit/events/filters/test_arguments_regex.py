from __future__ import annotations

import pytest

from osmia_events.model import EventBody, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches

EXEC = ProcessExec(process=Process(arguments="-v --all"), parent=Process(arguments="-c run"))


def test_arguments_are_searched_as_one_text() -> None:
    assert matches(EXEC, arguments_regex="-v --a")
    assert matches(EXEC, arguments_regex=["x", "all$"])
    assert not matches(EXEC, arguments_regex="run")


def test_parent_arguments_are_those_of_the_parent() -> None:
    assert matches(EXEC, parent_arguments_regex="^-c")
    assert not matches(EXEC, parent_arguments_regex="all")
    assert not matches(ProcessExec(process=EXEC.process), parent_arguments_regex="")


def test_no_arguments_are_an_empty_text() -> None:
    assert matches(ProcessExec(process=Process()), arguments_regex="^$")


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_nothing_matches_where_there_is_no_process(body: EventBody | None) -> None:
    assert not matches(body, arguments_regex="")
    assert not matches(body, parent_arguments_regex="")
