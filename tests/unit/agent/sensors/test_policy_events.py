"""Records of policies, joined and told as events."""

import struct
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from osmia_agent.process.procfs import ProcFs
from osmia_agent.sensors import policy_events
from osmia_agent.sensors.lifecycle import Origin
from osmia_agent.sensors.policy_events import KnownPolicy, PolicyEvents
from osmia_agent.sensors.symbols import Symbols
from osmia_bpf.policy.schema import ArgumentSchema, HookSchema
from osmia_bpf.policy.values import HEADER, Header, Phase
from osmia_events.model import (
    KprobeAction,
    Process,
    ProcessKprobe,
    ProcessLsm,
    ProcessTracepoint,
    ProcessUprobe,
    SyscallId,
)

NUMBER = ArgumentSchema("int", "number_value", "n")
PARENT = Process(exec_id="parent")


class Table:
    """Knows every process by its id, but for images that are still to be told of."""

    def __init__(self):
        self.unknown = set()
        self.exited = set()
        self.processes = {}

    def find(self, tgid, start, count):
        return None if count in self.unknown else (tgid, start, count)

    def has_exited(self, tgid, start):
        return tgid in self.exited

    def resolve(self, tgid, start, count):
        return (tgid, start, count)

    def lineage(self, image, *, ancestors):
        process = self.processes.setdefault(
            image, Process(exec_id=f"{image}", pid=image[0], tid=image[0])
        )
        return SimpleNamespace(
            process=process, parent=PARENT, ancestors=(PARENT,) if ancestors else ()
        )


def hook(section="kprobes", name="do_thing", **more):
    fields = {"arguments": (NUMBER,), "data_from": 1, "targets": (name,)} | more
    return HookSchema(
        path=("spec", section, 0), section=section, name=name, program="hook_0", **fields
    )


def sink(*hooks, **options):
    policies = {1: KnownPolicy("mine", hooks)}
    clock = SimpleNamespace(of_monotonic=lambda ktime: ktime + 1000)
    symbols = Symbols(ProcFs(Path("/none")), Path("/none"))
    return PolicyEvents(policies, Table(), clock, Origin("node", "cluster"), symbols, **options)


def record(*numbers, **changes):
    fields = dict.fromkeys(Header._fields, 0)
    fields |= {"policy": 1, "tgid": 5, "tid": 5, "ktime_ns": 10, "entry_ktime_ns": 10, "action": 1}
    values = b"".join(struct.pack("=iIQ", 0, 0, number) for number in numbers)
    return HEADER.pack(*(fields | changes).values()) + values


def test_a_call():
    (timed,) = sink(hook(message="why", tags=("t",))).events([record(7)])
    event = timed.event
    assert timed.ktime_ns == 10
    assert (event.node_name, event.cluster_name, event.time) == ("node", "cluster", 1010)
    body = event.body
    assert isinstance(body, ProcessKprobe)
    assert (body.function_name, body.policy_name, body.message) == ("do_thing", "mine", "why")
    assert body.tags == ("t",)
    assert [(a.kind, a.value, a.label) for a in body.args] == [("int_arg", 7, "n")]
    assert body.action is KprobeAction.KPROBE_ACTION_POST
    assert body.return_ is None
    assert body.parent is PARENT
    assert body.ancestors == ()


@pytest.mark.parametrize(
    ("section", "kind", "body"),
    [
        ("kprobes", "kprobe", ProcessKprobe),
        ("fentries", "kprobe", ProcessKprobe),
        ("tracepoints", "tracepoint", ProcessTracepoint),
        ("uprobes", "uprobe", ProcessUprobe),
        ("lsmhooks", "lsm", ProcessLsm),
    ],
)
def test_each_section_has_its_event_and_its_ancestors(section, kind, body):
    found = sink(hook(section, "a/b"), ancestors=frozenset({kind})).events([record(1)])
    assert isinstance(found[0].event.body, body)
    assert found[0].event.body.ancestors == (PARENT,)


