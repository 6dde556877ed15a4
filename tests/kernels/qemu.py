"""The emulator: Debian's QEMU of a newer suite than this machine's, in a folder of its own.

Debian 12's (7.2) can keep the translation of code that another emulated processor has rewritten
meanwhile. A kernel rewrites its code wherever a tracepoint or a trampoline comes or goes, by way of
a breakpoint; a processor that translated the breakpoint and keeps it stands there for ever. Two
processes that do system calls while `events/raw_syscalls/sys_enter/enable` is switched show it in
seconds; 10.0 did not in thousands of such changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernels.cache import source_texts
from tests.kernels.debian import bootstrap

if TYPE_CHECKING:
    from tests.kernels.cache import Cache

_SUITE = "trixie"
_PACKAGE = "qemu-system-x86"
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")
_FIRMWARE = ("usr/share/qemu", "usr/share/seabios")


def qemu_program(cache: Cache) -> tuple[str, ...]:
    """Return the words that start QEMU, fetching it if there is none yet.

    Raises `SetupError` if that fails, or if it would need rights that the caller has not.
    """
    recipe = {"suite": _SUITE, "package": _PACKAGE, "sources": source_texts(Path(__file__))}
    return _started_from(cache.part("qemu", recipe, _build) / "tree")


def _started_from(tree: Path) -> tuple[str, ...]:
    # By the loader of its own C library, which is newer than this machine's.
    libraries = tree / _LIBRARIES
    return (
        *(str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)),
        str(tree / "usr/bin/qemu-system-x86_64"),
        *(word for folder in _FIRMWARE for word in ("-L", str(tree / folder))),
    )


def _build(folder: Path) -> None:
    # No package is configured, so nothing of them runs.
    bootstrap(_SUITE, (_PACKAGE,), folder, "--variant=extract")
