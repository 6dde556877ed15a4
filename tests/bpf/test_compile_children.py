"""Children that compile for real: one stays for a while, and what goes wrong is told."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest

from osmia_agent.kernel import compile_children
from osmia_agent.kernel.compile_children import CompileChildren, CompileError
from osmia_agent.kernel.compiler import Job
from osmia_agent.sensors.policy_programs import schema_of
from osmia_bpf.btf import Btf, Kind
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import BaseSensorOptions, ProgramKind
from tests.bpf.agent import wait_until

KINDS = (ProgramKind.TRACEPOINT, ProgramKind.FORMATTED_TRACEPOINT)


@pytest.fixture
def children():
    with contextlib.closing(CompileChildren(linger_s=5)) as children:
        yield children


def policy(prefix):
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_access",
        "args": [{"index": 5, "type": "string"}],
        "selectors": [{"matchArgs": [{"index": 0, "operator": "Prefix", "values": [prefix]}]}],
    }
    text = json.dumps(
        {
            "apiVersion": "cilium.io/v1alpha1",
            "kind": "TracingPolicy",
            "metadata": {"name": "access"},
            "spec": {"tracepoints": [hook]},
        }
    )
    return Job(recipe=PolicyRecipe(text=text), kinds=KINDS)


def children_of(pid="self"):
    found = {
        int(each)
        for thread in Path(f"/proc/{pid}/task").glob("*/children")
        for each in thread.read_text().split()
    }
    return {each for each in found if b"compile_child" in _command_line(each)}


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended
        return b""


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_one_child_does_what_comes_within_its_time_and_then_ends(children):
    [first] = children.compile([policy("/a")])
    [child] = children_of()
    held = descriptors(child)
    [second] = children.compile([policy("/b")])
    assert first.programs
    assert [each.program.name for each in first.programs] == [
        each.program.name for each in second.programs
    ]
    assert first != second
    assert children_of() == {child}
    assert descriptors(child) == held
    wait_until(lambda: not children_of(), 20)


def test_a_child_leaves_no_files(monkeypatch, tmp_path, children):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    children.compile([policy("/a")])
    assert len(list(tmp_path.iterdir())) == 1
    children.close()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_done_in_its_order(children):
    jobs = [policy(f"/{'x' * 200}{number % 3}") for number in range(5)]
    made = children.compile(jobs)
    assert made[0] == made[3]
    assert made[1] == made[4]
    assert len({each.programs for each in made}) == 3


def test_a_job_that_fails_ends_its_child_and_not_the_next(children):
    children.compile([policy("/a")])
    with pytest.raises(CompileError, match="/nowhere/vmlinux"):
        children.compile([Job(recipe=BaseSensorOptions(), btf_path="/nowhere/vmlinux")])
    assert not children_of()
    assert children.compile([policy("/a")])[0].programs


def test_a_child_that_was_killed_meanwhile_is_replaced(children):
    children.compile([policy("/a")])
    [child] = children_of()
    os.kill(child, signal.SIGKILL)
    time.sleep(0.2)
    assert children.compile([policy("/b")])[0].programs
    assert children_of() != {child}
    children.close()
    assert not children_of()


def test_a_job_that_takes_too_long_is_told(monkeypatch, children):
    monkeypatch.setattr(compile_children, "_TIMEOUT_S", 0)
    monkeypatch.setattr(compile_children, "_TIMEOUT_PER_JOB_S", 0.05)
    with pytest.raises(CompileError, match=r"more than 0\.05 s"):
        children.compile([policy("/a")])
    assert not children_of()


def test_functions_without_types_are_known(children):
    types = Btf.read()
    symbol = next(
        name
        for line in Path("/proc/kallsyms").read_text().splitlines()
        for _, kind, name, *_ in [line.split()]
        if kind in "tT" and name.isidentifier() and types.find(name, Kind.FUNC) is None
    )
    text = (
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: symbol}\n"
        f"spec: {{kprobes: [{{call: {symbol}, syscall: false}}, {{call: none, syscall: false}}]}}"
    )
    job = Job(recipe=PolicyRecipe(text=text), kinds=(ProgramKind.KPROBE,))
    [compiled] = children.compile([job])
    schema = schema_of(compiled)
    assert [hook.targets for hook in schema.hooks] == [(symbol,)]
    assert [problem.message for problem in schema.problems] == ["this kernel has no function none"]
