"""Many policies at one function, more than it takes programs, come and go one by one."""

import os
import subprocess
import sys

import pytest

from osmia_agent.sensors.policy_status import PolicyError
from osmia_bpf.headers import kernel_version

SHARES_PLACES = kernel_version(os.uname().release) >= (6, 9)
"""Also by policies that walk along paths."""
MANY = int(os.environ.get("OSMIA_TEST_POLICIES", "128"))

BY_LSM = """
lsmhooks:
- hook: file_open
  args: [{{index: 0, type: file}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Postfix, values: ["{ending}"]}}]
    matchActions: [{{action: {action}}}]
"""
BY_FUNCTION = """
kprobes:
- call: security_file_open
  syscall: false
  args: [{{index: 0, type: file}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Postfix, values: ["{ending}"]}}]
    matchActions: [{{action: {action}}}]
"""
DENY = "Override, argError: -1"


def seen_by(node, path):
    """Open a file and return how many policies tell."""
    os.close(os.open(path, os.O_RDONLY))
    return len(node.own())


@pytest.mark.parametrize(
    ("features", "policy"), [(("lsm",), BY_LSM), (("fentry", "fmod_ret"), BY_FUNCTION)]
)
def test_many_policies_at_one_function(node, needs, tmp_path, features, policy):
    needs(*features)
    if not SHARES_PLACES:
        pytest.skip("walks along paths take all the tail calls that this kernel allows")
    path = tmp_path.joinpath(*["d"] * 400, "watched")
    path.parent.mkdir(parents=True)
    path.touch()
    text = policy.format(ending="/watched", action="Post")
    keys = [node.add(text, "same", domain=f"{number}") for number in range(MANY)]
    assert seen_by(node, path) == MANY
    # The first, one in the middle, neighbours, the last.
    some = [keys[at] for at in (0, 50, 51, MANY - 1)]
    for key in some:
        node.sensor.disable(key)
    assert seen_by(node, path) == MANY - len(some)
    for key in some:
        node.sensor.enable(key)
    assert seen_by(node, path) == MANY
    for key in some:
        node.sensor.remove(key)
    # Behind all others, and at so deep a path that each of them needs several runs.
    deny = node.add(policy.format(ending="/watched", action=DENY), "deny")
    with pytest.raises(PermissionError):
        path.read_text()
    node.sensor.remove(deny)
    node.events()
    assert seen_by(node, path) == MANY - len(some)
    assert {n for each in node.sensor.details() for n in each.missed_runs.values()} == {0}
    for key in keys:
        if key not in some:
            node.sensor.remove(key)
    assert seen_by(node, path) == 0


def test_many_policies_at_one_function_of_any_kernel(node, needs, tmp_path):
    """Where trampolines are full, kprobes go on."""
    needs("kprobes")
    path = tmp_path / "watched"
    path.touch()
    text = BY_FUNCTION.format(ending="/watched", action="Post")
    keys = [node.add(text, "same", domain=f"{number}") for number in range(MANY)]
    assert seen_by(node, path) == MANY
    for key in keys:
        node.sensor.remove(key)
    assert seen_by(node, path) == 0


def test_a_function_that_is_full_says_so(node, needs, tmp_path):
    needs("lsm")
    if SHARES_PLACES:
        pytest.skip("this kernel has room for all")
    path = tmp_path / "watched"
    path.touch()
    text = BY_LSM.format(ending="/watched", action="Post")
    keys = []

    def fill() -> None:
        # One by one: those before the one that fails count.
        keys.extend(node.add(text, "same", domain=f"{number}") for number in range(MANY))

    with pytest.raises(PolicyError, match="no room left for a program at file_open"):
        fill()
    assert len(keys) > 30
    assert seen_by(node, path) == len(keys)
    node.sensor.remove(keys[5])
    node.add(text, "another")
    assert seen_by(node, path) == len(keys)


@pytest.mark.parametrize(("features", "policy"), [(("lsm",), BY_LSM), (("fmod_ret",), BY_FUNCTION)])
def test_no_gap_while_a_policy_is_replaced(node, needs, tmp_path, features, policy):
    needs(*features)
    secret = tmp_path / "secret"
    secret.write_text("x")
    node.add(policy.format(ending="/other", action=DENY), "before")
    node.add(policy.format(ending="/secret", action=DENY), "deny")
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
        text = node.text(policy.format(ending="/secret", action=DENY), "deny")
        for _ in range(10):
            node.sensor.add(text, replace=True)
            node.sensor.batch_read()
            node.events()
        process.kill()
        assert process.stdout.read() == ""
