"""Lists of a policy: the functions and system calls that `list:NAME` stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import re2

from osmia_bpf.policy import syscalls
from osmia_bpf.policy.problems import shown

if TYPE_CHECKING:
    from osmia_api.tracing_policy.policy import ListSpec
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.problems import Place

PREFIX = "list:"


def elements(spec: ListSpec, facts: KernelFacts, place: Place) -> tuple[str, ...]:
    """Return what a list consists of. Raises `HookError` for one that makes no sense."""
    if spec.type == "generated_syscalls":
        if spec.values:
            (place / "values").fail("generated_syscalls takes no values")
        abi = syscalls.ABI_OF_MACHINE.get(facts.machine, "")
        return tuple(
            name
            for _, name in sorted(syscalls.names(abi).items())
            if facts.has_function(syscalls.function(name, facts.machine))
        )
    if spec.type == "generated_ftrace":
        if not spec.pattern:
            (place / "pattern").fail("generated_ftrace needs a pattern")
        pattern = _compiled(spec.pattern, place / "pattern")
        if not facts.traceable:
            place.fail(f"this kernel does not tell what it can trace: {facts.traceable_file}")
        return tuple(sorted({name for name in facts.traceable if pattern.search(name)}))
    if spec.type == "syscalls":
        for at, value in enumerate(spec.values):
            if syscalls.listed_number(value, facts.machine) is None:
                (place / "values" / at).fail(f"{shown(value)} is not a system call")
    if not spec.values:
        (place / "values").fail("at least one value is needed")
    return spec.values


def _compiled(pattern: str, place: Place) -> Any:
    """Return a pattern of the contract's own engine, which takes linear time whatever it is."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason, _, part = error.args[0].decode("utf-8", "replace").partition(": ")
        place.fail(f"{reason}: {shown(part or pattern)}")


def functions(spec: ListSpec, values: tuple[str, ...], machine: str) -> tuple[str, ...]:
    """Return the kernel functions behind a list's elements."""
    if spec.type not in {"syscalls", "generated_syscalls"}:
        return values
    own = syscalls.ABI_OF_MACHINE.get(machine, "")
    found = []
    for value in values:
        abi, _, name = value.rpartition("/")
        if abi in {"", own}:
            found.append(syscalls.function(name, machine))
        elif abi == "i386":
            found.append(f"__ia32_{name}")
    return tuple(found)
