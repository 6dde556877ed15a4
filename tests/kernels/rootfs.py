"""The guest's root file system: a minimal Debian 12 with what the project and its tests need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernels.cache import source_texts
from tests.kernels.commands import SetupError, run
from tests.kernels.debian import ARCHITECTURE, source_line
from tests.kernels.disk import make_ext4

if TYPE_CHECKING:
    from tests.kernels.cache import Cache

SUITE = "bookworm"
PACKAGES = (
    # The project's own needs; a virtual environment may take PyYAML from the system.
    "python3",
    "python3-bpfcc",
    "python3-yaml",
    # What live tests compile, start and look at.
    "gcc",
    "libc6-dev",
    "attr",
    "iproute2",
    "kmod",
    "libcap2-bin",
    "procps",
    # For a look around with `python -m tests.kernels run`.
    "bpftool",
    "strace",
)
_OMITTED = ("doc", "man", "locale", "info")
_FREE_MIB = 512


def root_image(cache: Cache) -> Path:
    """Return the image, building it if there is none of this recipe.

    Raises `SetupError` if that fails, or if it would need rights that the caller has not.
    """
    recipe = {
        "suite": SUITE,
        "packages": PACKAGES,
        "sources": source_texts(Path(__file__)),
    }
    return cache.part("rootfs", recipe, _build) / "root.ext4"


def _build(folder: Path) -> None:
    if os.geteuid() != 0:
        raise SetupError("building the guest's root file system needs root, once")
    # apt inside the new system does not see this machine's settings, such as a proxy.
    settings = folder / "apt.conf"
    settings.write_text(run("apt-config", "dump", "Acquire"))
    archive = folder / "root.tar"
    run(
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
        f"--architectures={ARCHITECTURE}",
        f"--include={','.join(PACKAGES)}",
        f"--aptopt={settings}",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _OMITTED),
        # Of no use without a network, and settings may hold a password.
        '--customize-hook=rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list*',
        *(SUITE, archive, source_line(SUITE)),
        # mmdebstrap mounts inside of its folder, so that one is not within the cache.
        environment={**os.environ, "TMPDIR": "/var/tmp"},
    )
    tree = folder / "tree"
    tree.mkdir()
    run("tar", "--extract", "--numeric-owner", "--file", archive, "--directory", tree)
    make_ext4(tree, folder / "root.ext4", _FREE_MIB)
    shutil.rmtree(tree)
    archive.unlink()
    settings.unlink()
