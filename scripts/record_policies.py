#!/usr/bin/env python3
"""Record what policies of examples/ report: docs/policies-in-action.md.

Boots Linux 6.12 under QEMU as `make test-kernels` does, runs an agent with the policies there, and
what each is about; the page shows what was printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/policies-in-action.md"
POLICIES = ROOT / "examples/policies"
KERNEL = "6.12"

_LOG = Path("/var/log/osmia/events.json")
_START_LIMIT_S = 300
_COMPACT = "-o compact"
_PREPARATION = """
ip address add 192.0.2.1/24 dev lo
mkdir -p /root/.ssh
echo x | tee /root/.ssh/id_ed25519 /etc/denied /etc/protected >/dev/null
"""
_AS_USER = "setpriv --reuid 1000 --clear-groups"
_BECOME_ROOT = (
    f"{_AS_USER} mount >/dev/null; {_AS_USER} --inh-caps +setuid --ambient-caps +setuid"
    " python3 -c 'import os; os.setuid(0)'"
)
_HEAD = f"""\
# Policies in action

The published kinds of policies, each with what it reported in Linux {KERNEL}: the agent ran as

    osmia-agent --tracing-policy-dir policies --export-filename {_LOG}

with all of these files in `policies`, and the commands below in a shell beside it. The policies
are in `examples/policies`; [Policies](policies.md) says what else they can do,
[Kernels](kernels.md) what each kernel lets them do.

This page is written by `scripts/record_policies.py`.
"""


class Case(NamedTuple):
    """A policy, and what is done under its eyes."""

    policy: str
    title: str
    about: str
    command: str
    view: str = _COMPACT
    """How `osmia getevents` shows the events."""
    pick: str = ""
    """What its output goes through."""


CASES = (
    Case(
        "tcp-connections",
        "TCP connections",
        "Who connects where, and how the connections end.",
        "bash -c '< /dev/tcp/192.0.2.1/443'",
    ),
    Case(
        "sensitive-files",
        "Opened files, by prefixes",
        "Every regular file that is opened below two directories. What counts is the kernel's own"
        " path, not the one that a program gives.",
        "cd /root && cat .ssh/id_ed25519 >/dev/null; cat /etc/hostname >/dev/null",
        "-o json -f process.binary,process.arguments,args,message,tags",
    ),
    Case(
        "privilege-escalation",
        "Privilege escalation",
        "Processes that become root: here a user (1000) who runs a setuid binary, and a program"
        " that may call `setuid(0)` and does. The events tell the user of before as well.",
        _BECOME_ROOT,
        "-o json -f process.binary,process.arguments,args,data,message",
    ),
    Case(
        "kernel-modules",
        "Kernel modules",
        "Modules that are asked for, files that are read as such, and what is loaded.",
        "modprobe dummy",
        "-o json -f process.binary,process.arguments,function_name,args",
    ),
    Case(
        "ptrace",
        "One process looks into another",
        "`ptrace` with the requests that attach to a process or change it.",
        "strace -o /dev/null true",
        "-o json -f process.binary,function_name,args",
    ),
    Case(
        "bpf",
        "BPF programs",
        "Programs that are loaded, by whom, with their types and sizes: here by `ip`, whose program"
        " sends each socket of a command by another routing table. The agent's own are left out.",
        "ip link add blue type vrf table 10; ip vrf exec blue true",
        pick=" | grep bpf_load | grep -v python3.11",
    ),
    Case(
        "namespaces",
        "Namespaces",
        "Processes that make a user namespace, in which they have all capabilities.",
        "unshare --user true",
        "-o json -f process.binary,process.arguments,function_name,args",
    ),
    Case(
        "kill-writers",
        "Kill on write to a path",
        "Whoever writes to the file is killed before anything is written.",
        "sh -c 'echo new > /tmp/x; echo y >> /etc/protected'; echo $?; cat /etc/protected",
    ),
    Case(
        "deny-open",
        "Denied by a security module",
        "The kernel's LSM hook answers that the file may not be opened; the program goes on.",
        "cat /etc/denied",
    ),
)


class Recording(NamedTuple):
    """What was done in the guest."""

    outputs: dict[str, str]
    """By policy, what the case's command printed."""
    log: str
    """The agent's events."""


class Recorded(NamedTuple):
    """What one case printed."""

    output: str
    events: str


def _view(case: Case) -> str:
    return f"{case.view} --policy-names {case.policy}"


def record() -> Recording:
    """Run the agent and every case in this kernel."""
    _run(_PREPARATION)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "policies")
        folder.mkdir()
        for case in CASES:
            shutil.copy(POLICIES / f"{case.policy}.yaml", folder)
        log = Path(name, "log")
        with log.open("w") as errors:
            agent = subprocess.Popen(  # noqa: S603 - the agent, with a folder made here
                [sys.executable, "-m", "osmia_agent.main", "--tracing-policy-dir", folder,
                 "--export-filename", _LOG, "--node-name", "vm"],
                stderr=errors,
            )  # fmt: skip
        try:
            _wait_for_agent(agent, log)
            outputs = {case.policy: _run(case.command) for case in CASES}
        finally:
            agent.terminate()
            agent.wait()
    return Recording(outputs, _LOG.read_text())


def _wait_for_agent(agent: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + _START_LIMIT_S
    while "ready after" not in log.read_text():
        if agent.poll() is not None or time.monotonic() > deadline_s:
            raise SystemExit(f"the agent did not start:\n{log.read_text()}")
        time.sleep(0.2)


def _run(command: str, given: str | None = None) -> str:
    """Return what a command in a shell prints, errors included."""
    ended = subprocess.run(  # noqa: S603 - the commands are those of the cases above
        ["/bin/bash", "-c", command],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": ""},
    )
    return ended.stdout


def page(recorded: dict[str, Recorded]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for case in CASES:
        name = f"examples/policies/{case.policy}.yaml"
        output, events = recorded[case.policy]
        parts.append(
            f"\n## {case.title}\n\n{case.about}\n\n"
            f'``` yaml title="{name}"\n{(ROOT / name).read_text()}```\n\n'
            "``` console\n"
            + (f"$ {case.command}\n{output}" if case.command else "")
            + f"$ osmia getevents {_view(case)} < {_LOG}{case.pick}\n{events}```\n"
        )
    return "".join(parts)


def shown(recording: Recording) -> dict[str, Recorded]:
    """Return what each case printed, its events as `osmia getevents` shows them."""
    osmia = Path(sys.executable).parent / "osmia"
    return {
        case.policy: Recorded(
            recording.outputs[case.policy],
            _run(f"{osmia} getevents {_view(case)}{case.pick}", recording.log),
        )
        for case in CASES
    }


def main() -> None:
    """Record, here or in a guest, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", metavar="FILE", help="in this kernel; writes JSON")
    options = parser.parse_args()
    if options.here:
        Path(options.here).write_text(json.dumps(record()))
        return
    with tempfile.TemporaryDirectory(prefix="osmia-policies-") as name:
        guest = [sys.executable, "-m", "tests.kernels", "run", "--results", name, KERNEL, "--"]
        inside = "python scripts/record_policies.py --here /run/results/policies.json"
        subprocess.run([*guest, inside], check=True, cwd=ROOT)  # noqa: S603 - this very script
        found = json.loads(Path(name, KERNEL, "policies.json").read_text())
    PAGE.write_text(page(shown(Recording(*found))))


if __name__ == "__main__":
    main()
