import pytest

from tests.bpf.policy.node import Node


@pytest.fixture(scope="session")
def node_of_session(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("programs"))
    yield node
    node.close()


@pytest.fixture
def node(node_of_session):
    """A node without policies."""
    yield node_of_session
    node_of_session.clear()


@pytest.fixture
def needs(node_of_session):
    """Skip a test where the kernel lacks a feature."""

    def check(*features):
        missing = set(features) - node_of_session.features
        if missing:
            pytest.skip(f"this kernel has no {', '.join(sorted(missing))}")

    return check
