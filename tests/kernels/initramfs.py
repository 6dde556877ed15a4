"""The initial RAM file system: busybox, the drivers that reach the disks, and the first script."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from pathlib import Path

from tests.kernels.commands import SetupError

INIT = Path(__file__).parent / "guest" / "init"
_DRIVERS = ("virtio_pci", "virtio_blk", "ext4")


def write_initramfs(modules: Path, busybox: Path, image: Path) -> None:
    """Write the image for the kernel whose modules, with depmod's files, are in `modules`.

    Raises `SetupError` if the kernel has no such driver.
    """
    tree = image.parent / f"{image.name}.tree"
    (tree / "modules").mkdir(parents=True)
    shutil.copy(busybox, tree / "busybox")
    shutil.copy(INIT, tree / "init")
    (tree / "init").chmod(0o755)
    order = load_order(
        _DRIVERS,
        (modules / "modules.dep").read_text(),
        (modules / "modules.builtin").read_text(),
    )
    for number, path in enumerate(order):
        # Numbered, so that the shell's order of names is the order of loading.
        name = f"{number:02}-{module_name(path)}.ko"
        (tree / "modules" / name).write_bytes(_unpacked(modules / path))
    with image.open("wb") as file:
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet", "--owner=0:0"],
            cwd=tree,
            input=names.encode(),
            stdout=file,
            check=True,
        )
    shutil.rmtree(tree)


def load_order(drivers: tuple[str, ...], dependencies: str, builtin: str) -> list[str]:
    """Return the paths of the modules that drivers need, each after what it depends on itself.

    `dependencies` and `builtin` are the contents of modules.dep and modules.builtin.
    Raises `SetupError` if a driver is neither built in nor a module.
    """
    needs = {}
    for line in dependencies.splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    path_of = {module_name(path): path for path in needs}
    builtin_names = {module_name(path) for path in builtin.split()}
    order: list[str] = []

    def add(path: str) -> None:
        if path in order:
            return
        for other in needs[path]:
            add(other)
        order.append(path)

    for driver in drivers:
        if driver in path_of:
            add(path_of[driver])
        elif driver not in builtin_names:
            raise SetupError(f"this kernel has no driver {driver}, built in or as a module")
    return order


def module_name(path: str) -> str:
    """Return the name of a module: kernel/drivers/block/virtio_blk.ko.xz -> virtio_blk."""
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content
