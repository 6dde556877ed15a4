"""What runs in the kernel for every agent, and what others need to add to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.kernel.compiler import BytecodeCache, CachedCompiler, Job
from osmia_agent.kernel.probe import PROBED_FUNCTIONS
from osmia_agent.process.hierarchies import v1_controller
from osmia_agent.sensors.base import BaseSensor
from osmia_bpf.btf import VMLINUX
from osmia_bpf.function_ids import FunctionIdsRecipe
from osmia_bpf.programs import BaseSensorOptions

if TYPE_CHECKING:
    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.settings.model import Settings


def base_sensor(settings: Settings, procfs: ProcFs, compiler: CachedCompiler) -> BaseSensor:
    """Compile, load and attach the base sensor; records flow from here on.

    Raises `BtfError`, `CompileError` or `OSError`.
    """
    options = BaseSensorOptions(
        namespaces=settings.enable_process_ns or settings.username_metadata == "unix",
        environment=settings.enable_process_environment_variables,
        privileges=settings.enable_process_cred,
        cgroup_v1_controller=v1_controller(procfs.path),
    )
    job = Job(recipe=options, btf_path=str(btf_path(settings)))
    # Policies will ask for the ids; here they cost nothing, as the kernel's types are read anyway.
    compiled, _ = compiler.compile_all([job, function_ids_job(settings)])
    return BaseSensor.start(compiled, settings.rb_size)


def function_ids_job(settings: Settings) -> Job:
    """Return the job that finds what probing the kernel needs to know of its types."""
    return Job(recipe=FunctionIdsRecipe(PROBED_FUNCTIONS), btf_path=str(btf_path(settings)))


def cached_compiler(settings: Settings) -> CachedCompiler:
    """Return what makes all programs of an agent; its child serves whoever comes next."""
    return CachedCompiler(BytecodeCache(Path(settings.bpf_lib) / "programs"))


def btf_path(settings: Settings) -> Path:
    """Return the file with the kernel's types."""
    return Path(settings.btf) if settings.btf else VMLINUX
