"""What a guest is asked to do, and what QEMU and its kernel are told for it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.kernels.kernel import BootFiles, Kernel

UP = "osmia: up"
"""What a guest writes to its console when it has booted."""
_TCG_SLOWDOWN = 20


class Cgroups(Enum):
    """What is mounted on /sys/fs/cgroup."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"


@dataclass(frozen=True)
class Hardware:
    """The machine that a guest sees."""

    cpus: int = 2
    memory_mib: int = 2048
    kvm: bool = False
    count_instructions: bool = False
    """Its clock goes on by 1 ns with each instruction, whatever this machine is busy with."""

    @property
    def slowdown(self) -> int:
        """How much longer than on real hardware a test has to be ready to wait."""
        return 1 if self.kvm else _TCG_SLOWDOWN


@dataclass(frozen=True)
class Job:
    """A command for a guest, run as root in the project's folder."""

    command: tuple[str, ...]
    time_limit_s: int
    cgroups: Cgroups = Cgroups.V2
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Disks:
    """The images of a guest's disks, in their order. All but `exchange` stay as they are."""

    root: Path
    modules: Path
    project: Path
    exchange: Path


def job_settings(job: Job, *, kernel: Kernel, project: Path) -> str:
    """Return the settings that the guest's script reads, in the shell's language."""
    environment = [f"{name}={value}" for name, value in job.environment.items()]
    values = {
        "CGROUP": job.cgroups.value,
        # One word is a line for the shell; several are a program and its arguments.
        "COMMAND": shlex.quote(
            job.command[0] if len(job.command) == 1 else shlex.join(job.command)
        ),
        "HOST": f"osmia-{kernel.version.replace('.', '-')}",
        "PROJECT": shlex.quote(str(project)),
        "TIME_LIMIT_S": str(job.time_limit_s),
        "UP": shlex.quote(UP),
        "ENVIRONMENT": f"({shlex.join(environment)})",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def kernel_arguments(kernel: Kernel) -> str:
    """Return the kernel's command line."""
    parts = (
        *("console=ttyS0", "mitigations=off"),
        # What follows an oops proves nothing: end there.
        *("panic=-1", "oops=panic"),
        # An emulated processor on a busy machine looks stuck and is not.
        *("nowatchdog", "rcupdate.rcu_cpu_stall_suppress=1"),
        kernel.arguments,
    )
    return " ".join(parts).strip()


def qemu_command(
    program: tuple[str, ...],
    kernel: Kernel,
    files: BootFiles,
    hardware: Hardware,
    disks: Disks,
    console: Path,
    compile_socket: Path,
) -> list[str]:
    """Return the command that boots a guest; its standard output is the guest's ttyS1."""
    return [
        # Ends with the process that started it, and leaves others their share of the CPUs.
        *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10"),
        *program,
        *_processors(hardware),
        *("-m", str(hardware.memory_mib)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{console}", "-serial", "stdio"),
        *("-chardev", f"socket,id=compile,path={_quoted(compile_socket)}"),
        *("-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=compile,name=osmia.compile"),
        *("-kernel", str(files.image), "-initrd", str(files.initramfs)),
        *("-append", kernel_arguments(kernel)),
        *_drive(disks.root),
        *_drive(disks.modules),
        *_drive(disks.project),
        *_drive(disks.exchange, keep=True),
    ]


def _processors(hardware: Hardware) -> list[str]:
    if hardware.count_instructions:
        return [
            *("-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1"),
            *("-icount", "shift=0,sleep=on"),
        ]
    if hardware.kvm:
        return ["-accel", "kvm", "-cpu", "host", "-smp", str(hardware.cpus)]
    return ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(hardware.cpus)]


def _drive(image: Path, *, keep: bool = False) -> list[str]:
    snapshot = "off" if keep else "on"
    options = f"file={_quoted(image)},format=raw,if=virtio,cache=unsafe,snapshot={snapshot}"
    return ["-drive", options]


def _quoted(path: Path) -> str:
    # A comma in a path is doubled, or it would begin another option.
    return str(path).replace(",", ",,")
