"""Facts about the machine, its kernel, its BPF programs and the agent's process."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_OF_STATUS = frozenset(
    {
        *("State", "Threads", "VmPeak", "VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem"),
        *("CapEff", "CapBnd", "Seccomp", "NoNewPrivs", "voluntary_ctxt_switches"),
        "nonvoluntary_ctxt_switches",
    }
)
_OF_MEMORY = frozenset({"MemTotal", "MemAvailable"})
_FILE_SYSTEMS = frozenset({"bpf", "cgroup", "cgroup2", "debugfs", "securityfs", "tracefs"})
_OF_PROGRAM = frozenset(
    {
        *("id", "type", "name", "tag", "gpl_compatible", "bytes_xlated", "jited", "bytes_jited"),
        *("bytes_memlock", "map_ids", "btf_id", "run_time_ns", "run_cnt", "recursion_misses"),
    }
)
_OF_MAP = frozenset(
    {
        *("id", "type", "name", "flags", "bytes_key", "bytes_value", "max_entries"),
        *("bytes_memlock", "btf_id", "frozen"),
    }
)
_BPFTOOL_TIMEOUT_S = 30.0


def versions() -> dict[str, str]:
    """Return versions of this program and what it runs on."""
    return {
        "osmia": version("osmia"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def system(proc: Path = _PROC) -> dict[str, Any]:
    """Return what the agent finds on this machine."""
    mounts = [line.split() for line in (proc / "mounts").read_text().splitlines()]
    modules = Path("/sys/kernel/security/lsm")
    return {
        "processors": os.cpu_count(),
        "memory": _selected(proc / "meminfo", _OF_MEMORY),
        "uptime_s": float((proc / "uptime").read_text().split()[0]),
        "file_systems": sorted({mount[2] for mount in mounts} & _FILE_SYSTEMS),
        "security_modules": modules.read_text().strip().split(",") if modules.exists() else [],
        "btf": Path("/sys/kernel/btf/vmlinux").exists(),
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
    }


def agent_process(pid: object, proc: Path = _PROC) -> dict[str, Any]:
    """Return what the agent takes of this machine. Raises LookupError without a process."""
    folder = proc / str(pid)
    if not isinstance(pid, int) or not folder.is_dir():
        raise LookupError
    return {
        **_selected(folder / "status", _OF_STATUS),
        "open_files": sum(1 for _ in (folder / "fd").iterdir()),
        "limits": _limits((folder / "limits").read_text()),
    }


def bpf_programs(bpftool: str | None) -> Any:
    """Return the kernel's BPF programs. Raises LookupError where there is no bpftool."""
    return _bpftool(bpftool, "prog", _OF_PROGRAM)


def bpf_maps(bpftool: str | None) -> Any:
    """Return the kernel's BPF maps, not what is in them. Raises LookupError without bpftool."""
    return _bpftool(bpftool, "map", _OF_MAP)


def _bpftool(path: str | None, what: str, wanted: frozenset[str]) -> Any:
    program = path or shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
    if program is None:
        raise LookupError
    result = subprocess.run(  # noqa: S603 - named by whoever calls, or found
        [program, "-j", what, "show"],
        capture_output=True,
        timeout=_BPFTOOL_TIMEOUT_S,
        check=False,
    )
    return [
        {name: value for name, value in entry.items() if name in wanted}
        for entry in json.loads(result.stdout)
    ]


def _selected(path: Path, wanted: frozenset[str]) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines if name in wanted}


def _limits(text: str) -> dict[str, str]:
    """Read names and soft limits, in columns of fixed width."""
    return {line[:26].strip(): line[26:47].strip() for line in text.splitlines()[1:]}
