"""Debian's cloud kernels: which of them are tested, and each one made ready to boot."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernels import initramfs
from tests.kernels.cache import source_texts
from tests.kernels.commands import SetupError, run
from tests.kernels.debian import Suite
from tests.kernels.disk import make_ext4

if TYPE_CHECKING:
    from tests.kernels.cache import Cache


@dataclass(frozen=True)
class Kernel:
    """A kernel of the matrix: where Debian has it, and what its command line needs."""

    version: str
    suite: str
    arguments: str = ""


KERNELS = {
    kernel.version: kernel
    for kernel in (
        # Its CONFIG_LSM does not name bpf, so that BPF LSM has to be asked for.
        Kernel("5.10", "bullseye", "lsm=lockdown,yama,apparmor,bpf"),
        Kernel("6.1", "bookworm"),
        Kernel("6.12", "trixie"),
        Kernel("7.2", "sid"),
    )
}
DEFAULT = ("6.1", "6.12")


@dataclass(frozen=True)
class BootFiles:
    """A kernel as QEMU takes it."""

    image: Path
    initramfs: Path
    modules: Path
    """Disk with the content of /lib/modules."""


def boot_files(kernel: Kernel, cache: Cache) -> BootFiles:
    """Return a kernel's files, fetching the newest of its version if there is none yet.

    Raises `SetupError` if Debian has none, or if one cannot be fetched.
    """
    recipe = {
        "version": kernel.version,
        "suite": kernel.suite,
        "sources": source_texts(Path(__file__), Path(initramfs.__file__), initramfs.INIT),
    }
    folder = cache.part(f"kernel-{kernel.version}", recipe, lambda place: _build(kernel, place))
    return BootFiles(folder / "vmlinuz", folder / "initramfs", folder / "modules.ext4")


def _build(kernel: Kernel, folder: Path) -> None:
    work = folder / "work"
    state = work / "apt"
    state.mkdir(parents=True)
    suite = Suite(kernel.suite, state)
    package = newest_package(kernel.version, suite.package_names(f"linux-image-{kernel.version}"))
    if package is None:
        raise SetupError(f"Debian {kernel.suite} has no cloud kernel {kernel.version} (any more)")
    # Newer kernels come as an image package that is empty but for its dependencies.
    parts = [name for name in suite.dependencies(package) if is_kernel_part(name)]
    tree = work / "tree"
    suite.unpack([package, *parts, "busybox-static"], tree)
    modules = next(path for path in tree.glob("**/lib/modules/*") if path.is_dir())
    image = next(path for path in (*tree.glob("boot/vmlinuz-*"), modules / "vmlinuz"))
    shutil.move(image, folder / "vmlinuz")
    staged = work / "modules"
    release = staged / "lib/modules" / modules.name
    shutil.move(modules, release)
    run("depmod", "--basedir", staged, modules.name)
    initramfs.write_initramfs(release, next(tree.glob("**/bin/busybox")), folder / "initramfs")
    make_ext4(staged / "lib/modules", folder / "modules.ext4", spare_mib=8)
    shutil.rmtree(work)


def newest_package(version: str, names: list[str]) -> str | None:
    """Return the newest of the signed cloud kernels of a version, or None."""
    pattern = re.compile(rf"linux-image-{re.escape(version)}[.-].*cloud-amd64")
    fitting = [name for name in names if pattern.fullmatch(name)]
    return max(fitting, key=_numbers, default=None)


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def is_kernel_part(name: str) -> bool:
    """Say whether a dependency holds a piece of the kernel itself."""
    return re.match(r"linux-(base|binary|modules)-\d", name) is not None
