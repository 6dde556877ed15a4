"""Whether this process may do what the agent does, told before anything is tried."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from osmia_agent.kernel.bpf import is_denied, may_read_kernel
from osmia_bpf.headers import kernel_version

_STATUS = Path("/proc/self/status")
_INITIAL_USER_NS = 4026531837


class Requirement(NamedTuple):
    """A capability and what it is for. `instead` serves as well."""

    name: str
    bit: int
    reason: str
    instead: int | None = None


_SYS_ADMIN = 21
_SPLIT_SINCE = (5, 8)

_SINCE_5_8 = (
    Requirement("CAP_BPF", 39, "to load BPF programs and maps", _SYS_ADMIN),
    Requirement("CAP_PERFMON", 38, "to attach BPF programs to the kernel", _SYS_ADMIN),
)
_BEFORE_5_8 = (Requirement("CAP_SYS_ADMIN", _SYS_ADMIN, "to load and attach BPF programs"),)
_ALWAYS = (Requirement("CAP_SYS_PTRACE", 19, "to read other processes in /proc"),)


class MissingPrivilegeError(Exception):
    """The agent cannot work with the privileges that it has; the message is one line."""


def effective_capabilities(status: Path = _STATUS) -> int:
    """Return the effective capability set of this process as a bit mask."""
    for line in status.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return int(value, 16)
    raise ValueError(f"{status}: no line CapEff")


def missing(capabilities: int, release: str) -> list[Requirement]:
    """Return the requirements that a capability mask does not meet on a kernel release."""
    split = kernel_version(release)[:2] >= _SPLIT_SINCE
    required = (*(_SINCE_5_8 if split else _BEFORE_5_8), *_ALWAYS)
    return [
        requirement
        for requirement in required
        if not capabilities >> requirement.bit & 1
        and not (requirement.instead is not None and capabilities >> requirement.instead & 1)
    ]


def check_privileges() -> None:
    """Raise `MissingPrivilegeError` if a capability is missing, or held in vain."""
    lacking = missing(effective_capabilities(), os.uname().release)
    if lacking:
        needs = ", ".join(f"{requirement.name} ({requirement.reason})" for requirement in lacking)
        raise MissingPrivilegeError(f"missing {needs}: run as root or grant the capability")
    if Path("/proc/self/ns/user").stat().st_ino != _INITIAL_USER_NS:
        raise MissingPrivilegeError(
            "missing CAP_BPF in the initial user namespace: this process is in another one, "
            "where capabilities do not count for BPF"
        )
    if is_denied():
        raise MissingPrivilegeError(
            "bpf(2) is denied although its capability is there: by the container's seccomp profile "
            "or by a security module; allow it, as the profiles of newer runtimes do with CAP_BPF"
        )
    # What reads by older helpers is too old for the lockdown to tell.
    if kernel_version(os.uname().release)[:2] >= _SPLIT_SINCE and not may_read_kernel():
        raise MissingPrivilegeError(
            "the kernel is locked down for confidentiality, so BPF programs cannot read its memory:"
            " start it with lockdown=integrity, or without lockdown="
        )
