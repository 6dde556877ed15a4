"""A node with real containers: runc, a real API server with the pods' objects, a real agent.

They need root, runc and this kernel's BPF. Where one is missing the tests are skipped with the
reason, except in CI, where that is a failure.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from tests.bpf.agent import Agent
from tests.cluster.api_server import ApiServer, build
from tests.cluster.kubectl import UnavailableError
from tests.containers.node import Node
from tests.containers.runtime import BUSYBOX, root_filesystem

if TYPE_CHECKING:
    from pathlib import Path

NODE = "gke-john-632-default-pool-7041cac0-9s95"


@pytest.fixture(scope="session", autouse=True)
def possible():
    """Whether containers can run here."""
    try:
        check_privileges()
        if shutil.which("runc") is None or not BUSYBOX.exists():
            raise UnavailableError("runc and busybox-static are not installed")
    except (MissingPrivilegeError, OSError, UnavailableError) as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kubeconfig():
    """Kubeconfig of an API server."""
    try:
        server = ApiServer(build())
    except UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield server.kubeconfig
    server.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory) -> Path:
    return root_filesystem(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def bpf_lib(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bpf-lib")
    if kept := os.environ.get("OSMIA_TEST_BYTECODE"):
        (folder / "programs").symlink_to(kept)
    return folder


@pytest.fixture
def node(tmp_path, kubeconfig, root):
    """A node without pods, and nothing running on it."""
    client = KubeClient(find_connection(str(kubeconfig)), "containers-test")
    with Node(client, tmp_path, root, NODE) as running:
        yield running


@pytest.fixture
def start_agent(tmp_path, bpf_lib, kubeconfig, monkeypatch):
    """Start the agent of the node with further options."""
    agents = []

    def start(*options: str) -> Agent:
        monkeypatch.setenv("NODE_NAME", NODE)
        folder = tmp_path / f"agent-{len(agents)}"
        folder.mkdir()
        kubernetes = ("--enable-k8s-api", "--kubeconfig", str(kubeconfig))
        agent = Agent(folder, bpf_lib, *kubernetes, *options)
        agents.append(agent)
        agent.start()
        return agent

    yield start
    for agent in agents:
        agent.stop()
