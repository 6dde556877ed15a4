"""Live tests: the real agent, this kernel, real programs.

They need root. On a developer's machine without it they are skipped with the reason; in CI (the
variable CI is set) that is a failure, since a test that is never run is no test.
"""

import os
import subprocess
from pathlib import Path

import pytest

from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges
from tests.bpf.agent import Agent

PROGRAMS = Path(__file__).parent / "programs"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    try:
        check_privileges()
    except (MissingPrivilegeError, OSError) as error:
        if os.environ.get("CI"):
            pytest.exit(f"BPF tests cannot run here, and in CI they must: {error}", returncode=1)
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=str(error)))


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """Folder of the compiled C programs."""
    folder = tmp_path_factory.mktemp("programs")
    folder.chmod(0o755)
    for source in PROGRAMS.glob("*.c"):
        options = ["-nostdlib", "-static"] if source.stem == "exit_zero" else ["-pthread"]
        target = folder / source.stem
        subprocess.run(["gcc", "-O2", "-Wall", *options, "-o", target, source], check=True)
    return folder


@pytest.fixture(scope="session")
def bpf_lib(tmp_path_factory):
    """Where all agents of a session keep compiled programs, so that each is compiled once."""
    return tmp_path_factory.mktemp("bpf-lib")


@pytest.fixture(scope="session")
def agent_of_session(tmp_path_factory, bpf_lib):
    with Agent(tmp_path_factory.mktemp("agent"), bpf_lib) as running:
        yield running


@pytest.fixture
def agent(agent_of_session):
    """An agent with default options, and the events of this test."""
    agent_of_session.forget()
    return agent_of_session


@pytest.fixture(scope="session")
def full_agent_of_session(tmp_path_factory, bpf_lib):
    with Agent(
        tmp_path_factory.mktemp("full"),
        bpf_lib,
        "--enable-process-cred",
        "--enable-process-ns",
        "--enable-ancestors=base",
        "--enable-process-environment-variables",
        "--username-metadata=unix",
        "--cluster-name=test-cluster",
    ) as running:
        yield running


@pytest.fixture
def full_agent(full_agent_of_session):
    """An agent with every option that adds fields, and the events of this test."""
    full_agent_of_session.forget()
    return full_agent_of_session
