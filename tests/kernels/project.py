"""The project as a disk: the working tree and its virtual environment, as they are now.

The guest mounts it at the path that the project has here, so that the virtual environment works
there unchanged: same interpreter (Debian 12's), same paths.
"""

from __future__ import annotations

import compileall
import shutil
from contextlib import suppress
from pathlib import Path

from tests.kernels.commands import SetupError
from tests.kernels.disk import make_ext4

ROOT = Path(__file__).resolve().parents[2]
GUEST_INTERPRETER = Path("/usr/bin/python3.11")
_ENVIRONMENT = ".venv"
_LEFT_OUT = shutil.ignore_patterns(
    *(".git", "*_cache", "__pycache__", "*.pyc", ".hypothesis"),
    *("build", "dist", "bench-results", _ENVIRONMENT),
)
_FREE_MIB = 128


def check_interpreter(root: Path = ROOT) -> None:
    """Raise `SetupError` unless the virtual environment is one that works in the guest."""
    python = root / _ENVIRONMENT / "bin/python"
    if python.resolve() != GUEST_INTERPRETER:
        raise SetupError(
            f"{python} leads to {python.resolve()}, and the guest has {GUEST_INTERPRETER} only:"
            " make the virtual environment with Debian 12's python3 (make setup-test)"
        )


def write_project(image: Path, root: Path = ROOT) -> None:
    """Write the disk. Bytecode is compiled here, where it takes a tenth of the time."""
    tree = image.parent / f"{image.name}.tree"
    shutil.copytree(root, tree, symlinks=True, ignore=_LEFT_OUT, copy_function=_copy)
    shutil.copytree(root / _ENVIRONMENT, tree / _ENVIRONMENT, symlinks=True, copy_function=_copy)
    for source in (path for path in tree.iterdir() if path.is_dir() and path.name != _ENVIRONMENT):
        compileall.compile_dir(source, quiet=2, stripdir=str(tree), prependdir=str(root))
    partial = image.with_suffix(".partial")
    make_ext4(tree, partial, _FREE_MIB)
    partial.rename(image)
    shutil.rmtree(tree)


def _copy(source: str, target: str) -> str:
    # Somebody may be working in the tree: a file that has just gone is not part of it.
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
    return target
