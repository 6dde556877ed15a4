from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Osmia, environment

PROGRAM = Path(sys.executable).with_name("osmia")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_name_the_program_and_parse(osmia: Osmia, shell: str) -> None:
    result = osmia("completion", shell)
    assert result.returncode == 0
    assert b"_OSMIA_COMPLETE" in result.stdout
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=result.stdout, check=True)


def test_another_shell_is_an_error(osmia: Osmia) -> None:
    result = osmia("completion", "csh")
    assert result.returncode == 1
    assert b"'csh' is not one of 'bash', 'zsh', 'fish'" in result.stderr


@pytest.mark.skipif(not PROGRAM.exists(), reason="the program is not installed beside Python")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("osmia trac", {"tracingpolicy"}),
        ("osmia tp set", {"set-mode"}),
        ("osmia getevents --reconn", {"--reconnect", "--reconnect-wait"}),
        ("osmia loglevel set w", {"warning", "warn"}),
    ],
)
def test_bash_completes_commands_options_and_values(words: str, completed: set[str]) -> None:
    script = f"""
source <("{PROGRAM}" completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_osmia_completion "{PROGRAM}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    result = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env=environment(PATH=f"{PROGRAM.parent}:/usr/bin:/bin"),
        check=True,
    )
    assert set(result.stdout.split()) == completed


@pytest.mark.parametrize(
    "words",
    [
        "osmia tp add p",
        "osmia tp modify p",
        "osmia policy check p",
        "osmia top p",
        "osmia getevents --tls-key-file p",
        "osmia status --kubeconfig p",
    ],
)
def test_files_are_completed(osmia: Osmia, words: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    result = osmia(_OSMIA_COMPLETE="bash_complete", **asked)
    assert result.stdout == b"file,p\n"


@pytest.mark.skipif(not PROGRAM.exists(), reason="the program is not installed beside Python")
@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
@pytest.mark.parametrize(
    ("words", "completed"),
    [("osmia trac", {"tracingpolicy"}), ("osmia loglevel set w", {"warning", "warn"})],
)
def test_fish_completes_commands_and_values(words: str, completed: set[str]) -> None:
    script = f'osmia completion fish | source; complete -C "{words}"'
    result = subprocess.run(
        ["fish", "-c", script],
        capture_output=True,
        text=True,
        env=environment(PATH=f"{PROGRAM.parent}:/usr/bin:/bin"),
        check=True,
    )
    assert {line.partition("\t")[0] for line in result.stdout.splitlines()} == completed
