"""Conditions on the process that makes a call."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = os.path.realpath(sys.executable)
SHELL = os.path.realpath("/bin/bash")
PERL = os.path.realpath("/usr/bin/perl")
GETPPID = "110" if os.uname().machine == "x86_64" else "173"


def policy(**selector):
    number = {"index": 0, "operator": "Equal", "values": [GETPPID]}
    hook = {
        "subsystem": "raw_syscalls",
        "event": "sys_enter",
        "args": [{"index": 4, "type": "uint64"}],
        "selectors": [{"matchArgs": [number], **selector}],
    }
    return json.dumps({"tracepoints": [hook]})


def perl(before=""):
    """Let perl make the call; return its process id."""
    with subprocess.Popen([PERL, "-e", f"{before}; getppid()"]) as process:
        process.wait()
        return process.pid


def is_seen(node, pid=None):
    return bool(node.own(pid))


def test_binaries(node):
    cases = {
        ("In", PYTHON): (True, False),
        ("NotIn", PYTHON): (False, True),
        ("Prefix", str(Path(PERL).parent / "perl")): (False, True),
        ("NotPrefix", str(Path(PERL).parent / "perl")): (True, False),
        ("Postfix", Path(PYTHON).name): (True, False),
        ("NotPostfix", Path(PYTHON).name): (False, True),
    }
    for (operator, value), (of_python, of_perl) in cases.items():
        key = node.add(policy(matchBinaries=[{"operator": operator, "values": [value]}]))
        os.getppid()
        assert is_seen(node) == of_python, operator
        assert is_seen(node, perl()) == of_perl, operator
        node.sensor.remove(key)


def test_children_of_a_binary(node):
    node.add(policy(matchBinaries=[{"operator": "In", "values": [SHELL], "followChildren": True}]))
    script = f"{PERL} -e 'getppid(); print $$'; true"
    result = subprocess.run([SHELL, "-c", script], capture_output=True, text=True, check=True)
    assert is_seen(node, int(result.stdout))
    assert not is_seen(node, perl())


def test_process_ids(node):
    node.add(policy(matchPIDs=[{"operator": "In", "values": [os.getpid()]}]))
    os.getppid()
    assert is_seen(node)
    assert not is_seen(node, perl())


def test_descendants_of_a_process(node):
    pids = {"operator": "In", "values": [os.getpid()], "followForks": True}
    key = node.add(policy(matchPIDs=[pids]))
    assert is_seen(node, perl())
    node.sensor.remove(key)
    key = node.add(policy(matchPIDs=[pids | {"operator": "NotIn"}]))
    assert not is_seen(node, perl())
    node.sensor.remove(key)
    # The marks of a policy that is gone are gone with it.
    node.add(policy(matchPIDs=[{"operator": "In", "values": [1], "followForks": True}]))
    os.getppid()
    assert not is_seen(node)


def test_process_ids_of_a_namespace(node):
    node.add(policy(matchPIDs=[{"operator": "In", "values": [1], "isNamespacePID": True}]))
    script = [PERL, "-e", "getppid()"]
    subprocess.run(["unshare", "--pid", "--fork", *script], check=True)
    assert node.events()
    perl()
    assert not node.events()


def test_namespaces(node):
    inode = Path("/proc/self/ns/uts").stat().st_ino
    node.add(
        policy(matchNamespaces=[{"namespace": "Uts", "operator": "In", "values": [str(inode)]}])
    )
    assert is_seen(node, perl())
    with subprocess.Popen(["unshare", "--uts", PERL, "-e", "getppid()"]) as process:
        process.wait()
    assert not is_seen(node, process.pid)


def test_the_host_namespace(node):
    if not node.facts.host_namespaces["Pid"]:
        pytest.skip("the namespaces of process 1 cannot be read here")
    host = {"namespace": "Pid", "operator": "NotIn", "values": ["host_ns"]}
    node.add(policy(matchNamespaces=[host]))
    in_host = Path("/proc/1/ns/pid").stat().st_ino == Path("/proc/self/ns/pid").stat().st_ino
    os.getppid()
    assert is_seen(node) != in_host


def test_namespaces_that_changed(node):
    node.add(policy(matchNamespaceChanges=[{"operator": "In", "values": ["Uts"]}]))
    assert not is_seen(node, perl())
    unshare = (
        "syscall(272, 0x04000000)" if os.uname().machine == "x86_64" else "syscall(97, 0x04000000)"
    )
    assert is_seen(node, perl(unshare))


def test_capabilities(node):
    entry = {"type": "Effective", "operator": "In", "values": ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]}
    node.add(policy(matchCapabilities=[entry]))
    assert is_seen(node, perl())
    assert not is_seen(node, perl("$> = 65534"))


def test_capabilities_that_changed(node):
    entry = {"type": "Effective", "operator": "In", "values": ["CAP_SYS_ADMIN"]}
    node.add(policy(matchCapabilityChanges=[entry]))
    assert not is_seen(node, perl())
    assert is_seen(node, perl("$> = 65534"))


def test_the_binary_of_the_parent(node):
    node.add(policy(matchParentBinaries=[{"operator": "In", "values": [PYTHON]}]))
    assert is_seen(node, perl())
    fork = "my $p = fork; if (!$p) { exec($^X, '-e', 'getppid()') } waitpid($p, 0); print $p"
    result = subprocess.run([PERL, "-e", fork], capture_output=True, check=True)
    # Perl that a perl has started, whose own parent is this process.
    assert not is_seen(node, int(result.stdout))


def test_binaries_that_the_parent_must_not_have(node):
    end = Path(PYTHON).name
    node.add(policy(matchParentBinaries=[{"operator": "NotPostfix", "values": [end]}]))
    assert not is_seen(node, perl())


def test_binaries_of_ancestors(node):
    entry = {"operator": "In", "values": [PERL], "followChildren": True}
    node.add(policy(matchParentBinaries=[entry]))
    assert not is_seen(node, perl())
    shell = "system('/bin/sh', '-c', q($^X -e 'getppid(); print $$'; true))".replace("$^X", PERL)
    result = subprocess.run([PERL, "-e", shell], capture_output=True, check=True)
    assert is_seen(node, int(result.stdout))