def test_labels_are_not_for_tracepoints():
    schema = hook(
        "tracepoints", "raw/enter", arguments=(ArgumentSchema("syscall64", "number_value", "n"),)
    )
    body = sink(schema).events([record(59)])[0].event.body
    assert (body.subsys, body.event) == ("raw", "enter")
    assert body.args[0].label == ""
    assert isinstance(body.args[0].value, SyscallId)


def test_the_thread_that_called():
    body = sink(hook()).events([record(1, tid=6)])[0].event.body
    assert (body.process.pid, body.process.tid) == (5, 6)


def test_a_thread_has_one_form_of_its_process():
    events = sink(hook())
    of_6, again, of_5 = (
        timed.event.body.process
        for timed in events.events([record(1, tid=6), record(2, tid=6), record(3, tid=5)])
    )
    assert of_6 is again
    assert (of_6.tid, of_5.tid) == (6, 5)


def test_events_are_in_the_order_of_time():
    records = [record(1, ktime_ns=30), record(2, ktime_ns=10), record(3, ktime_ns=20)]
    found = sink(hook()).events(records)
    assert [timed.event.body.args[0].value for timed in found] == [2, 3, 1]


RETURNS = {
    "arguments": (
        NUMBER,
        ArgumentSchema("nop", ""),
        ArgumentSchema("long", "number_value", "", True),
    ),
    "data_from": 2,
    "returned": ArgumentSchema("int", "number_value"),
    "return_program": "hook_0_return",
}


def entry(**changes):
    return record(7, phase=Phase.ENTRY, **changes)


def back(returned=-1 & (1 << 64) - 1, late=9, **changes):
    return record(returned, late, ktime_ns=50, phase=Phase.RETURN, **changes)


def test_a_call_and_its_return_are_one_event():
    events = sink(hook(**RETURNS))
    assert events.events([entry()]) == []
    (timed,) = events.events([back()])
    body = timed.event.body
    assert timed.ktime_ns == 50
    assert timed.event.time == 1010
    assert body.return_.value == -1
    assert body.return_action is KprobeAction.KPROBE_ACTION_POST
    assert [a.value for a in body.args] == [7]
    assert [a.value for a in body.data] == [9]


def test_a_return_that_the_policy_does_not_want():
    events = sink(hook(**RETURNS))
    assert events.events([entry(), record(3, 9, phase=Phase.UNMATCHED)]) == []
    assert events.flush() == []


def test_calls_of_threads_and_times_are_apart():
    events = sink(hook(**RETURNS))
    calls = [entry(tid=tid, entry_ktime_ns=time) for tid in (5, 6) for time in (10, 20)]
    assert events.events(calls) == []
    (timed,) = events.events([back(tid=6, entry_ktime_ns=20)])
    assert timed.event.body.process.tid == 6
    assert len(events.flush()) == 3


def test_a_call_whose_return_is_not_told_goes_out_all_the_same():
    events = sink(hook(**RETURNS))
    events.events([entry()])
    (timed,) = events.flush()
    assert timed.event.body.return_ is None
    assert timed.event.body.return_action is KprobeAction.KPROBE_ACTION_UNKNOWN
    assert events.counters.lonely_entries == 1
    assert events.events([back()]) == []
    assert events.counters.lonely_returns == 1


def test_waiting_calls_are_bounded(monkeypatch):
    monkeypatch.setattr(policy_events, "MAX_PENDING", 2)
    events = sink(hook(**RETURNS))
    found = events.events([entry(tid=tid) for tid in (1, 2, 3)])
    assert [timed.event.body.process.tid for timed in found] == [1]


@pytest.mark.parametrize(
    "raw", [b"", b"short", record(7)[:-1], record(7, policy=9), record(7, hook=3)]
)
def test_what_is_no_record_of_ours_is_counted(raw):
    events = sink(hook())
    assert len(events.events([raw, record(7)])) == 1
    assert events.counters.undecodable == 1


def early(number=1, age_s=0.0):
    return record(number, exec_count=4, ktime_ns=time.monotonic_ns() - int(age_s * 1e9))


