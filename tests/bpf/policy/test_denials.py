"""Calls that are denied, beside all else that a selector may do."""

import errno
import json
import mmap
import os
import signal
import subprocess
import sys

import pytest

HOOKS = {"lsm": {"hook": "file_open"}, "fmod_ret": {"call": "security_file_open", "syscall": False}}
SECTIONS = {"lsm": "lsmhooks", "fmod_ret": "kprobes"}


def override(error):
    return {"action": "Override", "argError": -error}


@pytest.fixture
def files(tmp_path):
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).write_text(name)
    return tmp_path


def policy(kind, *selectors, **options):
    hook = HOOKS[kind] | {"args": [{"index": 0, "type": "file"}], "selectors": selectors}
    return json.dumps({SECTIONS[kind]: [hook], **options})


def selector(path, *actions):
    condition = {"index": 0, "operator": "Equal", "values": [str(path)]}
    return {"matchArgs": [condition], "matchActions": actions}


def error_of(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return error.errno
    return 0


@pytest.mark.parametrize("kind", HOOKS)
def test_each_selector_has_an_error_of_its_own(node, needs, files, kind):
    needs(kind)
    node.add(
        policy(
            kind,
            selector(files / "a", override(errno.EPERM)),
            selector(files / "b", {"action": "NoPost"}, override(errno.EACCES)),
            selector(files / "c", {"action": "NoPost"}),
            selector(files / "d", {"action": "Post", "rateLimit": "1m"}, override(errno.ENOENT)),
            selector(files / "e"),
        )
    )
    for _ in range(2):
        found = [error_of(files / name) for name in "abcde"]
        assert found == [errno.EPERM, errno.EACCES, 0, errno.ENOENT, 0]
    names = [event.args[0].value.path[-1] for event in node.own()]
    assert names == ["a", "d", "e", "a", "e"]


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize("last", [[], [{"action": "NoPost"}]], ids=["Post", "NoPost"])
def test_a_process_gets_a_signal_and_an_error(node, needs, files, kind, last):
    needs(kind)
    sigchld = {"action": "Signal", "argSig": int(signal.SIGCHLD)}
    node.add(policy(kind, selector(files / "a", sigchld, override(errno.EPERM), *last)))
    code = (
        "import signal, sys\n"
        "got = []\n"
        "signal.signal(signal.SIGCHLD, lambda *_: got.append(1))\n"
        "try: open(sys.argv[1])\n"
        "except PermissionError: got.append(2)\n"
        "print(sorted(got))\n"
    )
    command = [os.path.realpath(sys.executable), "-S", "-c", code, files / "a"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "[1, 2]\n"
    assert [event.action.name for event in node.events()] == (
        [] if last else ["KPROBE_ACTION_OVERRIDE"]
    )


@pytest.mark.parametrize("kind", ["lsm", "fentry"])
def test_a_file_that_may_be_none(node, needs, files, kind):
    """Memory that no file is behind is mapped by the same hook."""
    needs(kind)
    own = {"matchPIDs": [{"operator": "In", "values": [os.getpid()]}]}
    hook = {"args": [{"index": 0, "type": "file"}], "selectors": [own]}
    if kind == "lsm":
        node.add(json.dumps({"lsmhooks": [hook | {"hook": "mmap_file"}]}))
    else:
        function = {"call": "security_mmap_file", "syscall": False}
        node.add(json.dumps({"kprobes": [hook | function]}))
    with (files / "a").open("rb") as file:
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ).close()
    mmap.mmap(-1, 1 << 20).close()
    paths = [event.args[0].value.path for event in node.own()]
    assert str(files / "a") in paths
    assert "/" in paths


@pytest.mark.parametrize("kind", HOOKS)
def test_nothing_is_denied_where_a_policy_monitors(node, needs, files, kind):
    needs(kind)
    monitor = [{"name": "policy-mode", "value": "monitor"}]
    first, second = (selector(files / name, override(errno.EPERM)) for name in "ab")
    node.add(policy(kind, first, second, options=monitor))
    assert [error_of(files / name) for name in "ab"] == [0, 0]
    assert [event.action.name for event in node.own()] == ["KPROBE_ACTION_OVERRIDE"] * 2


def test_each_function_of_a_list_is_denied(node, needs, files):
    needs("fmod_ret")
    functions = ["security_file_open", "security_file_permission"]
    hook = {
        "call": "list:both",
        "syscall": False,
        "args": [{"index": 0, "type": "file"}],
        "selectors": [selector(files / "a", override(errno.EPERM))],
    }
    with (files / "a").open("rb", buffering=0) as file:
        node.add(json.dumps({"lists": [{"name": "both", "values": functions}], "kprobes": [hook]}))
        assert error_of(files / "a") == errno.EPERM
        assert error_of(files / "b") == 0
        with pytest.raises(PermissionError):
            file.read(1)
    assert [event.function_name for event in node.own()] == functions
