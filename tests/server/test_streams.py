"""Streams of events, as clients see them."""

import os
import threading
from pathlib import Path

import grpc
import pytest

from tests.bpf.agent import wait_until
from tests.server.replayed import ReplayedAgent, exec_event


def pids(stream, count=None):
    found = []
    for response in stream:
        found.append(response.process_exec.process.pid.value)
        if len(found) == count:
            break
    return found


def test_events_arrive_in_their_order_and_the_stream_ends_with_the_agent(agent, subscribed):
    stream = subscribed()
    agent.feed(*map(exec_event, range(1, 3001)))
    assert agent.process.poll() is None
    assert pids(stream, 3000) == list(range(1, 3001))
    agent.feed(exec_event(4000))
    assert agent.end() == 0
    assert pids(stream) == [4000]
    assert stream.code() == grpc.StatusCode.OK
    assert ("osmia-lost-events", "0") in stream.trailing_metadata()


def test_no_event_from_before_the_subscription(agent, subscribed):
    agent.feed(exec_event(1))
    first = subscribed()
    agent.feed(exec_event(2))
    assert pids(first, 1) == [2]
    second = subscribed()
    agent.feed(exec_event(3))
    assert pids(first, 1) == pids(second, 1) == [3]


def test_each_subscriber_has_its_own_filters_and_masks(agent, subscribed, generated):
    events = generated.events
    curl = events.GetEventsRequest()
    curl.allow_list.add().binary_regex.append("curl$")
    curl.field_filters.add().fields.paths.append("process.pid")
    others = events.GetEventsRequest()
    others.deny_list.add().binary_regex.append("curl$")
    others.field_filters.add(action="EXCLUDE").fields.paths.append("process.binary")
    streams = [subscribed(), subscribed(curl), subscribed(others)]
    agent.feed(exec_event(1), exec_event(2, "/bin/sh"), exec_event(3))
    agent.end()
    everything, curls, rest = (list(stream) for stream in streams)
    assert [each.process_exec.process.binary for each in everything] == [
        "/usr/bin/curl",
        "/bin/sh",
        "/usr/bin/curl",
    ]
    assert [each.process_exec.process.pid.value for each in curls] == [1, 3]
    assert {each.process_exec.process.binary for each in curls} == {""}
    assert {each.node_name for each in curls} == {"node-1"}
    assert [each.process_exec.process.exec_id for each in rest] == ["id-2"]
    assert rest[0].process_exec.process.binary == ""


def test_aggregation_options_are_accepted(agent, subscribed, generated):
    request = generated.events.GetEventsRequest()
    request.aggregation_options.window_size.seconds = 15
    request.aggregation_options.channel_buffer_size = 10
    stream = subscribed(request)
    agent.feed(exec_event(1))
    assert pids(stream, 1) == [1]


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("binary_regex", "(", 'allow_list[1].binary_regex[0]: missing closing ): "("'),
        ("labels", "a in web", "allow_list[1].labels[0]: "),
        ("cel_expression", "process_exec.nothing", "allow_list[1].cel_expression[0]: "),
        ("ancestor_binary_regex", "x[", "allow_list[1].ancestor_binary_regex[0]: "),
    ],
)
def test_bad_filters_are_told_with_place_and_reason(stub, generated, place, value, told):
    request = generated.events.GetEventsRequest()
    request.allow_list.add()
    getattr(request.allow_list.add(), place).append(value)
    with pytest.raises(grpc.RpcError) as error:
        next(stub.GetEvents(request))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details().startswith(told)


def test_bad_masks_are_told_with_place_and_reason(stub, generated):
    request = generated.events.GetEventsRequest()
    request.field_filters.add().fields.paths.extend(["process", "a..b"])
    with pytest.raises(grpc.RpcError) as error:
        next(stub.GetEvents(request))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == 'field_filters[0].fields: a field name is empty in path "a..b"'


def test_every_stream_is_redacted(tmp_path, generated):
    options = ("--redaction-filters", '{"redact": ["--password=(\\\\S+)"]}')
    with ReplayedAgent(tmp_path, *options) as agent, grpc.insecure_channel(agent.address) as opened:
        stub = generated.sensors_grpc.FineGuidanceSensorsStub(opened)
        request = generated.events.GetEventsRequest()
        # Filters see redacted text: they are no oracle for secrets.
        request.deny_list.add().arguments_regex.append("secret")
        stream = stub.GetEvents(request)
        stream.initial_metadata()
        agent.feed(exec_event(1, arguments="--password=secret -v"))
        assert next(stream).process_exec.process.arguments == "--password=***** -v"
        stream.cancel()


def test_streams_beyond_the_bound_are_refused(tmp_path, generated):
    options = ("--server-max-streams", "2")
    with ReplayedAgent(tmp_path, *options) as agent, grpc.insecure_channel(agent.address) as opened:
        stub = generated.sensors_grpc.FineGuidanceSensorsStub(opened)
        request = generated.events.GetEventsRequest()
        streams = [stub.GetEvents(request) for _ in range(2)]
        for stream in streams:
            stream.initial_metadata()
        with pytest.raises(grpc.RpcError) as error:
            next(stub.GetEvents(request))
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "--server-max-streams" in error.value.details()
        for stream in streams:
            stream.cancel()


def resident_bytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_a_subscriber_that_stops_reading_harms_nobody(tmp_path, generated):
    queue = 1000
    options = ("--event-queue-size", str(queue))
    with ReplayedAgent(tmp_path, *options) as agent:
        with (
            grpc.insecure_channel(agent.address, [("grpc.use_local_subchannel_pool", 1)]) as one,
            grpc.insecure_channel(agent.address, [("grpc.use_local_subchannel_pool", 1)]) as other,
        ):
            request = generated.events.GetEventsRequest()
            stubs = map(generated.sensors_grpc.FineGuidanceSensorsStub, (one, other))
            stuck, reading = [stub.GetEvents(request) for stub in stubs]
            stuck.initial_metadata()
            reading.initial_metadata()
            found = []

            def read():
                found.extend(e.process_exec.process.pid.value for e in reading)

            reader = threading.Thread(target=read)
            reader.start()
            arguments = "x" * 1000
            before = 0
            for end in range(501, 10_002, 500):
                pid_range = range(end - 500, end)
                agent.feed(*(exec_event(pid, arguments=arguments) for pid in pid_range))
                wait_until(lambda end=end: len(found) == end - 1, 60, "what was fed")
                if end == 2001:
                    before = resident_bytes(agent.process.pid)
            grown = resident_bytes(agent.process.pid) - before
            assert found == list(range(1, 10_001))
            assert grown < 2 * queue * 1100 + (8 << 20)  # its queue, and what an allocator keeps
            agent.process.stdin.close()
            left = pids(stuck)
            assert agent.process.wait(30) == 0
            reader.join(30)
        # The oldest are gone, the newest are there, and what is missing is counted.
        assert left[-queue:] == list(range(10_001 - queue, 10_001))
        lost = dict(stuck.trailing_metadata())["osmia-lost-events"]
        assert len(left) + int(lost) == 10_000


def test_a_hundred_subscribers(agent, subscribed, channel, generated):
    streams = [subscribed() for _ in range(100)]
    agent.feed(*map(exec_event, range(1, 51)))
    agent.end()
    assert all(pids(stream) == list(range(1, 51)) for stream in streams)
