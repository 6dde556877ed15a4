"""Disk images: a folder as an ext4 image, and an archive as a raw disk that both sides read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kernels.commands import run

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1 << 20


def make_ext4(folder: Path, image: Path, spare_mib: int) -> None:
    """Write an image of a folder with some free space. Owners are kept."""
    used_kib = int(run("du", "--summarize", "--block-size=1K", folder).split()[0])
    # A journal and checksums are of no use to a disk that lives for one boot.
    options = ("-O", "^has_journal,^metadata_csum,^orphan_file", "-m", "0", "-i", "8192")
    size_kib = int(used_kib * 1.1) + spare_mib * 1024
    run("mke2fs", "-q", "-F", "-t", "ext4", *options, "-d", folder, image, f"{size_kib}k")


def write_archive(folder: Path, image: Path, capacity_mib: int) -> None:
    """Write a folder as a tar archive at the beginning of a sparse raw disk."""
    run("tar", "--create", "--file", image, "--directory", folder, ".")
    with image.open("r+b") as file:
        file.truncate(capacity_mib * _MIB)


def read_archive(image: Path, folder: Path) -> None:
    """Unpack the archive at the beginning of a raw disk.

    Raises `SetupError` if there is none, or not all of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run("tar", "--extract", "--no-same-owner", "--file", image, "--directory", folder)
