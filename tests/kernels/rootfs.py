"""The guest's root file system: a minimal Debian 12 with what the project and its tests need."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kernels.cache import source_texts
from tests.kernels.debian import bootstrap
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
    tree = bootstrap(
        SUITE,
        PACKAGES,
        folder,
        "--variant=minbase",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _OMITTED),
        # Of no use without a network, and settings may hold a password.
        '--customize-hook=rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list*',
    )
    make_ext4(tree, folder / "root.ext4", _FREE_MIB)
    shutil.rmtree(tree)
