"""Tests against the real agent as a process, by clients generated from the `.proto` files alone.

Streams are fed by `--replay -`, which needs no privileges.
"""

import contextlib
import importlib
import sys
from types import SimpleNamespace

import grpc
import pytest

from tests.server.generated import generate
from tests.server.replayed import ReplayedAgent

SERVICES = ("sensors", "eventlogservice")
FILES = ("tetragon", "events", "capabilities", "bpf", *SERVICES)


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Modules that protoc made: `generated.events` has messages, `.sensors_grpc` stubs."""
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    sys.path.insert(0, str(folder))
    try:
        modules = {name: importlib.import_module(f"tetragon.{name}_pb2") for name in FILES}
        for name in SERVICES:
            modules[f"{name}_grpc"] = importlib.import_module(f"tetragon.{name}_pb2_grpc")
        yield SimpleNamespace(**modules)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def agent(tmp_path):
    """A running agent that replays what a test writes to it."""
    with ReplayedAgent(tmp_path) as running:
        yield running


@pytest.fixture
def channel(agent):
    with grpc.insecure_channel(agent.address) as opened:
        yield opened


@pytest.fixture
def stub(channel, generated):
    return generated.sensors_grpc.FineGuidanceSensorsStub(channel)


@pytest.fixture
def subscribed(stub, generated):
    """Return a function that subscribes and returns the stream, once the agent knows it."""
    with contextlib.ExitStack() as stack:

        def subscribe(request=None, to=stub):
            call = to.GetEvents(request or generated.events.GetEventsRequest())
            stack.callback(call.cancel)
            call.initial_metadata()
            return call

        yield subscribe
