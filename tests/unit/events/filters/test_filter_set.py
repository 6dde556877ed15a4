from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config import FilterConfig
from osmia_events.filters import FilterSet
from osmia_events.model import (
    EVENT_BODIES,
    Container,
    EventBody,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
)
from tests.strategies import bodies
from tests.unit.events.filters.cases import WITHOUT_PROCESS

SHOP = ProcessExec(process=Process(binary="/bin/sh", pod=Pod(namespace="shop")))
HERE = FilterConfig(namespace=("shop",))
ELSEWHERE = FilterConfig(namespace=("bank",))


@pytest.mark.parametrize(
    ("allow", "deny", "passes"),
    [
        ([], [], True),
        ([HERE], [], True),
        ([ELSEWHERE], [], False),
        ([ELSEWHERE, HERE], [], True),
        ([], [HERE], False),
        ([], [ELSEWHERE], True),
        ([HERE], [HERE], False),
        ([HERE], [ELSEWHERE], True),
        ([FilterConfig()], [], True),
        ([], [FilterConfig()], False),
        ([FilterConfig(namespace=("shop",), binary_regex=("ls",))], [], False),
        ([FilterConfig(namespace=("shop",), binary_regex=("sh",))], [], True),
    ],
)
def test_filters_are_alternatives_of_conditions_that_must_all_hold_and_deny_wins(
    allow: list[FilterConfig], deny: list[FilterConfig], passes: bool
) -> None:
    assert FilterSet(allow, deny).passes(SHOP) is passes


@pytest.mark.parametrize("body", [*WITHOUT_PROCESS, *(each() for each in EVENT_BODIES.values())])
def test_a_filter_without_conditions_matches_every_event(body: EventBody | None) -> None:
    assert FilterSet([FilterConfig()]).passes(body)
    assert not FilterSet([], [FilterConfig()]).passes(body)


def test_all_filters_that_match_are_told_by_list() -> None:
    filters = FilterSet([ELSEWHERE, HERE, FilterConfig()], [HERE, ELSEWHERE, FilterConfig()])
    assert filters.matching(SHOP) == ([1, 2], [0, 2])


def test_a_verdict_on_a_process_is_not_taken_for_one_on_a_parent() -> None:
    shell, other = Process(binary="sh"), Process(binary="ls")
    filters = FilterSet([FilterConfig(binary_regex=("sh",), parent_binary_regex=("ls",))])
    assert filters.passes(ProcessKprobe(process=shell, parent=other))
    assert not filters.passes(ProcessKprobe(process=other, parent=shell))
    assert not filters.passes(ProcessKprobe(process=shell, parent=shell))
    assert filters.passes(ProcessKprobe(process=shell, parent=other))


_WORDS = st.sampled_from(["", "a", "sh", "ls", "shop"])
_LISTS = st.lists(_WORDS, max_size=2).map(tuple)
_FILTERS = st.builds(
    FilterConfig,
    binary_regex=_LISTS,
    parent_binary_regex=_LISTS,
    namespace=_LISTS,
    namespace_regex=_LISTS,
    arguments_regex=_LISTS,
    pod_regex=_LISTS,
    labels=_LISTS,
    policy_names=_LISTS,
    container_id=_LISTS,
    container_name_regex=_LISTS,
    event_set=st.lists(st.sampled_from([0, 1, 5, 9]), max_size=2).map(tuple),
    pid=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    in_init_tree=st.none() | st.booleans(),
    health_check=st.none() | st.booleans(),
)
_PROCESSES = st.builds(
    Process,
    binary=_WORDS,
    arguments=_WORDS,
    docker=_WORDS,
    pid=st.none() | st.integers(0, 3),
    in_init_tree=st.none() | st.booleans(),
    pod=st.none()
    | st.builds(
        Pod,
        namespace=_WORDS,
        name=_WORDS,
        pod_labels=st.dictionaries(_WORDS, _WORDS, max_size=2),
        container=st.none() | st.builds(Container, name=_WORDS, maybe_exec_probe=st.booleans()),
    ),
)
_CONFIGS = st.tuples(st.lists(_FILTERS, max_size=3), st.lists(_FILTERS, max_size=2))


@given(st.lists(_CONFIGS, min_size=1, max_size=5), st.lists(_PROCESSES, min_size=1), st.data())
def test_a_remembered_verdict_equals_a_fresh_one_after_any_changes_of_configuration(
    configs: list[Any], processes: list[Process], data: st.DataObject
) -> None:
    running = FilterSet(*configs[0])
    config = configs[0]
    for _ in range(12):
        if data.draw(st.booleans(), label="change"):
            config = data.draw(st.sampled_from(configs))
            running = FilterSet(*config)
        process = data.draw(st.sampled_from(processes))
        parent = data.draw(st.none() | st.sampled_from(processes))
        if data.draw(st.booleans(), label="forget"):
            process.memo = None
        kind = data.draw(st.sampled_from([ProcessExec, ProcessKprobe]))
        fresh = kind(process.replaced(), None if parent is None else parent.replaced())
        assert running.passes(kind(process, parent)) is FilterSet(*config).passes(fresh)


@given(_CONFIGS, bodies())
def test_deny_wins_and_lists_are_alternatives(config: Any, body: EventBody) -> None:
    allow, deny = config
    alone = [FilterSet([each]).passes(body) for each in allow]
    denied = [not FilterSet([], [each]).passes(body) for each in deny]
    expected = (any(alone) or not allow) and not any(denied)
    filters = FilterSet(allow, deny)
    assert filters.passes(body) is expected
    assert filters.matching(body) == (
        [at for at, each in enumerate(alone) if each],
        [at for at, each in enumerate(denied) if each],
    )
