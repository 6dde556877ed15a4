"""Options of the kernel's build that an agent or some policies need."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

NEEDED = (
    "CONFIG_BPF",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_BPF_JIT",
    "CONFIG_BPF_EVENTS",
    "CONFIG_DEBUG_INFO_BTF",
    "CONFIG_DEBUG_INFO_BTF_MODULES",
    "CONFIG_BPF_LSM",
    "CONFIG_BPF_KPROBE_OVERRIDE",
    "CONFIG_FUNCTION_ERROR_INJECTION",
    "CONFIG_FUNCTION_TRACER",
    "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    "CONFIG_FTRACE_SYSCALLS",
    "CONFIG_KPROBES",
    "CONFIG_KPROBE_EVENTS",
    "CONFIG_UPROBES",
    "CONFIG_UPROBE_EVENTS",
    "CONFIG_TRACEPOINTS",
    "CONFIG_CGROUPS",
    "CONFIG_SECURITY",
    "CONFIG_AUDIT",
    "CONFIG_AUDITSYSCALL",
)


def places(release: str) -> tuple[Path, ...]:
    """Return where the options of a kernel may be written."""
    return (
        Path("/proc/config.gz"),
        Path("/boot") / f"config-{release}",
        Path("/lib/modules") / release / "config",
    )


def needed_options(files: Sequence[Path] | None = None) -> dict[str, str | None]:
    """Return the value of each option: `y`, `m`, or None if it is off.

    Raises ClickException where the kernel's options are not to be found.
    """
    files = places(os.uname().release) if files is None else files
    for path in files:
        try:
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        except (OSError, EOFError, UnicodeDecodeError):
            continue
        values = dict(
            line.split("=", 1) for line in text.splitlines() if line.startswith("CONFIG_")
        )
        return {name: values.get(name) for name in NEEDED}
    message = f"how this kernel was built is not written in {', '.join(map(str, files))}"
    raise click.ClickException(message)
