from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.metrics.events import OTHER, EventCounter
from osmia_events.model import (
    Event,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessLsm,
    ProcessThrottle,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
)

ALL = ("namespace", "workload", "pod", "binary", "node_name")
POD = Pod(namespace="default", name="xwing", workload="x")


def exec_event(binary: str = "/bin/sh", pod: Pod | None = POD, flags: str = "execve") -> Event:
    return Event(body=ProcessExec(process=Process(binary=binary, pod=pod, flags=flags)))


def test_labels_come_from_the_process() -> None:
    counter = EventCounter(ALL, "node-1")
    for _ in range(3):
        counter.count(exec_event())
    counter.count(exec_event(pod=None))
    counter.count(Event(body=ProcessExit(process=Process(binary="/bin/sh", pod=POD))))
    counter.count(Event(body=ProcessThrottle()))
    counter.count(Event())
    assert dict(counter.series()) == {
        ("PROCESS_EXEC", "default", "x", "xwing", "/bin/sh", "node-1"): 3,
        ("PROCESS_EXEC", "", "", "", "/bin/sh", "node-1"): 1,
        ("PROCESS_EXIT", "default", "x", "xwing", "/bin/sh", "node-1"): 1,
        ("PROCESS_THROTTLE", "", "", "", "", "node-1"): 1,
        ("UNDEF", "", "", "", "", "node-1"): 1,
    }


def test_labels_not_asked_for_stay_empty() -> None:
    counter = EventCounter(("namespace",), "node-1")
    counter.count(exec_event())
    assert counter.series() == [(("PROCESS_EXEC", "default", "", "", "", ""), 1)]


def test_the_series_counted_longest_ago_makes_room_and_its_count_stays() -> None:
    counter = EventCounter(("binary",), max_series=2)
    for binary in ("/a", "/b", "/a", "/c", "/d"):
        counter.count(exec_event(binary))
    assert dict(counter.series()) == {
        ("PROCESS_EXEC", "", "", "", "/c", ""): 1,
        ("PROCESS_EXEC", "", "", "", "/d", ""): 1,
        ("PROCESS_EXEC", "", "", "", OTHER, ""): 3,
    }
    assert counter.folded == 2


def test_events_of_policies_are_counted_by_hook() -> None:
    counter = EventCounter(("binary",))
    process = Process(binary="/a")
    for body in (
        ProcessKprobe(process=process, policy_name="p", function_name="tcp_connect"),
        ProcessTracepoint(process=process, policy_name="p", subsys="sched", event="switch"),
        ProcessUprobe(process=process, policy_name="p", path="/bin/sh", symbol="main"),
        ProcessUsdt(process=process, policy_name="p", provider="libc", name="setjmp"),
        ProcessLsm(process=process, policy_name="p", function_name="file_open"),
        ProcessLsm(process=process, policy_name="q", function_name="file_open"),
        ProcessLsm(process=process, policy_name="q", function_name="file_open"),
    ):
        counter.count(Event(body=body))
    counter.count(exec_event("/a"))
    assert {labels[:2]: count for labels, count in counter.policy_series()} == {
        ("p", "kprobe:tcp_connect"): 1,
        ("p", "tracepoint:sched/switch"): 1,
        ("p", "uprobe:/bin/sh/main"): 1,
        ("p", "usdt:libc/setjmp"): 1,
        ("p", "lsm:file_open"): 1,
        ("q", "lsm:file_open"): 2,
    }
    assert {labels[2:] for labels, _ in counter.policy_series()} == {("", "", "", "/a", "")}
    assert sum(count for _, count in counter.series()) == 8


def test_hooks_of_a_strange_recording_do_not_fill_memory() -> None:
    counter = EventCounter(("binary",), max_series=1)
    for number in range(3000):
        body = ProcessKprobe(process=Process(binary="/a"), function_name=f"f{number}")
        counter.count(Event(body=body))
    counter.count(exec_event("/b"))
    series = counter.policy_series()
    assert len(series) <= 1001
    assert sum(count for _, count in series) == 3000


def test_flags_are_counted_one_by_one_for_execs() -> None:
    counter = EventCounter(())
    for flags in ("execve clone", "execve clone", "execve rootcwd", ""):
        counter.count(exec_event(flags=flags))
    counter.count(Event(body=ProcessExit(process=Process(flags="execve"))))
    assert counter.flags() == {"execve": 3, "clone": 2, "rootcwd": 1}


def test_flags_of_a_strange_recording_do_not_fill_memory() -> None:
    counter = EventCounter(())
    for number in range(3000):
        counter.count(exec_event(flags=f"flag{number}"))
    assert counter.flags()["unknown"] == 2000


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 5))
def test_sums_are_true_and_series_bounded(binaries: list[str], max_series: int) -> None:
    counter = EventCounter(("binary",), max_series=max_series)
    for binary in binaries:
        counter.count(exec_event(binary))
    series = counter.series()
    assert sum(count for _, count in series) == len(binaries)
    assert len(series) <= max_series + 1


def test_a_process_counts_on_after_its_labels_made_room() -> None:
    counter = EventCounter(("binary",), max_series=1)
    first, second = exec_event("/a"), exec_event("/b")
    for event in (first, second, first, first):
        counter.count(event)
    assert dict(counter.series()) == {
        ("PROCESS_EXEC", "", "", "", "/a", ""): 2,
        ("PROCESS_EXEC", "", "", "", OTHER, ""): 2,
    }


def test_two_counters_do_not_mix() -> None:
    by_binary, by_pod = EventCounter(("binary",)), EventCounter(("pod",))
    event = exec_event()
    for _ in range(2):
        by_binary.count(event)
        by_pod.count(event)
    assert by_binary.series() == [(("PROCESS_EXEC", "", "", "", "/bin/sh", ""), 2)]
    assert by_pod.series() == [(("PROCESS_EXEC", "", "", "xwing", "", ""), 2)]
