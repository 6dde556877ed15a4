"""What actions do, seen from outside."""

import os
import signal
import subprocess
import sys
import time

import pytest

PYTHON = os.path.realpath(sys.executable)

ACCESS = """
tracepoints:
- subsystem: syscalls
  event: sys_enter_access
  args: [{{index: 5, type: string}}, {{index: 6, type: int}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Prefix, values: [/secret]}}]
    matchActions: [{actions}]
"""


def access(*actions):
    return ACCESS.format(actions=", ".join(f"{{{action}}}" for action in actions))


def victim():
    """A process that looks at the secret, and what became of it."""
    code = "import os; os.access('/secret/x', 0); print('alive')"
    return subprocess.run([PYTHON, "-S", "-c", code], capture_output=True, text=True, check=False)


def test_sigkill(node):
    node.add(access("action: Sigkill"))
    assert victim().returncode == -signal.SIGKILL
    (event,) = node.events()
    assert event.action.name == "KPROBE_ACTION_SIGKILL"
    assert event.args[0].value == "/secret/x"


def test_a_signal(node):
    node.add(access(f"action: Signal, argSig: {signal.SIGUSR1:d}"))
    assert victim().returncode == -signal.SIGUSR1
    assert node.events()[0].action.name == "KPROBE_ACTION_SIGNAL"


@pytest.mark.parametrize("order", [1, -1])
def test_a_process_is_killed_whatever_other_signal_it_gets(node, order):
    """It ignores the other one."""
    both = ["action: Sigkill", f"action: Signal, argSig: {signal.SIGURG:d}"]
    node.add(access(*both[::order]))
    assert victim().returncode == -signal.SIGKILL
    (event,) = node.events()
    assert event.action.name == f"KPROBE_ACTION_{'SIGNAL' if order == 1 else 'SIGKILL'}"


def test_no_post_keeps_still_and_kills_all_the_same(node):
    node.add(access("action: Sigkill", "action: NoPost"))
    assert victim().returncode == -signal.SIGKILL
    assert node.events() == []


def test_monitoring_tells_and_does_nothing(node):
    monitor = access("action: Sigkill") + "options: [{name: policy-mode, value: monitor}]\n"
    key = node.add(monitor)
    assert victim().stdout == "alive\n"
    assert node.events()[0].action.name == "KPROBE_ACTION_SIGKILL"
    assert not node.status(key).enforce
    node.sensor.set_mode(key, enforce=True)
    assert victim().returncode == -signal.SIGKILL


def test_rate_limit(node):
    node.add(access("action: Post, rateLimit: 1m"))
    for path in ("/secret/a", "/secret/b", "/secret/a", "/secret/a", "/secret/b"):
        os.access(path, 0)
    assert [event.args[0].value for event in node.own()] == ["/secret/a", "/secret/b"]


def test_the_beginning_of_a_text_tells_repetitions(node):
    node.add(access("action: Post, rateLimit: 1m"))
    alike = "/secret/" + "a" * 32
    for path in (alike + "1", alike + "2", alike[:-1]):
        os.access(path, 0)
    assert [event.args[0].value for event in node.own()] == [alike + "1", alike[:-1]]


def test_rate_limits_end(node):
    node.add(access("action: Post, rateLimit: 1s"))
    os.access("/secret/a", 0)
    time.sleep(1.05)
    os.access("/secret/a", 0)
    assert len(node.own()) == 2


@pytest.mark.parametrize(("scope", "events"), [("thread", 2), ("process", 2), ("global", 1)])
def test_the_scope_of_a_rate_limit(node, scope, events):
    node.add(access(f"action: Post, rateLimit: 1m, rateLimitScope: {scope}"))
    os.access("/secret/x", 0)
    victim()
    assert len(node.events()) == events


def test_actions_are_counted(node):
    key = node.add(access("action: Post, rateLimit: 1m"))
    for _ in range(5):
        os.access("/secret/x", 0)
    held = node.sensor._held[key].programs
    assert list(held.actions().values()) == [1]
    assert node.sensor.counts()[key] == [(1, 1, 0)]