def test_a_record_waits_for_the_exec_of_its_process():
    events = sink(hook())
    events._table.unknown.add(4)
    assert len(events.events([early(), record(2)])) == 1
    assert events.events([]) == []
    assert events.waits
    events._table.unknown.clear()
    (timed,) = events.events([])
    assert timed.event.body.args[0].value == 1
    assert not events.waits
    assert events.events([]) == []


def test_a_record_does_not_wait_for_ever():
    events = sink(hook(), early_s=0.01)
    events._table.unknown.add(4)
    assert events.events([early()]) == []
    time.sleep(0.02)
    assert len(events.events([])) == 1
    assert len(events.events([early(age_s=1)])) == 1
    assert events.events([early()]) == []
    assert len(events.flush()) == 1


def test_a_record_of_a_process_that_ended_within_its_exec_goes_out():
    events = sink(hook())
    events._table.unknown.add(4)
    assert events.events([early()]) == []
    events._table.exited.add(5)
    assert len(events.events([])) == 1


def test_records_that_wait_are_bounded(monkeypatch):
    monkeypatch.setattr(policy_events, "MAX_EARLY", 1)
    events = sink(hook())
    events._table.unknown.add(4)
    assert len(events.events([early(n) for n in (1, 2, 3)])) == 2


def test_a_call_that_its_process_does_not_survive_goes_out():
    events = sink(hook(**RETURNS))
    events.events([entry(), entry(tgid=6, tid=6)])
    assert events.end_calls(set()) == []
    (timed,) = events.end_calls({6, 7})
    assert timed.event.body.process.pid == 6
    assert events.counters.lonely_entries == 1


def hashed(ktime_ns, entry_ktime_ns, digest, error=0):
    head = record(ktime_ns=ktime_ns, entry_ktime_ns=entry_ktime_ns, phase=Phase.RETURN)
    return head + struct.pack("=iII4x64s", error, 0, 4, digest)


def test_the_hash_of_a_file_comes_behind_its_event():
    events = sink(hook("lsmhooks", "file_open", ima_hash=True))
    now = time.monotonic_ns()
    assert events.events([record(7, ktime_ns=now, entry_ktime_ns=now, phase=Phase.ENTRY)]) == []
    assert events.waits
    (timed,) = events.events([hashed(now + 5, now, bytes(range(64)))])
    assert timed.ktime_ns == now + 5
    assert timed.event.body.ima_hash == "sha256:" + bytes(range(32)).hex()
    assert not events.waits


def test_a_file_that_cannot_be_hashed():
    events = sink(hook("lsmhooks", "file_open", ima_hash=True))
    now = time.monotonic_ns()
    entry = record(7, ktime_ns=now, entry_ktime_ns=now, phase=Phase.ENTRY)
    (timed,) = events.events([entry, hashed(now, now, b"", error=-95)])
    assert timed.event.body.ima_hash == ""


def test_an_event_does_not_wait_for_a_hash_for_ever(monkeypatch):
    monkeypatch.setattr(policy_events, "MAX_HASH_S", 0.0)
    events = sink(hook("lsmhooks", "file_open", ima_hash=True))
    (timed,) = events.events([record(7, phase=Phase.ENTRY)])
    assert timed.event.body.ima_hash == ""
    assert events.counters.lonely_entries == 1
    assert not events.waits


@pytest.mark.parametrize("exposed", [False, True])
def test_addresses_of_stacks_are_told_if_they_may_be(exposed):
    stacks = struct.pack("=3Q", 1 << 63, (1 << 63) + 1, 4096)
    raw = record(7, kernel_frames=2, user_frames=1) + stacks
    (timed,) = sink(hook(), stack_addresses=exposed).events([raw])
    body = timed.event.body
    assert [e.address for e in body.kernel_stack_trace] == [
        (1 << 63) * exposed,
        exposed and (1 << 63) + 1,
    ]
    assert [e.address for e in body.user_stack_trace] == [4096 * exposed]
