"""The distribution as a release makes it: from a clean checkout to a source archive to a wheel.

What is in the wheel, and that it works where nothing else of the project is: in a virtual
environment that borrows only the dependencies of this one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
DESCRIPTORS = "osmia_events/proto/descriptors.binpb"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what a command prints; what it says when it fails is in the failure."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "OSMIA"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout


def checked_in() -> list[str]:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    for path in checked_in():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, checkout / path, follow_symlinks=False)
    run(sys.executable, "-m", "venv", "tools", cwd=folder)
    pip = (folder / "tools/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    try:
        run(*pip, "install", *PROJECT["build-system"]["requires"], cwd=folder)
    except AssertionError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"the tools that build cannot be installed: {error}")
    run(folder / "tools/bin/hatchling", "build", "-t", "sdist", "-d", folder, cwd=checkout)
    shutil.rmtree(checkout)
    archive = folder / f"osmia-{VERSION}.tar.gz"
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, archive, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"osmia-{VERSION}-py3-none-any.whl"
    expected = {
        PurePosixPath(path).relative_to(PurePosixPath(package).parent).as_posix()
        for package in PACKAGES
        for path in checked_in()
        if path.startswith(f"{package}/")
    }
    # A look at what is read at run time: were it moved, it would have to be named here.
    for data in (
        "osmia_bpf/c/exec.bpf.c",
        "osmia_bpf/c/policy/submit.h",
        "osmia_bpf/policy/syscalls.json",
        "osmia_events/compact/syscalls/x64.txt",
        "osmia_events/proto/tetragon/tetragon.proto",
        "osmia_agent/py.typed",
    ):
        assert data in expected
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    information = {name for name in held if name.startswith(f"osmia-{VERSION}.dist-info/")}
    assert held - information == expected | {DESCRIPTORS}
    assert f"osmia-{VERSION}.dist-info/licenses/LICENSE" in information
    assert not [name for name in held if re.search(r"(^|/)(tests?/|test_|conftest)", name)]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of a virtual environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--system-site-packages", "venv", cwd=folder)
    python = folder / "venv/bin/python"
    options = ("--disable-pip-version-check", "--quiet", "--no-deps", "--no-index")
    run(python, "-m", "pip", "install", *options, wheel, cwd=folder)
    # Dependencies are those of this environment. Its own .pth files, and with them the checkout,
    # are not read there.
    (site,) = (folder / "venv/lib").glob("python3*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    place = run(python, "-c", "import osmia_agent; print(osmia_agent.__file__)", cwd=folder)
    assert place.startswith(str(site))
    return folder / "venv/bin"


def test_commands_say_their_version_and_options(installed: Path, tmp_path: Path) -> None:
    for command in ("osmia", "tetra", "osmia-agent", "osmia-operator"):
        assert VERSION in run(installed / command, "--version", cwd=tmp_path)
    assert "--export-filename" in run(installed / "osmia-agent", "--help", cwd=tmp_path)


def test_the_operator_prints_the_definitions(installed: Path, tmp_path: Path) -> None:
    printed = list(yaml.safe_load_all(run(installed / "osmia-operator", "crds", cwd=tmp_path)))
    stored = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    names = [each["metadata"]["name"] for each in printed]
    assert sorted(names) == sorted(each["metadata"]["name"] for each in stored)
    assert all(each in printed for each in stored)


def test_a_recording_runs_through_the_agent_and_the_command_line(
    installed: Path, tmp_path: Path
) -> None:
    recording = ROOT / "examples/recordings/node.json"
    run(
        *(installed / "osmia-agent", "--replay", recording, "--replay-rate", "100000"),
        *("--export-filename", "events.json", "--server-address", "", "--metrics-server", ""),
        *("--run-dir", tmp_path / "run", "--health-server-address", ""),
        cwd=tmp_path,
    )
    events = (tmp_path / "events.json").read_text()
    assert len(events.splitlines()) == len(recording.read_text().splitlines())
    command = f"{installed}/osmia getevents -o compact < events.json"
    compact = run("sh", "-c", command, cwd=tmp_path)
    assert "🚀 process" in compact


def test_a_policy_becomes_programs(installed: Path, tmp_path: Path) -> None:
    """Snippets of C, tables of system calls: all that a policy is made of is there."""
    policies = sorted((ROOT / "examples/policies").glob("*.yaml"))
    answer = run(installed / "osmia", "policy", "check", *policies, cwd=tmp_path)
    assert policies
    assert all(f"{path}: {path.stem}\n" in answer for path in policies)
