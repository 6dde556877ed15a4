"""Streams of the gRPC API: to one subscriber, beside a bare grpcio stream of the same messages; to
several at 2,000 events a second.

Rates are of wall time, which others on the machine share: only the ratio within a run says much.
The bare stream runs beside an agent without subscribers that replays at the same pace, so both
servers have the same load beside them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_events.json_encoder import JsonEncoder
from osmia_events.protobuf import to_protobuf
from tests.bench.agent_figures import Figure
from tests.bench.corpus import Corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osmia_events.model import Event

_EVENTS = 20_000
_PROCESSES = 100
"""That the events are of; no node starts thousands of processes a second for long."""
_PACED_EVENTS = 5000
_PACE = 2000
_WARM_S, _STUCK_S, _STUCK_PACE = 15, 60, 1000
_QUEUE = 10_000
_QUEUE_MB = 33.6
"""The agent's own bounds of a queue."""
_GET_EVENTS = "/tetragon.FineGuidanceSensors/GetEvents"

_CLIENT = """
import sys, time, grpc
address, method, streams = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    call = channel.unary_stream(method)
    first, *others = [call(b"", wait_for_ready=True) for _ in range(int(streams))]
    for stream in (first, *others):
        stream.initial_metadata()
    print(flush=True)
    next(first)
    started = time.perf_counter()
    count, last = 0, started
    for _ in first:
        count, last = count + 1, time.perf_counter()  # the stream's own end may take a while
    rate = count / (last - started)
    print(rate, count + 1 + sum(1 for stream in others for _ in stream))
"""
_PROGRAM = """
import sys
from osmia_cli.main import main
sys.argv[1:] = ["-d", "--server-address", sys.argv[1], "getevents", "-o", "json"]
sys.exit(main())
"""
_SUBSCRIBED_AFTER_S = 1.0
_BARE_SERVER = """
import sys, grpc
from concurrent.futures import ThreadPoolExecutor
path, address = sys.argv[1:]
data, messages = open(path, "rb").read(), []
while data:
    size = int.from_bytes(data[:4], "big")
    messages.append(data[4:4 + size])
    data = data[4 + size:]
    if len(messages) == 1000:
        break
def stream(request, context):
    context.send_initial_metadata(())
    for number in range(int(COUNT)):
        yield messages[number % len(messages)]
server = grpc.server(ThreadPoolExecutor())
method = grpc.unary_stream_rpc_method_handler(stream)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"C": method}),))
server.add_insecure_port(address)
server.start()
server.wait_for_termination()
""".replace("COUNT", str(_EVENTS))
"""Of threads, as the gateway: grpc.aio takes half as long again from message to message."""


def figures() -> Iterator[Figure]:
    """Measure all."""
    corpus = Corpus()
    families = [corpus.family() for _ in range(_PROCESSES)]
    events = [corpus.kprobe_event(*families[at % _PROCESSES]) for at in range(_EVENTS)]
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name:
        folder = Path(name)
        pace = int(_bare(folder, events, 0))
        bare = _bare(folder, events, pace)
        rate, count = _agent(folder, events, pace)[0]
        yield Figure("bare stream, messages in a second", bare, "/s", 1e9)
        yield Figure("the agent's to one subscriber", rate, "/s", 1e9)
        yield Figure("bare by the agent's (1.25 is 80 %)", bare / rate, "", 1.25)
        yield Figure(f"lost of {_EVENTS}", _EVENTS - count, "", 0)
        rate, count = _agent(folder, list(Corpus().mixed_events(_EVENTS)), pace)[0]
        yield Figure("the same, each event of a new process", rate, "/s", 1e9)
        yield Figure(f"lost of {_EVENTS}", _EVENTS - count, "", 0)
        rate, count = _command_line(folder, events, pace)
        yield Figure("osmia getevents -o json, events in a second", rate, "/s", 1e9)
        yield Figure("bare by that", bare / rate, "", 1.25)
        yield Figure("lost by it", _EVENTS - count, "", 0)
        paced = events[:_PACED_EVENTS]
        results = _agent(folder, paced, _PACE, clients=5)
        lost = sum(len(paced) - count for _, count in results)
        slowest = min(rate for rate, _ in results)
        yield Figure(f"lost by 5 subscribers at {_PACE} a second", lost, "", 0)
        yield Figure("that pace by the slowest of them", _PACE / slowest, "", 1.05)
        yield from _stuck(folder, events)
        few = events[:200]
        [(_, count)] = _agent(folder, few, 0, streams=100)
        yield Figure("lost by 100 subscribers", 100 * len(few) - count, "", 0)


