"""Policies in files: good ones become programs here, broken ones an error that names the place."""

import contextlib
import os
from pathlib import Path

import pytest

from osmia_agent.sensors.policy_status import PolicyError
from osmia_bpf.btf import Btf
from osmia_bpf.policy.check import check
from osmia_bpf.policy.facts import KernelFacts
from osmia_bpf.programs import ProgramKind
from tests.bpf.policy.node import mount_tracefs

TESTS = Path(__file__).parents[2]
GOOD = sorted(
    path
    for each in ("tests/policies", "examples/policies")
    for path in (TESTS.parent / each).iterdir()
)
BROKEN = sorted((TESTS / "broken/policies").glob("*.yaml"))


@pytest.fixture(scope="module")
def facts():
    """This kernel's types, every kind of program, and this machine's files."""
    mount_tracefs()
    return KernelFacts(
        btf=Btf.read(),
        machine=os.uname().machine,
        kinds=frozenset(ProgramKind),
        host_namespaces={"Pid": 1, "User": 2},
        root=Path("/"),
    )


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_policies_can_be_done(facts, path):
    report = check(path.read_text(), facts)
    assert [str(problem) for problem in (*report.problems, *report.missing)] == []
    assert report.name == path.stem
    assert report.attachments
    assert len(report.explanation) == len({each.place for each in report.attachments}) or (
        path.stem == "library"
    )


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_policies_load_where_the_kernel_has_what_they_need(node, path):
    with contextlib.suppress(PolicyError):
        node.sensor.add(path.read_text())
    (status,) = node.sensor.statuses()
    # Policies for pods are loaded in tests/containers.
    assert status.hooks or not status.error or "enable-k8s-api is off" in status.error
    for hook in status.hooks:
        known = ("does not let one attach", "this kernel has no", "there is no file")
        assert hook.reason == "" or any(words in hook.reason for words in known), hook


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_policies_are_refused_with_the_place(facts, path):
    text = path.read_text()
    expected = text.partition("\n")[0].removeprefix("# error: ")
    report = check(text, facts)
    assert not report.ok
    told = [str(problem) for problem in (*report.problems, *report.missing)]
    assert expected in "\n".join(told)
    assert report.source == "" or report.attachments or report.missing


def test_a_module_without_types(facts):
    argument = "{index: 0, type: int, btfType: x, btfTypeModule: no_such, resolve: 'y'}"
    text = (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: x}\n"
        "spec:\n  tracepoints:\n"
        f"  - {{subsystem: sched, event: sched_switch, raw: true, args: [{argument}]}}"
    )
    (problem,) = check(text, facts).problems
    assert "args[0].btfTypeModule: there are no types of a loaded module no_such" in str(problem)


NICE = "args: [{index: 1, type: int}]"


@pytest.mark.parametrize(
    ("feature", "hook"),
    [
        ("tracepoints", "tracepoints: [{subsystem: syscalls, event: sys_enter_setpriority}]"),
        (
            "raw tracepoints",
            (
                "tracepoints: [{subsystem: raw_syscalls, event: sys_enter, raw: true, selectors:"
                f" [{{matchPIDs: [{{operator: In, values: [{os.getpid()}]}}]}}]}}]"
            ),
        ),
        ("kprobes", "kprobes: [{call: sys_setpriority}]"),
        ("fentry", f"fentries: [{{call: security_task_setnice, syscall: false, {NICE}}}]"),
        (
            "fentry",
            "kprobes: [{call: sys_setpriority, return: true, returnArg: {index: 0, type: int}}]",
        ),
        ("lsm", f"lsmhooks: [{{hook: task_setnice, {NICE}}}]"),
        # Reads a path, which takes several programs.
        ("lsm", "lsmhooks: [{hook: file_open, args: [{index: 0, type: file}]}]"),
        (
            "fmod_ret",
            (
                f"kprobes: [{{call: security_task_setnice, syscall: false, {NICE}, selectors:"
                " [{matchActions: [{action: Override, argError: -1}]}]}]"
            ),
        ),
    ],
)
def test_off_and_on_again_by_every_kind(node, needs, feature, hook):
    needs(feature)

    def call():
        Path(os.devnull).read_bytes()
        # One of the policies denies it.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)

    key = node.add(hook)
    for _ in range(3):
        call()
        assert node.own()
        node.sensor.disable(key)
        node.events()
        call()
        assert node.own() == []
        node.sensor.enable(key)


def test_hooks_are_listed_in_the_order_of_the_policy(node):
    calls = ("access", "openat", "unlinkat", "mkdirat", "renameat2", "close", "dup", "chdir")
    calls += ("mkdir", "rmdir", "unlink", "rename")
    node.add(
        "tracepoints:"
        + "".join(f"\n- {{subsystem: syscalls, event: sys_enter_{c}}}" for c in calls)
    )
    (status,) = node.sensor.statuses()
    assert [hook.path[:3] for hook in status.hooks] == [
        ("spec", "tracepoints", number) for number in range(12)
    ]
