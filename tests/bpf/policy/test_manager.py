"""Policies by many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from osmia_agent.policies import GRPC, STATIC, PolicyError, PolicyKey, PolicyManager, PolicyState
from osmia_bpf.btf import BtfError
from tests.bpf.policy.node import Node
from tests.bpf.policy.test_sensor import LSEEK, seek, seen


@pytest.fixture
def opened(tmp_path):
    """A manager, the node that it opens, and how often it did."""
    node = Node(tmp_path)
    opened = []

    def open_sensor():
        opened.append(threading.current_thread())
        return node.sensor

    manager = PolicyManager(open_sensor)
    yield manager, node, opened
    manager.close()
    if opened:
        node.compiler.close()
    else:
        node.close()


def test_nothing_is_opened_before_the_first_policy(opened):
    manager, node, threads = opened
    assert (manager.statuses(), manager.details(), manager.counts(), manager.gone()) == (
        [],
        [],
        {},
        {},
    )
    with pytest.raises(PolicyError, match="there is no policy 'x'"):
        manager.remove(PolicyKey("x"))
    assert threads == []
    key = manager.add(node.text(LSEEK, "one"), STATIC)
    assert key == PolicyKey("one", "", "static")
    assert len(threads) == 1


def test_policies_for_other_nodes_are_listed_and_open_nothing(opened):
    manager, _, threads = opened
    key = PolicyKey("elsewhere", "", "k8s")
    manager.set_skipped([key])
    (details,) = manager.details()
    assert (details.status.key, details.status.state) == (key, PolicyState.SKIPPED)
    for change in (manager.enable, manager.disable, manager.remove):
        with pytest.raises(PolicyError, match="'elsewhere' is skipped: its nodeSelector"):
            change(key)
    manager.set_skipped([])
    assert (manager.details(), threads) == ([], [])


def test_a_life(opened):
    manager, node, _ = opened
    key = manager.add(node.text(LSEEK, "one"), GRPC)
    seek(1)
    manager.disable(key)
    seek(2)
    manager.enable(key)
    seek(3)
    assert seen(node) == [("one", 1), ("one", 3)]
    (counts,) = manager.counts()[key]
    assert counts == (2, 2, 0)
    with pytest.raises(PolicyError, match="is there already"):
        manager.add(node.text(LSEEK, "one"), GRPC)
    manager.add(node.text(LSEEK.replace("9999", "9998"), "one"), GRPC, replace=True)
    manager.remove(key)
    assert manager.statuses() == []
    assert manager.gone()["tracepoints"] == (2, 2, 0)


def test_the_mode_at_the_start(opened):
    manager, node, _ = opened
    deny = LSEEK.replace('["9999"]}]', '["9999"]}], matchActions: [{action: Signal, argSig: 10}]')
    key = manager.add(node.text(deny, "deny"), GRPC, mode="monitor")
    seek(1)  # a signal would end this process
    (status,) = manager.statuses()
    assert (status.enforces, status.enforce) == (True, False)
    manager.set_mode(key, "enforce")
    assert manager.statuses()[0].enforce
    manager.set_mode(key, "monitor")


def test_a_failed_policy_is_listed_and_gives_way(opened):
    manager, node, _ = opened
    with pytest.raises(PolicyError) as failure:
        manager.add(node.text("kprobes: [{call: nothing}]", "one"), GRPC)
    (status,) = manager.statuses()
    assert (status.key, status.state) == (failure.value.key, PolicyState.LOAD_ERROR)
    manager.add(node.text(LSEEK, "one"), GRPC)
    assert [each.state for each in manager.statuses()] == [PolicyState.ENABLED]


def test_what_cannot_be_read_is_listed_under_the_name_given(opened):
    manager, _, _ = opened
    with pytest.raises(PolicyError) as failure:
        manager.add("nonsense: [", STATIC)
    assert failure.value.key is None
    key = PolicyKey("file.yaml", "", STATIC)
    manager.note_failed(key, str(failure.value))
    assert [(each.key, each.error) for each in manager.statuses()] == [(key, str(failure.value))]
    manager.remove(key)


def test_the_reserved_domain(opened):
    manager, node, threads = opened
    with pytest.raises(PolicyError, match="'sensors' is reserved"):
        manager.add(node.text(LSEEK, "one"), "sensors")
    assert threads == []


def test_many_threads(opened):
    manager, node, threads = opened

    refused = []

    def change(number):
        text = node.text(LSEEK, f"policy-{number % 3}")
        for _ in range(5):
            try:
                key = manager.add(text, GRPC, replace=number % 2 == 0)
                manager.statuses()
                manager.remove(key)
            except PolicyError as error:
                refused.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(8)))
    assert [
        each for each in refused if "is there already" not in each and "no policy" not in each
    ] == []
    assert len(threads) == 1
    assert len(manager.statuses()) <= 3


def test_a_node_on_which_no_policy_can_be_loaded():
    def open_sensor():
        raise BtfError("no types here")

    manager = PolicyManager(open_sensor)
    for _ in range(2):
        with pytest.raises(PolicyError, match="on this node: no types here"):
            manager.add("", GRPC)
    assert manager.statuses() == []
    manager.close()


def test_after_the_end(opened):
    manager, node, _ = opened
    key = manager.add(node.text(LSEEK, "one"), GRPC)
    manager.stop()
    seek(1)
    assert seen(node) == []
    assert manager.is_stopped
    with pytest.raises(PolicyError, match="stopping"):
        manager.remove(key)
    with pytest.raises(PolicyError, match="stopping"):
        manager.add(node.text(LSEEK, "two"), GRPC)
