from __future__ import annotations

import pytest

from osmia_events.config import FilterConfig
from osmia_events.filters import FilterSet
from osmia_events.filters.pid import MAX_DESCENDANTS, PidSet
from osmia_events.model import EventBody, Process, ProcessExec, ProcessKprobe
from tests.unit.events.filters.cases import WITHOUT_PROCESS, matches


def child(pid: int, parent: int) -> ProcessExec:
    return ProcessExec(process=Process(pid=pid), parent=Process(pid=parent))


def test_pid_is_the_process_id() -> None:
    assert matches(child(7, 1), pid=[3, 7])
    assert not matches(child(7, 3), pid=3)


def test_a_process_without_id_counts_as_0() -> None:
    assert matches(ProcessExec(process=Process()), pid=0)
    assert not matches(child(7, 1), pid=0)


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_nothing_matches_where_there_is_no_process(body: EventBody | None) -> None:
    assert not matches(body, pid=0)
    assert not matches(body, pid_set=0)


def test_pid_set_follows_descendants_in_the_order_of_events() -> None:
    pids = PidSet([10])
    assert pids(child(10, 1))
    assert not pids(child(12, 11))  # 11 is not known yet
    assert pids(child(11, 10))
    assert pids(child(12, 11))
    assert pids(ProcessKprobe(process=Process(pid=12)))
    assert not pids(ProcessKprobe(process=Process(pid=13)))
    assert not pids(child(1, 0))


def test_what_pid_set_remembers_is_bounded_and_forgets_the_longest_unseen() -> None:
    pids = PidSet([1])
    for pid in range(2, MAX_DESCENDANTS + 2):
        assert pids(child(pid, 1))
    assert pids(ProcessKprobe(process=Process(pid=2)))  # seen again, so not the next to go
    assert pids(child(MAX_DESCENDANTS + 2, 1))
    assert len(pids._descendants) == MAX_DESCENDANTS
    assert pids(ProcessKprobe(process=Process(pid=2)))
    assert not pids(ProcessKprobe(process=Process(pid=3)))


def test_pid_set_sees_what_reaches_it_in_the_order_of_conditions() -> None:
    # The binary is asked before, the type after: an exec that fails by type is remembered.
    filters = FilterSet([FilterConfig(pid_set=(1,), event_set=(9,), binary_regex=("sh$",))])
    assert not filters.passes(
        ProcessExec(process=Process(pid=2, binary="/bin/sh"), parent=Process(pid=1))
    )
    assert filters.passes(ProcessKprobe(process=Process(pid=2, binary="/bin/sh")))
    assert not filters.passes(
        ProcessExec(process=Process(pid=3, binary="/bin/ls"), parent=Process(pid=1))
    )
    assert not filters.passes(ProcessKprobe(process=Process(pid=3, binary="/bin/sh")))


def test_filters_before_it_may_keep_events_from_a_pid_set_and_those_behind_may_not() -> None:
    grandchild = ProcessKprobe(process=Process(pid=3), parent=Process(pid=2))
    first = FilterSet([FilterConfig(event_set=(1,)), FilterConfig(pid_set=(1,))])
    assert first.passes(child(2, 1))
    assert not first.passes(grandchild)
    behind = FilterSet([FilterConfig(pid_set=(1,)), FilterConfig(event_set=(1,))])
    assert behind.passes(child(2, 1))
    assert behind.passes(grandchild)


def test_a_pid_set_that_denies_sees_only_what_is_allowed() -> None:
    filters = FilterSet([FilterConfig(event_set=(9,))], [FilterConfig(pid_set=(1,))])
    assert not filters.passes(child(2, 1))
    assert filters.passes(ProcessKprobe(process=Process(pid=3), parent=Process(pid=2)))
    assert not filters.passes(ProcessKprobe(process=Process(pid=2), parent=Process(pid=1)))
    assert not filters.passes(ProcessKprobe(process=Process(pid=3), parent=Process(pid=2)))
