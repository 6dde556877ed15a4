"""Policies to begin with, and what of this machine they are made of."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from osmia_bpf.btf import VMLINUX, Btf, BtfError, Kind
from osmia_bpf.policy.syscalls import ABI_OF_MACHINE, function, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Policy = dict[str, Any]

_TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_TRACEABLE = "available_filter_functions"


def empty() -> Policy:
    """Return a policy without hooks."""
    return _policy("empty", {})


def each_syscall(calls: Iterable[str], match_binary: str | None = None) -> Policy:
    """Return a policy with a hook for each call."""
    hooks = [{"call": call, "syscall": True, **_selectors(match_binary)} for call in calls]
    return _policy("syscalls", {"kprobes": hooks})


def list_of_syscalls(calls: Sequence[str], match_binary: str | None = None) -> Policy:
    """Return a policy with one hook for all calls."""
    hook = {"call": "list:syscalls", "syscall": True, **_selectors(match_binary)}
    syscalls = {"name": "syscalls", "type": "syscalls", "values": list(calls)}
    return _policy("syscalls", {"lists": [syscalls], "kprobes": [hook]})


def list_of_functions(functions: Sequence[str], match_binary: str | None = None) -> Policy:
    """Return a policy with one hook for all functions."""
    hook = {"call": "list:ftrace", "syscall": False, **_selectors(match_binary)}
    listed = {"name": "ftrace", "values": list(functions)}
    return _policy("ftrace", {"lists": [listed], "kprobes": [hook]})


def uprobe(path: str, symbols: Sequence[str], match_binary: str | None = None) -> Policy:
    """Return a policy with one hook for all symbols of a file."""
    hook = {"path": path, "symbols": list(symbols), **_selectors(match_binary)}
    return _policy("uprobes", {"uprobes": [hook]})


def each_usdt(
    path: str, probes: Iterable[tuple[str, str]], match_binary: str | None = None
) -> Policy:
    """Return a policy with a hook for each static probe of a file: provider and name."""
    hooks = [
        {"path": path, "provider": provider, "name": name, **_selectors(match_binary)}
        for provider, name in probes
    ]
    return _policy("usdts", {"usdts": hooks})


def render(policy: Policy) -> str:
    """Write a policy as YAML."""
    return yaml.safe_dump(policy, sort_keys=False, width=100)


def syscalls(btf_path: Path = VMLINUX, machine: str = "") -> list[str]:
    """Return the names of the system calls of this kernel, sorted.

    Where its types cannot be read, those are meant that kernels know. Raises ClickException for a
    machine whose calls are not known.
    """
    machine = machine or os.uname().machine
    if machine not in ABI_OF_MACHINE:
        raise click.ClickException(f"the system calls of {machine} are not known")
    known = sorted(names(ABI_OF_MACHINE[machine]).values())
    try:
        btf = Btf.read(btf_path)
    except (BtfError, OSError):
        return known
    return [call for call in known if btf.find(function(call, machine), Kind.FUNC) is not None]


def traceable_functions(pattern: str, tracefs: Sequence[Path] = _TRACEFS) -> list[str]:
    """Return the names of the kernel's functions that can be traced and match; each once.

    Raises ClickException for a bad pattern, and where the kernel does not tell.
    """
    try:
        matches = re.compile(pattern).search
    except re.error as error:
        raise click.ClickException(f"--regex: {error}: {pattern!r}") from None
    for directory in tracefs:
        try:
            lines = (directory / _TRACEABLE).read_text().splitlines()
        except OSError:
            continue
        found = [line.split(maxsplit=1)[0] for line in lines if line]
        return list(dict.fromkeys(name for name in found if matches(name)))
    raise click.ClickException(
        f"{tracefs[0] / _TRACEABLE} cannot be read: needs root, tracefs, and a kernel with ftrace"
    )


def _policy(name: str, spec: dict[str, Any]) -> Policy:
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def _selectors(match_binary: str | None) -> dict[str, Any]:
    if not match_binary:
        return {}
    return {"selectors": [{"matchBinaries": [{"operator": "In", "values": [match_binary]}]}]}
