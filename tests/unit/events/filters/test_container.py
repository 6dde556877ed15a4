from __future__ import annotations

import pytest

from osmia_events.model import EventBody, Pod, Process, ProcessExec
from tests.unit.events.filters.cases import WITHOUT_PROCESS, in_pod, matches

ID = "0123456789abcdef0123456789abcde"
HOST = ProcessExec(process=Process())


def test_container_id_is_found_by_patterns_and_empty_on_the_host() -> None:
    body = ProcessExec(process=Process(docker=ID))
    assert matches(body, container_id=["x", ID])
    assert matches(body, container_id="^0123456789ab")
    assert not matches(body, container_id=["^123", "x"])
    assert not matches(body, container_id="^$")
    assert matches(HOST, container_id="^$")
    assert matches(HOST, container_id="")


def test_container_name_regex_needs_a_container() -> None:
    assert matches(ProcessExec(process=in_pod()), container_name_regex="^ma")
    assert not matches(ProcessExec(process=in_pod()), container_name_regex="^ai")
    assert not matches(ProcessExec(process=Process(pod=Pod())), container_name_regex="")
    assert not matches(HOST, container_name_regex="")


@pytest.mark.parametrize(
    ("known", "wanted", "result"),
    [
        (True, True, True),
        (True, False, False),
        (False, False, True),
        (False, True, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_in_init_tree_takes_unknown_for_no(known: bool | None, wanted: bool, result: bool) -> None:
    body = ProcessExec(process=Process(in_init_tree=known))
    assert matches(body, in_init_tree=wanted) is result


@pytest.mark.parametrize("body", WITHOUT_PROCESS)
def test_nothing_matches_where_there_is_no_process(body: EventBody | None) -> None:
    assert not matches(body, container_id="")
    assert not matches(body, container_name_regex="")
    assert not matches(body, in_init_tree=False)
    assert not matches(body, in_init_tree=True)