def _stuck(folder: Path, events: Sequence[Event]) -> Iterator[Figure]:
    """Measure what a subscriber costs that does not read for a minute, beside one that does."""
    one_second = b"".join(map(JsonEncoder().encode, events[:_STUCK_PACE]))
    with _replaying(folder, _QUEUE, _STUCK_PACE) as agent:
        gateway = _children(agent.pid)[0]
        reading = _client(f"unix:{folder}/s", _GET_EVENTS)
        assert agent.stdin is not None
        for _ in range(_WARM_S):  # a pipe takes no more than is replayed
            agent.stdin.write(one_second)
        before = [_resident_bytes(pid) for pid in (agent.pid, gateway)]
        stuck = _client(f"unix:{folder}/s", _GET_EVENTS)
        stuck.send_signal(signal.SIGSTOP)
        for _ in range(_STUCK_S):
            agent.stdin.write(one_second)
        after = [_resident_bytes(pid) for pid in (agent.pid, gateway)]
        stuck.send_signal(signal.SIGCONT)
        agent.stdin.close()
        lost = (_WARM_S + _STUCK_S) * _STUCK_PACE - _result(reading)[1]
        stuck.communicate()
    agents, gateways = ((now - then) / 1e6 for then, now in zip(before, after, strict=True))
    yield Figure(f"lost beside one stuck for {_STUCK_S} s", lost, "", 0)
    yield Figure("memory of the agent for its queue", agents, " MB", _QUEUE_MB)
    yield Figure("memory of the gateway for it", gateways, " MB", 2)


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _bare(folder: Path, events: Sequence[Event], pace: int) -> float:
    """Return the rate of a server that does nothing else, beside an agent that has such a pace."""
    path = folder / "messages"
    encoded = [to_protobuf(event) for event in events[:1000]]
    path.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in encoded))
    address = f"unix:{folder}/bare"
    server = subprocess.Popen([sys.executable, "-c", _BARE_SERVER, path, address])
    try:
        with _replaying(folder, len(events), pace) if pace else contextlib.nullcontext() as agent:
            client = _client(address, "/a.B/C")
            if agent is not None:
                _feed(agent, events)
            return _result(client)[0]
    finally:
        server.kill()
        server.wait()


_numbers = itertools.count()


@contextlib.contextmanager
def _replaying(folder: Path, queue: int, pace: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an agent on the socket `s` of the folder; it ends when it has nothing more to replay."""
    run_dir = folder / str(next(_numbers))
    command = [
        *(sys.executable, "-m", "osmia_agent.main", "--replay", "-"),
        *("--replay-rate", str(pace or 1_000_000), "--run-dir", str(run_dir)),
        *("--server-address", f"unix://{folder}/s", "--event-queue-size", str(queue)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as agent:
        assert agent.stderr is not None
        while b"ready after" not in agent.stderr.readline():
            pass
        yield agent


def _feed(agent: subprocess.Popen[bytes], events: Sequence[Event]) -> None:
    assert agent.stdin is not None
    agent.stdin.write(b"".join(map(JsonEncoder().encode, events)))
    agent.stdin.close()


def _agent(
    folder: Path, events: Sequence[Event], pace: int, *, clients: int = 1, streams: int = 1
) -> list[tuple[float, int]]:
    """Replay events to subscribers; return the rate and number of events of each client."""
    with _replaying(folder, len(events), pace) as agent:
        started = [_client(f"unix:{folder}/s", _GET_EVENTS, streams) for _ in range(clients)]
        _feed(agent, events)
        return [_result(client) for client in started]


def _command_line(folder: Path, events: Sequence[Event], pace: int) -> tuple[float, int]:
    """Return the rate and number of lines of the command, read through a pipe."""
    with _replaying(folder, len(events), pace) as agent:
        command = [sys.executable, "-c", _PROGRAM, f"unix://{folder}/s"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as reader:
            assert reader.stdout is not None
            assert reader.stderr is not None
            reader.stderr.readline()  # tells that the stream was opened
            time.sleep(_SUBSCRIBED_AFTER_S)
            feeding = threading.Thread(target=_feed, args=(agent, events))
            feeding.start()  # beside: what nobody reads would stop the command, not the agent
            count, started = 0, 0.0
            for _ in reader.stdout:
                count += 1
                last = time.perf_counter()
                started = started or last
            feeding.join()
            return (count - 1) / (last - started), count


def _client(address: str, method: str, streams: int = 1) -> subprocess.Popen[str]:
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, address, method, str(streams)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    client.stdout.readline()
    return client


def _result(client: subprocess.Popen[str]) -> tuple[float, int]:
    output, _ = client.communicate()
    rate, count = output.split()
    return float(rate), int(count)
