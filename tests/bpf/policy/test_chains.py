"""Many policies at one function, more than it takes programs, come and go one by one."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osmia_agent.kernel.compiler import Job
from osmia_agent.kernel.loader import with_successor
from osmia_agent.sensors.policy_programs import HookState
from osmia_agent.sensors.policy_status import PolicyError
from osmia_bpf.btf import VMLINUX
from osmia_bpf.policy.facts import KernelFacts
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import ProgramKind

MANY = int(os.environ.get("OSMIA_TEST_POLICIES", "128"))
MANY_AT_TRACEPOINT = max(MANY, 72)

FILE = "args: [{index: 0, type: file}]"
# So many walks that before Linux 6.9 no second program fits beside one in a chain; at a function
# that is seldom called.
FILES = f"args: [{', '.join(['{index: 0, type: file}'] * 5)}]"
FILE_TEST = 'matchArgs: [{index: 0, operator: Postfix, values: ["/watched"]}]'
NICE = "args: [{index: 1, type: int}]"
NICE_TEST = 'matchArgs: [{index: 1, operator: Equal, values: ["7"]}]'
HOOKS = {
    "file": ("lsmhooks: [{hook: file_open", FILE, FILE_TEST),
    "files": ("lsmhooks: [{hook: file_lock", FILES, FILE_TEST),
    "number": ("lsmhooks: [{hook: task_setnice", NICE, NICE_TEST),
    "file by function": ("kprobes: [{call: security_file_open, syscall: false", FILE, FILE_TEST),
    "files by function": ("kprobes: [{call: security_file_lock, syscall: false", FILES, FILE_TEST),
    "number by function": (
        "kprobes: [{call: security_task_setnice, syscall: false",
        NICE,
        NICE_TEST,
    ),
    "number by tracepoint": (
        "tracepoints: [{subsystem: syscalls, event: sys_enter_setpriority",
        "args: [{index: 7, type: int}]",
        NICE_TEST.replace("index: 1", "index: 0"),
    ),
}
POST = "action: Post"
DENY = "action: Override, argError: -1"
# For calls that are made all the time.
DENY_QUIETLY = f"{DENY}}}, {{action: NoPost"
TAIL_CALL = bytes.fromhex("850000000c000000")


def policy(hook, action):
    head, args, test = HOOKS[hook]
    return f"{head}, {args}, selectors: [{{{test}, matchActions: [{{{action}}}]}}]}}]\n"


class Calls:
    """Makes the calls that the policies are for."""

    def __init__(self, node, folder, hook):
        self.node, self.hook = node, hook
        # So deep that where programs may not loop, one walk takes several runs.
        self.path = folder.joinpath(*["d"] * 400, "watched")
        self.path.parent.mkdir(parents=True)
        self.path.touch()

    def make(self):
        if self.hook.startswith("files"):
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
        elif self.hook.startswith("file"):
            os.close(os.open(self.path, os.O_RDONLY))
        else:
            os.setpriority(os.PRIO_PROCESS, 0, 7)

    def seen(self):
        """Return how many policies tell of a call."""
        self.node.events()
        self.make()
        return len(self.node.own())

    def is_denied(self):
        try:
            self.make()
        except PermissionError:
            return True
        return False


def held_by_this_process():
    """Return how many programs, maps and links of BPF it has."""
    held = 0
    for fd in Path("/proc/self/fd").iterdir():
        # That of the folder is gone by then, and other threads close what they have.
        with contextlib.suppress(FileNotFoundError):
            held += "bpf" in str(fd.readlink())
    return held


@pytest.mark.parametrize(
    ("hook", "action"),
    [
        *((hook, action) for hook in HOOKS for action in (POST, DENY) if "tracepoint" not in hook),
        ("number by tracepoint", POST),
    ],
)
def test_a_program_alone_makes_no_further_call(node, hook, action):
    """Told by the bytecode: also where the kernel takes no such programs."""
    recipe = PolicyRecipe(text=node.text(policy(hook, action), "one"))
    job = Job(recipe=recipe, btf_path=str(VMLINUX), kinds=tuple(ProgramKind))
    items = node.compiler.compile(job).programs
    assert items
    for item in items:
        assert item.program.chain
        # The first calls the walk, the walk what finishes.
        own = int(hook.startswith("file") and not item.program.name.endswith("finish"))
        calls = [with_successor(item.code, fd).count(TAIL_CALL) for fd in (None, 1)]
        assert calls == [own, own + 1]


@pytest.fixture
def calls(node, tmp_path):
    return lambda hook: Calls(node, tmp_path, hook)


@pytest.mark.parametrize(
    ("hook", "kind", "action"),
    [
        ("file", "lsm", DENY),
        ("file by function", "fmod_ret", DENY),
        ("file by function", "fentry", POST),
        ("number", "lsm", DENY),
        ("number by function", "fmod_ret", DENY),
        ("number by tracepoint", "formatted", POST),
    ],
)
def test_many_policies_at_one_function(node, needs, calls, hook, kind, action, capsys):
    needs("tracepoints" if kind == "formatted" else kind)
    many = MANY_AT_TRACEPOINT if kind == "formatted" else MANY
    calls = calls(hook)
    held = held_by_this_process()
    text = policy(hook, action)
    started = time.monotonic()
    # To deny all at once would show no more than the first.
    keys = [node.add(text, "same", domain=f"{n}", enforce=False) for n in range(many)]
    took = time.monotonic() - started
    statuses = [node.status(key) for key in keys]
    with capsys.disabled():
        memory = statuses[-1].kernel_memory_bytes
        print(f"\n{many} by {kind}: added in {took:.1f} s, {memory} bytes the last", end=" ")
    assert {hook.description.split()[0] for status in statuses for hook in status.hooks} == {kind}
    assert min(status.kernel_memory_bytes for status in statuses) > 1000
    assert calls.seen() == many
    # The first, one in the middle, neighbours, the last.
    middle, last = keys[many // 2], keys[-1]
    some = [keys[0], middle, keys[many // 2 + 1], last]
    if action is DENY:
        for key in some:
            node.sensor.set_mode(key, enforce=True)
            assert calls.is_denied()
            node.sensor.set_mode(key, enforce=False)
            assert not calls.is_denied()
    for key in some:
        node.sensor.disable(key)
    assert calls.seen() == many - len(some)
    for key in some:
        node.sensor.enable(key)
    assert calls.seen() == many
    node.add(text, "same", domain=middle.domain, enforce=action is DENY, replace=True)
    assert calls.is_denied() == (action is DENY)
    if action is DENY:
        node.sensor.set_mode(middle, enforce=False)
    assert calls.seen() == many
    for key in some:
        node.sensor.remove(key)
    assert calls.seen() == many - len(some)
    assert all(not any(each.missed_runs.values()) for each in node.sensor.details())
    started = time.monotonic()
    for key in keys:
        if key not in some:
            node.sensor.remove(key)
    with capsys.disabled():
        print(f"removed in {time.monotonic() - started:.1f} s", end=" ")
    assert calls.seen() == 0
    # One for what waits for runs to end stays.
    assert held_by_this_process() <= held + 1


def test_where_trampolines_are_full_kprobes_go_on(node, needs, calls):
    needs("kprobes")
    if KernelFacts.running().has_may_goto:
        pytest.skip("more policies fit than a node can have")
    calls = calls("files by function")
    text = policy("files by function", POST)
    keys = [node.add(text, "same", domain=f"{number}") for number in range(MANY)]
    assert calls.seen() == MANY
    for key in keys:
        node.sensor.remove(key)
    assert calls.seen() == 0


def test_past_the_limit_a_policy_fails_and_tells_why(node, needs, calls):
    needs("lsm")
    if KernelFacts.running().has_may_goto:
        pytest.skip("more policies fit than a node can have")
    calls = calls("files")
    text = node.text(policy("files", POST), "same")
    refused = None
    for number in range(MANY):
        try:
            node.sensor.add(text, domain=f"{number}")
        except PolicyError as error:
            refused = error
            break
    assert 30 < number <= 40  # in 5.10; then 38
    assert "38, those of other tools included" in str(refused)
    (hook,) = node.status(refused.key).hooks
    assert hook.state is HookState.FAILED
    assert str(refused) == hook.problem
    assert calls.seen() == number


@pytest.mark.parametrize(
    ("hook", "kind"), [("file", ProgramKind.LSM), ("file by function", ProgramKind.MODIFY_RETURN)]
)
def test_no_gap_while_a_policy_is_replaced(node, needs, tmp_path, hook, kind):
    needs(kind.value)
    secret = tmp_path / "secret"
    secret.write_text("x")
    # So many that those which follow are in a chain.
    for number in range(8):
        node.add(policy(hook, DENY_QUIETLY), domain=f"{number}")
    deny = policy(hook, DENY_QUIETLY).replace("/watched", "/secret")
    node.add(policy(hook, DENY_QUIETLY), "before")
    node.add(deny, "deny")
    code = (
        "import sys\n"
        "tried = 0\n"
        "while True:\n"
        "    try:\n"
        f"        open({str(secret)!r})\n"
        "        print('opened', tried, flush=True)\n"
        "    except PermissionError:\n"
        "        tried += 1\n"
        "        if tried == 100: print('denied', flush=True)\n"
    )
    with subprocess.Popen(
        [os.path.realpath(sys.executable), "-S", "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "denied\n"
        for _ in range(10):
            node.add(deny, "deny", replace=True)
            node.events()
        # The neighbours in the chain come and go, too.
        node.sensor.remove(node.add(policy(hook, DENY_QUIETLY), "behind"))
        node.sensor.remove(next(s.key for s in node.sensor.statuses() if s.key.name == "before"))
        process.kill()
        assert process.stdout.read() == ""
