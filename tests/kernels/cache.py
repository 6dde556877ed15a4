"""What is built once and kept: parts, each in a folder named by a hash of its recipe."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_FOLDER = Path("/var/tmp/osmia-vm")
_DIGEST_DIGITS = 12
_LOCK = "lock"


def recipe_digest(recipe: Mapping[str, object]) -> str:
    """Return the hash of everything that a part is made from, as hex digits."""
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def source_texts(*paths: Path) -> dict[str, str]:
    """Return the text of each file by its name: the code that builds belongs to the recipe."""
    return {path.name: path.read_text() for path in paths}


class Cache:
    """A folder of parts, safe for several runs at once and against interrupted builds."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Cache:
        """Return the cache in OSMIA_VM_DIR, or in the default folder."""
        return cls(Path(environment.get("OSMIA_VM_DIR") or DEFAULT_FOLDER))

    def part(self, name: str, recipe: Mapping[str, object], build: Callable[[Path], None]) -> Path:
        """Return the folder of a part; if there is none of this recipe, let `build` fill it first.

        Whatever `build` raises goes through, and leaves no part behind.
        """
        target = self._folder / f"{name}-{recipe_digest(recipe)}"
        with _locked(self._folder / f"{name}.lock"):
            if not target.exists():
                # Left by a build that was killed: nobody else works in it, we hold the lock.
                partial = self._folder / f"{name}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                build(partial)
                partial.rename(target)
        return target

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder for the time of one run, and remove those of runs that were killed."""
        runs = self._folder / "runs"
        with _locked(self._folder / "runs.lock"):
            runs.mkdir(exist_ok=True)
            for folder in runs.iterdir():
                _remove_if_abandoned(folder)
            folder = Path(tempfile.mkdtemp(dir=runs))
            owner = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
            fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            with _locked(self._folder / "runs.lock"):
                shutil.rmtree(folder)
            os.close(owner)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_if_abandoned(folder: Path) -> None:
    """Remove the folder of a run unless its owner, who holds the lock in it, still lives."""
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder)
