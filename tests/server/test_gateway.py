"""The process that speaks gRPC for the agent: it may die, and never outlives the agent."""

import contextlib
import os
import re
import signal
import socket
import threading
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osmia_agent.gateway.privileges import KEPT
from tests.bpf.agent import wait_until
from tests.server.replayed import ReplayedAgent, exec_event


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        return float(re.search(rf"^{name} (\S+)$", page.read().decode(), re.MULTILINE)[1])


def test_it_is_started_anew_if_it_dies_and_the_outage_is_counted(tmp_path, generated):
    port = free_port()
    with ReplayedAgent(tmp_path, "--metrics-server", f"127.0.0.1:{port}") as agent:
        request = generated.events.GetEventsRequest()
        first = agent.gateway()
        with grpc.insecure_channel(agent.address) as channel:
            stream = generated.sensors_grpc.FineGuidanceSensorsStub(channel).GetEvents(request)
            stream.initial_metadata()
            agent.feed(exec_event(1))
            assert next(stream).process_exec.process.pid.value == 1
            wait_until(lambda: metric(port, "osmia_stream_events_sent_total") == 1, 30, "its count")
            os.kill(first, signal.SIGKILL)
            with pytest.raises(grpc.RpcError) as error:
                next(stream)
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        wait_until(lambda: agent.gateway() not in {None, first}, 30, "another gateway")
        wait_until(lambda: metric(port, "osmia_grpc_gateway_restarts_total") == 1, 30, "its count")
        agent.feed(exec_event(2))  # nobody listens
        with grpc.insecure_channel(agent.address) as channel:
            stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
            stream = stub.GetEvents(request, wait_for_ready=True)
            stream.initial_metadata()
            agent.feed(exec_event(3))
            assert next(stream).process_exec.process.pid.value == 3
            wait_until(lambda: metric(port, "osmia_stream_events_sent_total") == 2, 30, "its count")
            stream.cancel()
        wait_until(lambda: metric(port, "osmia_stream_subscribers") == 0, 30, "the stream's end")
        names = ("sent", "filtered", "lost", "failed")
        counts = {name: metric(port, f"osmia_stream_events_{name}_total") for name in names}
        assert counts == {"sent": 2, "filtered": 0, "lost": 0, "failed": 0}
        assert metric(port, "osmia_stream_events_read_total") == 2
        assert "it is started anew" in agent.log()
        assert agent.end() == 0
        assert not any(agent.run_dir.iterdir())


def test_it_does_not_outlive_an_agent_that_is_killed(tmp_path):
    with ReplayedAgent(tmp_path) as agent:
        gateway = Path(f"/proc/{agent.gateway()}")
        os.kill(int(gateway.name), signal.SIGTERM)  # of no effect: that is the agent's business
        agent.process.kill()
        agent.process.wait()
        wait_until(lambda: not (gateway / "exe").exists(), 30, "the gateway's end")
        assert not (agent.run_dir / "s").exists()


def test_it_has_none_of_the_agents_rights_in_the_kernel(agent):
    tasks = list(Path(f"/proc/{agent.gateway()}/task").iterdir())
    assert len(tasks) > 1
    for task in tasks:
        status = dict(
            line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line
        )
        for name in ("CapEff", "CapPrm", "CapInh"):
            assert int(status[name], 16) & ~KEPT == 0
        assert int(status["NoNewPrivs"]) == 1


def test_who_waits_for_nothing_does_not_hold_up_the_end(agent):
    with grpc.insecure_channel(agent.address) as channel:
        over = threading.Event()
        silent = channel.stream_stream("/tetragon.FineGuidanceSensors/GetVersion")
        call = silent(over.wait(60) and b"" for _ in range(1))
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(9) == 0  # it gives streams of events 10 s
        assert [each.status for each in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        assert call.code() is not None
        over.set()


def test_health_is_honest_when_the_agent_is_silent(tmp_path):
    options = ("--health-server-interval", "1")
    with ReplayedAgent(tmp_path, *options) as agent, grpc.insecure_channel(agent.address) as opened:
        health = health_pb2_grpc.HealthStub(opened)

        def status():
            return health.Check(health_pb2.HealthCheckRequest(), timeout=10).status

        serving = health_pb2.HealthCheckResponse.SERVING
        wait_until(lambda: status() == serving, 10, "a healthy agent")
        agent.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: status() != serving, 30, "an agent that says nothing")
        agent.process.send_signal(signal.SIGCONT)
        wait_until(lambda: status() == serving, 10, "an agent that is back")


def test_a_client_that_connects_again_gets_nothing_twice_and_misses_only_the_outage(
    tmp_path, generated
):
    """Each stream is without a gap, whatever happens to the process in front of it."""
    port = free_port()
    streams, is_over = [], threading.Event()
    with ReplayedAgent(tmp_path, "--metrics-server", f"127.0.0.1:{port}") as agent:

        def follow():
            while not is_over.is_set():
                found = []
                streams.append(found)
                with grpc.insecure_channel(agent.address) as channel:
                    stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
                    request = generated.events.GetEventsRequest()
                    stream = stub.GetEvents(request, wait_for_ready=True)
                    with contextlib.suppress(grpc.RpcError):  # it broke
                        found.extend(each.process_exec.process.pid.value for each in stream)

        following = threading.Thread(target=follow)
        following.start()
        fed = 0

        def feed():  # at a rate that a client keeps up with
            nonlocal fed
            agent.feed(*map(exec_event, range(fed + 1, fed + 101)))
            fed += 100
            time.sleep(0.05)

        for _ in range(2):
            gateway, begun = agent.gateway(), len(streams)
            while not streams or len(streams[-1]) < 1000:
                feed()
            os.kill(gateway, signal.SIGKILL)
            while len(streams) == begun or not streams[-1]:  # the outage
                feed()
        is_over.set()
        wait_until(lambda: metric(port, "osmia_stream_events_queued") == 0, 30, "all to be sent")
        names = ("read", "sent", "filtered", "lost", "failed")
        counts = {name: metric(port, f"osmia_stream_events_{name}_total") for name in names}
        assert agent.end() == 0
        following.join(30)
    assert len(streams) == 3
    for stream in streams:
        assert stream == list(range(stream[0], stream[-1] + 1))
    assert all(before[-1] < after[0] for before, after in pairwise(streams))
    received = sum(map(len, streams))
    # What was on its way as the process died counts as lost, though some of it may have arrived.
    assert counts["read"] == counts["sent"] + counts["lost"] < fed
    assert counts["sent"] <= received <= counts["read"]
    assert (counts["filtered"], counts["failed"]) == (0, 0)
