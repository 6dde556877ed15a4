"""The seccomp profile that containerd gives a container whose Pod asks for RuntimeDefault.

Read out of containerd's own source, as Debian packages it: who may call what, by capability.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

_PACKAGE = "golang-github-containerd-containerd-dev"
_SOURCE = "usr/share/gocode/src/github.com/containerd/containerd/contrib/seccomp/seccomp_default.go"
# New namespaces, by clone's first argument: mount, cgroup, UTS, IPC, user, pid, network.
_NAMESPACES = 0x00020000 | sum(1 << bit for bit in range(25, 31))


def source() -> str:
    """Return the text of the profile's source. Raises OSError or CalledProcessError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "osmia-tests"
    path = cache / "containerd" / _SOURCE
    if not path.exists():
        partial = cache / f"containerd.{os.getpid()}"
        partial.mkdir(parents=True)
        try:
            command = ["apt-get", "download", "--quiet=2", _PACKAGE]
            subprocess.run(command, cwd=partial, check=True, capture_output=True)
            (package,) = partial.glob("*.deb")
            unpack = ["dpkg-deb", "--extract", package.name, "."]
            subprocess.run(unpack, cwd=partial, check=True, capture_output=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            (partial / _SOURCE).rename(path)
        finally:
            shutil.rmtree(partial)
    return path.read_text()


def runtime_default(capabilities: list[str], text: str | None = None) -> dict[str, Any]:
    """Return the profile, as in runc bundles, for a container with these capabilities."""
    text = source() if text is None else text
    always, _, by_condition = text.partition("// include by kernel version")
    by_condition = by_condition.partition("if !admin")[0]
    cases = {
        label: block
        for labels, block in re.findall(
            r'case ((?:"\w+",? ?)+):(.*?)(?=\n\t+case |\n\t}\n)', by_condition, re.DOTALL
        )
        for label in re.findall(r'"(\w+)"', labels)
    }
    first, *personalities = re.findall(r"Names:\s+\[\]string{(.*?)}", always, re.DOTALL)
    allowed = _words(first) | {"ptrace"} | _words(cases["amd64"])
    for capability in capabilities:
        allowed |= _words(cases.get(capability, ""))
    values = re.findall(r"Value: (0x\w+)", always)
    assert len(values) == len(personalities)
    syscalls = [
        {"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"},
        *(_if_argument("personality", int(value, 16), "SCMP_CMP_EQ") for value in values),
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
    ]
    if "CAP_SYS_ADMIN" not in capabilities:
        syscalls.append(_if_argument("clone", _NAMESPACES, "SCMP_CMP_MASKED_EQ"))
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": syscalls,
    }


def _words(block: str) -> set[str]:
    return {word for word in re.findall(r'"(\w+)"', block) if not word.startswith("CAP_")}


def _if_argument(name: str, value: int, operator: str) -> dict[str, Any]:
    test = {"index": 0, "value": value, "valueTwo": 0, "op": operator}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [test]}
