from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from osmia_cli.tree.model import Node, ProcessTree
from osmia_events.model import (
    Event,
    KprobeAction,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessTracepoint,
    RateLimitInfo,
)


def process(name: str, parent: str = "", pid: int = 0) -> Process:
    return Process(exec_id=name, parent_exec_id=parent, pid=pid or ord(name[0]), binary=f"/{name}")


def tree_of(*bodies: object, **settings: int) -> ProcessTree:
    tree = ProcessTree(**settings)
    tree.add_all(Event(body) for body in bodies)  # type: ignore[arg-type]  # bodies of events
    return tree


def shape(nodes: object) -> object:
    return {node.process.exec_id: shape(node.children) for node in nodes}  # type: ignore[attr-defined]  # nodes


def only(tree: ProcessTree) -> Node:
    (root,) = tree.roots()
    return root


def test_parents_and_children() -> None:
    tree = tree_of(
        ProcessExec(process("b", "a"), process("a")),
        ProcessExec(process("c", "b"), process("b", "a")),
        ProcessExec(process("d", "a"), process("a")),
        ProcessExit(process("c", "b"), process("b", "a"), signal="SIGKILL"),
        ProcessExit(process("d", "a"), process("a"), status=3),
    )
    assert shape(tree.roots()) == {"a": {"b": {"c": {}}, "d": {}}}
    root = only(tree)
    assert not root.is_seen
    assert [child.end for child in root.children] == ["", "3"]
    assert root.children[0].children[0].end == "SIGKILL"


def test_a_second_exec_is_the_same_process() -> None:
    first = process("a", pid=5)
    tree = tree_of(ProcessExec(first), ProcessExec(process("b", "a", pid=5), first))
    (child,) = only(tree).children
    assert child.is_same_process
    assert not only(tree).is_same_process


def test_what_fired() -> None:
    caller = process("a")
    kill = KprobeAction.KPROBE_ACTION_SIGKILL
    post = KprobeAction.KPROBE_ACTION_POST
    tree = tree_of(
        ProcessKprobe(process=caller, function_name="sys_open", policy_name="p", action=post),
        ProcessKprobe(process=caller, function_name="sys_open", policy_name="p", action=post),
        ProcessKprobe(process=caller, function_name="sys_open", policy_name="p", action=kill.value),
        ProcessKprobe(process=caller, function_name="sys_open", policy_name="p", action=99),
        ProcessTracepoint(process=caller, subsys="sched", event="x"),
    )
    assert only(tree).fired == {
        "p: sys_open": 2,
        "p: sys_open SIGKILL": 1,
        "p: sys_open 99": 1,
        "sched:x": 1,
    }


def test_a_parent_that_is_told_of_later_gets_its_own() -> None:
    tree = tree_of(
        ProcessExec(process("c", "b"), process("b", "a")),
        ProcessExit(process("b", "a"), process("a")),
    )
    assert shape(tree.roots()) == {"a": {"b": {"c": {}}}}


def test_events_without_a_process_tell_nothing() -> None:
    tree = tree_of(RateLimitInfo(3), ProcessExec(), ProcessExec(Process(binary="x")), None)
    assert list(tree.roots()) == []


def test_circles_are_not_followed() -> None:
    tree = tree_of(
        ProcessExec(process("a", "b"), process("b", "a")),
        ProcessExec(process("b", "a"), process("a", "b")),
        ProcessExec(process("c", "c"), process("c", "c")),
    )
    assert shape(tree.roots()) == {"b": {"a": {}}, "c": {}}


def test_the_oldest_that_ended_make_room() -> None:
    tree = tree_of(
        ProcessExec(process("a")),
        ProcessExec(process("b", "a"), process("a")),
        ProcessExec(process("c", "b"), process("b", "a")),
        ProcessExit(process("b", "a"), process("a")),
        ProcessExec(process("d", "a"), process("a")),
        max_processes=2,
    )
    assert shape(tree.roots()) == {"a": {"d": {}}, "c": {}}
    assert tree.forgotten == 1


def test_json_is_flat() -> None:
    tree = tree_of(
        ProcessExec(process("b", "a"), process("a")), ProcessExit(process("b", "a"), status=0)
    )
    assert tree.to_object() == [
        {"exec_id": "a", "pid": 97, "binary": "/a"},
        {"exec_id": "b", "parent_exec_id": "a", "pid": 98, "binary": "/b", "exit": "0"},
    ]


names = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(names, names, st.booleans()), max_size=40), st.integers(1, 6))
def test_every_process_stands_once_and_the_number_is_bounded(
    steps: list[tuple[str, str, bool]], size: int
) -> None:
    tree = ProcessTree(size)
    for name, parent, ends in steps:
        one, other = process(name, parent), process(parent)
        tree.add(Event(ProcessExit(one, other) if ends else ProcessExec(one, other)))
    listed = [each["exec_id"] for each in tree.to_object()]
    assert len(listed) == len(set(listed)) <= size + 1
    if steps:
        assert steps[-1][0] in listed
