"""Packages of any suite of Debian, through apt, with a state of their own beside the system's."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.kernels.commands import SetupError, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ARCHITECTURE = "amd64"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror() -> str:
    """Return the URI of the Debian archive that this machine's apt is configured to use.

    Raises `SetupError` if there is none.
    """
    listed = run(
        *("apt-get", "indextargets", "--format", "$(REPO_URI)"),
        *("Created-By: Packages", "Label: Debian", "Component: main"),
    )
    if not listed:
        raise SetupError(
            "apt knows no Debian archive: its sources need a suite of Debian, component main,"
            " and apt-get update has to have run"
        )
    return listed.split()[0]


def source_line(suite: str) -> str:
    """Return the line of a sources.list for a suite."""
    return f"deb [arch={ARCHITECTURE} signed-by={_KEYRING}] {mirror()} {suite} main"


class Suite:
    """The packages of one suite. The system's settings (proxies, certificates) apply."""

    def __init__(self, name: str, folder: Path) -> None:
        """Read the suite's index. `folder` takes apt's state; it has to be empty."""
        self.name = name
        sources = folder / "sources.list"
        sources.write_text(source_line(name) + "\n")
        status = folder / "status"
        status.touch()
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        self._options = (
            f"-oDir::Etc::SourceList={sources}",
            "-oDir::Etc::SourceParts=/dev/null",
            f"-oDir::State={folder / 'state'}",
            f"-oDir::State::status={status}",
            f"-oDir::Cache={folder / 'cache'}",
            f"-oAPT::Architecture={ARCHITECTURE}",
            "-oAPT::Sandbox::User=root",
            "-oAcquire::Languages=none",
            "-oAcquire::Retries=3",
        )
        run("apt-get", *self._options, "--quiet=2", "--error-on=any", "update")

    def package_names(self, prefix: str) -> list[str]:
        """Return the names of all packages that begin with `prefix`."""
        return run("apt-cache", *self._options, "pkgnames", prefix).split()

    def dependencies(self, package: str) -> list[str]:
        """Return the names of the packages that `package` depends on directly."""
        record = run("apt-cache", *self._options, "--no-all-versions", "show", package)
        return dependency_names(record)

    def unpack(self, packages: list[str], target: Path) -> None:
        """Download packages and unpack what they hold into a folder; no script of theirs runs."""
        archives = target.parent / f"{target.name}.debs"
        archives.mkdir()
        run("apt-get", *self._options, "--quiet=2", "download", *packages, folder=archives)
        for archive in sorted(archives.iterdir()):
            run("dpkg-deb", "--extract", archive, target)


def bootstrap(suite: str, packages: Sequence[str], folder: Path, *options: str) -> Path:
    """Make a system of packages and what they need, and return its tree, a folder in `folder`.

    `options` go to mmdebstrap as they are. Raises `SetupError` if it fails, or if the caller is not
    root.
    """
    if os.geteuid() != 0:
        raise SetupError("building a system of packages needs root, once")
    # apt inside the new system does not see this machine's settings, such as a proxy.
    settings = folder / "apt.conf"
    settings.write_text(run("apt-config", "dump", "Acquire"))
    archive = folder / "tree.tar"
    run(
        *("mmdebstrap", "--quiet", "--mode=root", f"--architectures={ARCHITECTURE}"),
        *(f"--include={','.join(packages)}", f"--aptopt={settings}"),
        *options,
        *(suite, archive, source_line(suite)),
        # mmdebstrap mounts inside of its folder, so that one is not within the cache.
        environment={**os.environ, "TMPDIR": "/var/tmp"},
    )
    tree = folder / "tree"
    tree.mkdir()
    run("tar", "--extract", "--numeric-owner", "--file", archive, "--directory", tree)
    archive.unlink()
    settings.unlink()
    return tree


def dependency_names(record: str) -> list[str]:
    """Return the names in the Depends field of a package's record, alternatives included."""
    found = re.search(r"^Depends: (.*)$", record, re.MULTILINE)
    if found is None:
        return []
    return [re.split(r"[\s:(]", item.strip())[0] for item in re.split(r"[,|]", found[1])]
