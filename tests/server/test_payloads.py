"""No request harms the agent, whatever its bytes are.

The gateway passes requests on without looking into them. So most payloads are given to what reads
them in the agent, without a process between; some go the whole way.
"""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest

from osmia_agent.export import Rotation
from osmia_agent.gateway.link import Request, Status
from osmia_agent.policies.manager import PolicyKey
from osmia_agent.sensors.policy_status import PolicyError
from osmia_agent.server.calls import Call, Dispatcher, Method
from osmia_agent.server.debug import Debugging
from osmia_agent.server.event_log import event_log_methods
from osmia_agent.server.events_stream import EventStreams
from osmia_agent.server.policies import PolicyCalls
from osmia_agent.server.policy_store import PolicyStore
from osmia_agent.server.runtime_hook import RuntimeHook
from osmia_agent.server.sensors_service import description_methods
from osmia_agent.server.streams import StreamHub
from osmia_api.tracing_policy.loading import load_policy
from osmia_events import messages
from osmia_events.node_features import NodeFeatures
from tests.server.payloads import payloads
from tests.server.replayed import ReplayedAgent

READ = int(os.environ.get("OSMIA_TEST_PAYLOADS", "10000"))
"""Payloads of each message that are given to the agent's own reader."""
SENT = int(os.environ.get("OSMIA_TEST_SENT_PAYLOADS", "300"))
"""Payloads of each message that are sent; 10,000 take some minutes in all."""
IN_FLIGHT = 50
HARMLESS = frozenset(Status) - {Status.INTERNAL}


def methods():
    for name in ("FineGuidanceSensors", "EventLogService"):
        service = messages.service(name)
        for method in service.methods:
            yield service.full_name, method.name, method.input_type.name


METHODS = list(methods())


class ReadPolicies:
    """Policies that are read and kept, without a kernel that they could be loaded into."""

    def __init__(self):
        self.keys = set()

    def add(self, text, domain, *, mode=None):
        try:
            policy = load_policy(text)
        except ValueError as error:
            raise PolicyError(str(error)) from None
        key = PolicyKey(policy.metadata.name, policy.metadata.namespace or "", domain)
        self.keys.add(key)
        return key

    def remove(self, key):
        if key not in self.keys:
            raise PolicyError("there is no such policy")
        self.keys.discard(key)

    def enable(self, key):
        self.remove(key)
        self.keys.add(key)

    disable = enable

    def set_mode(self, key, mode):
        self.enable(key)

    def details(self):
        return []


class File:
    rotation = Rotation(1 << 20, timedelta(0), 5)


@pytest.fixture
def dispatcher(tmp_path):
    hub = StreamHub(100)
    kept = tmp_path / "kept"
    with ThreadPoolExecutor() as executor:

        async def get_info():
            return messages.GetInfoResponse()

        streams = EventStreams(hub, NodeFeatures(), executor, 1)
        policies = PolicyCalls(ReadPolicies(), executor, PolicyStore(kept), deprecated=True)
        level = logging.getLogger().level
        yield Dispatcher(
            {
                "tetragon.FineGuidanceSensors": {
                    "GetEvents": Method(stream=streams.serve),
                    **description_methods("1", get_info),
                    **policies.methods(),
                    **Debugging(executor, None, hub.redact_process, lambda _: None).methods(),
                    "RuntimeHook": Method(RuntimeHook(lambda _: True).answer, changes=True),
                },
                "tetragon.EventLogService": event_log_methods(File),
            }
        )
        logging.getLogger().setLevel(level)
        assert {each.parent for each in tmp_path.rglob("*.json")} <= {kept}
        assert hub.statistics().subscribers == 0


@pytest.mark.parametrize(("service", "method", "request_name"), METHODS)
def test_no_payload_is_more_than_refused(dispatcher, service, method, request_name):
    made = payloads(messages.message_class(request_name), READ, method)
    statuses = set()

    async def serve_all():
        began = asyncio.Event()

        async def write(_):
            pass

        async def serve(number, payload):
            request = Request(number, service, method, payload)
            return await dispatcher.serve(request, Call(begin=began.set, write=write))

        for number, payload in enumerate(made):
            if method != "GetEvents":
                statuses.add((await serve(number, payload)).status)
                continue
            began.clear()
            stream = asyncio.create_task(serve(number, payload))
            beginning = asyncio.create_task(began.wait())
            await asyncio.wait({stream, beginning}, return_when=asyncio.FIRST_COMPLETED)
            beginning.cancel()
            if stream.done():
                statuses.add(stream.result().status)
            else:
                statuses.add(Status.OK)
                stream.cancel()
                await asyncio.wait({stream})

    asyncio.run(serve_all())
    assert statuses <= HARMLESS
    assert Status.INVALID_ARGUMENT in statuses  # bytes that are no message


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    options = ("--server-max-calls", "1000000", "--export-filename", str(folder / "events.json"))
    with ReplayedAgent(folder, *options) as running:
        yield running


@pytest.mark.parametrize(("service", "method", "request_name"), METHODS)
def test_no_payload_that_is_sent_harms(agent, service, method, request_name):
    """Every one has an answer or a status; streams are cancelled once they have begun."""
    made = payloads(messages.message_class(request_name), SENT, method)
    codes = set()

    async def send_all():
        async with grpc.aio.insecure_channel(agent.address) as channel:
            path = f"/{service}/{method}"

            async def send(payload):
                if method == "GetEvents":
                    call = channel.unary_stream(path)(payload, timeout=60)
                    await call.initial_metadata()  # it is open, or has ended
                    call.cancel()
                else:
                    call = channel.unary_unary(path)(payload, timeout=60)
                codes.add(await call.code())

            async def send_some():
                for payload in made:
                    await send(payload)

            await asyncio.gather(*(send_some() for _ in range(IN_FLIGHT)))

    asyncio.run(send_all())
    assert grpc.StatusCode.INVALID_ARGUMENT in codes
    assert not codes & {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    assert agent.process.poll() is None
    assert "Traceback" not in agent.log()
