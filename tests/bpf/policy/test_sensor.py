"""Policies come and go without harm to one another, and nothing of them stays."""

import os

import pytest

from osmia_agent.sensors.policy_status import PolicyError, PolicyKey, PolicyState
from tests.bpf.policy.node import Node

LSEEK = """
tracepoints:
- subsystem: syscalls
  event: sys_enter_lseek
  args: [{index: 5, type: int}, {index: 6, type: long}]
  selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]}]
"""


def seek(offset):
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, offset, 0)


def seen(node):
    return [(event.policy_name, event.args[1].value) for event in node.own()]


def test_two_policies_on_one_hook(node):
    node.add(LSEEK, "one")
    node.add(LSEEK, "two")
    seek(5)
    assert sorted(seen(node)) == [("one", 5), ("two", 5)]


def test_off_and_on_again(node):
    key = node.add(LSEEK, "one")
    node.sensor.disable(key)
    seek(1)
    assert seen(node) == []
    assert node.status(key).state is PolicyState.DISABLED
    with pytest.raises(PolicyError, match="not enabled"):
        node.sensor.disable(key)
    node.sensor.enable(key)
    seek(2)
    assert seen(node) == [("one", 2)]
    with pytest.raises(PolicyError, match="not disabled"):
        node.sensor.enable(key)


def test_a_name_is_taken_once_unless_replaced(node):
    node.add(LSEEK, "one")
    with pytest.raises(PolicyError, match="'one' is there already"):
        node.sensor.add(node.text(LSEEK, "one"))
    node.add(LSEEK.replace("9999", "8888"), "one", replace=True)
    seek(1)
    assert seen(node) == []
    assert len(node.sensor.statuses()) == 1


def test_domains_are_apart(node):
    node.add(LSEEK, "one")
    node.add(LSEEK, "one", domain="grpc")
    seek(3)
    assert len(seen(node)) == 2


def test_a_change_that_fails_leaves_the_policy_as_it_was(node):
    node.add(LSEEK, "one")
    for broken in ("kprobes: [{call: nothing}]", "kprobes: [{call: 5}]"):
        with pytest.raises(PolicyError):
            node.sensor.add(node.text(broken, "one"), replace=True)
    seek(4)
    assert seen(node) == [("one", 4)]


def test_records_of_a_policy_that_has_just_gone_are_read(node):
    key = node.add(LSEEK, "one")
    seek(6)
    node.sensor.remove(key)
    assert seen(node) == [("one", 6)]


def test_a_policy_that_fails_is_kept_with_its_reason(node):
    with pytest.raises(PolicyError, match="this kernel has no function") as failure:
        node.sensor.add(node.text("kprobes: [{call: nothing}]", "bad"))
    assert str(failure.value).startswith("line 5: spec.kprobes[0].call: ")
    assert failure.value.key == PolicyKey("bad")
    status = node.status(failure.value.key)
    assert status.state is PolicyState.LOAD_ERROR
    assert status.error == str(failure.value)
    for act in (node.sensor.enable, node.sensor.disable):
        with pytest.raises(PolicyError, match="is not"):
            act(status.key)


@pytest.mark.parametrize("fixed", [False, True])
def test_a_policy_that_cannot_be_used_as_a_whole_is_kept_too(node, fixed):
    two_kinds = LSEEK + "lsmhooks: [{hook: file_open}]"
    with pytest.raises(PolicyError, match="one kind of hooks") as failure:
        node.sensor.add(node.text(two_kinds, "bad"))
    status = node.status(failure.value.key)
    assert status.state is PolicyState.LOAD_ERROR
    assert (status.hooks, status.kernel_memory_bytes) == ((), 0)
    if fixed:
        node.add(LSEEK, "bad")
        seek(1)
        assert seen(node) == [("bad", 1)]
    else:
        node.sensor.remove(status.key)
    assert len(node.sensor.statuses()) == fixed


def test_a_policy_without_a_name_leaves_nothing(node):
    with pytest.raises(PolicyError, match="metadata") as failure:
        node.sensor.add("kind: TracingPolicy\nspec: {}\n")
    assert failure.value.key is None
    assert node.sensor.statuses() == []


def test_a_hook_that_fails_harms_no_other(node):
    second = LSEEK.replace("tracepoints:\n", "").replace("sys_enter_lseek", "sys_enter_nothing")
    key = node.sensor.add(node.text(LSEEK + second, "half"))
    status = node.status(key)
    assert status.state is PolicyState.PARTIALLY_ENABLED
    assert [hook.state.value for hook in status.hooks] == ["loaded", "failed"]
    seek(7)
    assert seen(node) == [("half", 7)]


def test_unknown_policies(node):
    for act in (node.sensor.remove, node.sensor.enable, node.sensor.disable):
        with pytest.raises(PolicyError, match="there is no policy 'none'"):
            act(PolicyKey("none"))


def test_nothing_to_enforce(node):
    key = node.add(LSEEK, "one")
    with pytest.raises(PolicyError, match="no action to enforce"):
        node.sensor.set_mode(key, enforce=False)


def test_kernel_memory_is_known(node):
    assert node.status(node.add(LSEEK, "one")).kernel_memory_bytes > 1000


def test_loss_is_counted(tmp_path):
    node = Node(tmp_path, ring_size=4096)
    try:
        key = node.add(LSEEK, "one")
        for offset in range(200):
            seek(offset)
        (counts,) = node.sensor.counts()[key]
        assert counts.generated == 200
        assert counts.dropped > 0
        assert counts.submitted == len(node.own())
        assert counts.generated == counts.submitted + counts.dropped
        node.sensor.remove(key)
        assert node.sensor.gone() == {"tracepoints": counts}
    finally:
        node.close()


def test_policies_are_compiled_ahead(tmp_path):
    node = Node(tmp_path)
    try:
        texts = [node.text(LSEEK, name) for name in ("one", "two", "three")]
        broken = node.text("kprobes: [{call: nothing}]", "broken")
        node.sensor.prepare([*texts, broken])
        compiled = {path.name for path in tmp_path.glob("*.bpf")}
        assert len(compiled) == 3
        for text in texts:
            node.sensor.add(text)
        assert {path.name for path in tmp_path.glob("*.bpf")} == compiled
        seek(8)
        assert {name for name, _ in seen(node)} == {"one", "two", "three"}
    finally:
        node.close()
