from __future__ import annotations

import pytest

from osmia_events.model import EventBody, Process, ProcessExec, ProcessExit, ProcessKprobe
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches

EXEC = ProcessExec(
    process=Process(binary="/usr/bin/curl"),
    parent=Process(binary="/bin/bash"),
    ancestors=(Process(binary="/usr/sbin/sshd"), Process(binary="/sbin/init")),
)


@pytest.mark.parametrize(
    ("patterns", "result"),
    [
        (["curl"], True),
        (["^curl"], False),
        (["/curl$"], True),
        (["^nothing$", "bin/c"], True),
        ("curl", True),
        (["bash"], False),
        ([""], True),
    ],
)
def test_binary_regex_searches_the_binary(patterns: list[str] | str, result: bool) -> None:
    assert matches(EXEC, binary_regex=patterns) is result
    assert matches(ProcessKprobe(process=EXEC.process), binary_regex=patterns) is result
    assert matches(ProcessExit(process=EXEC.process), binary_regex=patterns) is result


def test_a_process_without_binary_has_an_empty_one() -> None:
    assert matches(ProcessExec(process=Process()), binary_regex="^$")


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
@pytest.mark.parametrize("field", ["binary_regex", "parent_binary_regex", "ancestor_binary_regex"])
def test_nothing_matches_where_there_is_no_process(body: EventBody | None, field: str) -> None:
    assert not matches(body, **{field: ""})


def test_parent_binary_regex_searches_the_parents() -> None:
    assert matches(EXEC, parent_binary_regex="bash$")
    assert not matches(EXEC, parent_binary_regex="curl")
    assert not matches(ProcessExec(process=EXEC.process), parent_binary_regex="")


def test_ancestor_binary_regex_searches_all_ancestors_but_the_parent() -> None:
    assert matches(EXEC, ancestor_binary_regex="init$")
    assert matches(EXEC, ancestor_binary_regex=["nothing", "sshd"])
    assert not matches(EXEC, ancestor_binary_regex="bash")
    assert not matches(EXEC, ancestor_binary_regex="curl")
