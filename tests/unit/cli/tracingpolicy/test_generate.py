from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from osmia_api.tracing_policy.loading import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """
int helper(void) { return 1; }
int main(void) {
    __asm__ volatile("990: nop\\n"
        ".pushsection .note.stapsdt,\\"?\\",\\"note\\"\\n.balign 4\\n"
        ".4byte 992f-991f,994f-993f,3\\n991: .asciz \\"stapsdt\\"\\n992: .balign 4\\n"
        "993: .8byte 990b\\n.8byte 0\\n.8byte 0\\n"
        ".asciz \\"provider\\"\\n.asciz \\"probe\\"\\n.asciz \\"\\"\\n994: .balign 4\\n"
        ".popsection\\n");
    return helper();
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    assert compiler
    directory = tmp_path_factory.mktemp("program")
    (directory / "program.c").write_text(PROGRAM)
    path = directory / "program"
    subprocess.run([compiler, "-o", path, directory / "program.c"], check=True)
    return path


def test_empty(tetra: Callable[..., str]) -> None:
    assert tetra("tp", "generate", "empty").endswith("metadata:\n  name: empty\nspec: {}\n")


@pytest.mark.parametrize("kind", ["all-syscalls", "all-syscalls-list"])
def test_system_calls(tetra: Callable[..., str], kind: str) -> None:
    policy = load_policy(tetra("tp", "generate", kind, "-m", "/bin/x"))
    hooks = policy.spec.kprobes
    calls = {hook.call for hook in hooks} | {
        value for each in policy.spec.lists for value in each.values
    }
    assert {"sys_read", "sys_openat"} <= calls
    assert all(hook.selectors[0].match_binaries[0].values == ("/bin/x",) for hook in hooks)
    assert (len(hooks) == 1) is (kind == "all-syscalls-list")


def test_functions_of_a_file(tetra: Callable[..., str], program: Path) -> None:
    policy = load_policy(tetra("tp", "generate", "uprobes", "-b", str(program)))
    (hook,) = policy.spec.uprobes
    assert hook.path == str(program)
    assert {"main", "helper"} <= set(hook.symbols)


def test_static_probes_of_a_file(tetra: Callable[..., str], program: Path) -> None:
    policy = load_policy(tetra("tp", "generate", "usdts", "-b", str(program)))
    (hook,) = policy.spec.usdts
    assert (hook.path, hook.provider, hook.name) == (str(program), "provider", "probe")


@pytest.mark.parametrize("kind", ["uprobes", "usdts"])
def test_a_file_without_any_is_an_error(
    tetra: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "text"
    path.write_text("no code")
    error = tetra("tp", "generate", kind, "-b", str(path), status=1)
    assert error.startswith(f"Error: {path}: not a file of code (ELF): ")
