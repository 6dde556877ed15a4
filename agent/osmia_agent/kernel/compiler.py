"""Compiling in a child process, with a cache of bytecode on disk.

The agent never holds LLVM: bcc runs in short-lived children (`compile_child`), and what they make
is kept by everything that it depends on, so a warm start compiles nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from osmia_agent.kernel.compile_children import CompileChildren, CompileError
from osmia_bpf.btf import VMLINUX, Btf, BtfError
from osmia_bpf.function_ids import FunctionIdsRecipe
from osmia_bpf.policy.processes import ProcessMapRecipe, process_map
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import BaseSensorOptions, Compiled, ProgramKind, Source, base_sensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

logger = logging.getLogger(__name__)

# Fewer jobs than this are not worth children of their own.
_MIN_BATCH = 2


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to compile."""

    recipe: BaseSensorOptions | PolicyRecipe | ProcessMapRecipe | FunctionIdsRecipe
    btf_path: str = str(VMLINUX)
    kinds: tuple[ProgramKind, ...] = tuple(ProgramKind)
    """The kinds of program that the kernel lets one attach."""

    def source(self, btf: Btf) -> Source:
        """Return the C to compile."""
        if isinstance(self.recipe, PolicyRecipe):
            return self.recipe.source(btf, self.kinds)
        if isinstance(self.recipe, ProcessMapRecipe):
            return process_map(btf)
        if isinstance(self.recipe, FunctionIdsRecipe):
            return self.recipe.source(btf)
        return base_sensor(btf, self.recipe, self.kinds)


class BytecodeCache:
    """Compiled programs as files of one directory, named by all that they depend on.

    What is read here is run by the kernel, so the directory must be ours alone: one that belongs
    to somebody else, or that others may write to, is not used. A directory that cannot be made or
    written costs a compilation at each start and nothing else.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str) -> Compiled | None:
        """Return what is kept under a key, None if there is nothing or nothing whole."""
        if not self._is_ours():
            return None
        path = self._path(key)
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=Compiled)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("%s: not usable, compiling anew: %s", path, error)
            return None

    def put(self, key: str, compiled: Compiled) -> None:
        """Keep `compiled`; it appears whole or not at all."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                return
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
                try:
                    file.write(msgspec.msgpack.encode(compiled))
                    file.flush()
                    Path(file.name).replace(self._path(key))
                except OSError:
                    with contextlib.suppress(OSError):
                        Path(file.name).unlink()
                    raise
        except OSError as error:
            logger.warning("%s: compiled programs are not kept: %s", self._directory, error)

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.bpf"

    def _is_ours(self) -> bool:
        try:
            status = self._directory.stat()
        except OSError:
            return False
        if status.st_uid == os.geteuid() and not status.st_mode & 0o022:
            return True
        logger.warning(
            "%s: not used as a cache of programs: it must belong to user %d, "
            "and nobody else may write to it",
            self._directory,
            os.geteuid(),
        )
        return False


class CachedCompiler:
    """Compiles in children, and keeps what comes of it in a cache."""

    def __init__(self, kept: BytecodeCache) -> None:
        self._kept = kept
        self._children = CompileChildren()
        self._made_ahead: dict[str, Compiled] = {}

    def compile(self, job: Job) -> Compiled:
        """Return the programs of a job; raise `CompileError` or `BtfError`."""
        return self.compile_all([job])[0]

    def compile_all(self, jobs: Sequence[Job]) -> list[Compiled]:
        """Do as `compile` for some jobs; those that are not there yet are done by one child."""
        keys = [cache_key(job) for job in jobs]
        found = [self._made_ahead.pop(key, None) or self._kept.get(key) for key in keys]
        missing = [at for at, compiled in enumerate(found) if compiled is None]
        batch = self._children.compile([jobs[at] for at in missing]) if missing else []
        made = dict(zip(missing, batch, strict=True))
        for at, compiled in made.items():
            if compiled.keep:
                self._kept.put(keys[at], compiled)
        return [made[at] if compiled is None else compiled for at, compiled in enumerate(found)]

    def ahead(self, jobs: Sequence[Job]) -> None:
        """Compile jobs that will be asked for soon, on all processors.

        A job that fails is left out with those that its child had still to do: `compile` will tell
        why. What is not worth keeping on disk, such as a policy that cannot be used, is kept here
        until it is asked for, so that it is not made twice in a row.
        """
        missing = [job for job in jobs if self._kept.get(cache_key(job)) is None]
        children = min(os.cpu_count() or 1, len(missing))
        unkept: dict[str, Compiled] = {}

        def do(batch: Sequence[Job]) -> None:
            with contextlib.suppress(CompileError):
                for job, compiled in zip(batch, self._children.compile(batch), strict=True):
                    key = cache_key(job)
                    if compiled.keep:
                        self._kept.put(key, compiled)
                    else:
                        unkept[key] = compiled

        if len(missing) >= _MIN_BATCH:
            with ThreadPoolExecutor(children) as pool:
                list(pool.map(do, [missing[start::children] for start in range(children)]))
        self._made_ahead = unkept

    def close(self) -> None:
        """End the child that stays for the next job, if one does."""
        self._children.close()


def cache_key(job: Job) -> str:
    """Return a digest of all that the bytecode depends on: sources, kernel, types, compiler."""
    return hashlib.sha256(_surroundings(job.btf_path) + msgspec.json.encode(job)).hexdigest()


@cache
def _surroundings(btf_path: str) -> bytes:
    """Return a digest of what does not change while the agent runs."""
    digest = hashlib.sha256()
    system = os.uname()
    for part in (system.release, system.version, system.machine, _bcc_version()):
        digest.update(part.encode() + b"\0")
    try:
        digest.update(hashlib.sha256(Path(btf_path).read_bytes()).digest())
    except OSError:
        # Read again for the error that says what is needed.
        Btf.read(Path(btf_path))
        raise BtfError(f"{btf_path}: unreadable at one time, readable at another") from None
    for package in ("osmia_api", "osmia_bpf"):
        for name, content in sorted(_package_files(resources.files(package))):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    digest.update(Path(__file__).with_name("compile_child.py").read_bytes())
    return digest.digest()


def _package_files(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Return the sources below a package's folder, by their names."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _package_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".c", ".h", ".json")):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _bcc_version() -> str:
    """Tell compilers apart without loading one: by the package's file and its time."""
    for directory in sys.path:
        module = Path(directory) / "bcc" / "__init__.py"
        if module.is_file():
            return f"{module}:{module.stat().st_mtime_ns}"
    return "none"
