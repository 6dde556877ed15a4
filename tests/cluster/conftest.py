"""A real API server for the session, and a fresh namespace in it for each test.

`OSMIA_TEST_KUBECONFIG` names another cluster to use instead. Where none can be had the tests are
skipped, except in CI, where that is a failure.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cluster.api_server import ApiServer, build, other_cluster
from tests.cluster.cluster import ROOT, Cluster, running
from tests.cluster.kubectl import UnavailableError, kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def kubeapi() -> Path:
    """Binary of the API server."""
    try:
        kubectl()
        return build()
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Kubeconfig of a cluster that knows the custom resources."""
    server = None
    path = other_cluster()
    if path is None:
        server = ApiServer(request.getfixturevalue("kubeapi"))
        path = server.kubeconfig
    install_crds(path)
    yield path
    if server is not None:
        server.close()


@pytest.fixture
def own_server(kubeapi: Path, request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """An API server for one test alone; a parameter gives it flags."""
    server = ApiServer(kubeapi, *getattr(request, "param", ()))
    yield server
    server.close()


@pytest.fixture
def own_cluster(own_server: ApiServer, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for one test alone, which does not know the custom resources yet."""
    yield from running(own_server.kubeconfig, tmp_path, clear=False)


def install_crds(kubeconfig: Path) -> None:
    base = [kubectl(), "--kubeconfig", str(kubeconfig)]
    crds = str(ROOT / "crds")
    subprocess.run([*base, "apply", "--server-side", "-f", crds], check=True, capture_output=True)
    wait = ["wait", "--for=condition=Established", "--timeout=30s", "-f", crds]
    subprocess.run([*base, *wait], check=True, capture_output=True)


@pytest.fixture
def cluster(kubeconfig: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A namespace of its own, with nothing in it."""
    yield from running(kubeconfig, tmp_path, clear=True)
