"""Streams of the gRPC API: to one subscriber, beside a bare grpcio stream of the same messages; to
several at 2,000 events a second.

Rates are of wall time, which others on the machine share: only the ratio within a run says much.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_events.json_encoder import JsonEncoder
from osmia_events.protobuf import to_protobuf
from tests.bench.agent_figures import Figure
from tests.bench.corpus import Corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osmia_events.model import Event

_EVENTS = 10_000
_PACED_EVENTS = 5000
_PACE = 2000
_GET_EVENTS = "/tetragon.FineGuidanceSensors/GetEvents"

_CLIENT = """
import sys, time, grpc
address, method = sys.argv[1:]
with grpc.insecure_channel(address) as channel:
    stream = channel.unary_stream(method)(b"", wait_for_ready=True)
    stream.initial_metadata()
    print(flush=True)
    next(stream)
    started = time.perf_counter()
    count = sum(1 for _ in stream)
    print(count / (time.perf_counter() - started), count + 1)
"""
_BARE_SERVER = """
import asyncio, sys, grpc
path, address = sys.argv[1:]
data, messages = open(path, "rb").read(), []
while data:
    size = int.from_bytes(data[:4], "big")
    messages.append(data[4:4 + size])
    data = data[4 + size:]
    if len(messages) == 1000:
        break
async def stream(request, context):
    await context.send_initial_metadata(())
    for number in range(int(COUNT)):
        yield messages[number % len(messages)]
async def main():
    server = grpc.aio.server()
    method = grpc.unary_stream_rpc_method_handler(stream)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"C": method}),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()
asyncio.run(main())
""".replace("COUNT", str(_EVENTS))


def figures() -> Iterator[Figure]:
    """Measure all."""
    events = list(Corpus().mixed_events(_EVENTS))
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name:
        folder = Path(name)
        bare = _bare(folder, events)
        (rate, count), *_ = _agent(folder, events, 1, 0)
        yield Figure("bare stream, messages in a second", bare, "/s", 1e9)
        yield Figure("the agent's to one subscriber", rate, "/s", 1e9)
        yield Figure("bare by the agent's (1.25 is 80 %)", bare / rate, "", 1.25)
        yield Figure(f"lost of {_EVENTS}", _EVENTS - count, "", 0)
        paced = events[:_PACED_EVENTS]
        results = _agent(folder, paced, 5, _PACE)
        lost = sum(len(paced) - count for _, count in results)
        yield Figure(f"lost by 5 subscribers at {_PACE} a second", lost, "", 0)
        few = events[:200]
        results = _agent(folder, few, 100, 0)
        total = sum(count for _, count in results)
        yield Figure("lost by 100 subscribers", 100 * len(few) - total, "", 0)


def _bare(folder: Path, events: Sequence[Event]) -> float:
    path = folder / "messages"
    encoded = [to_protobuf(event) for event in events[:1000]]
    path.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in encoded))
    address = f"unix:{folder}/bare"
    server = subprocess.Popen([sys.executable, "-c", _BARE_SERVER, path, address])
    try:
        client = _client(address, "/a.B/C")
        return _result(client)[0]
    finally:
        server.kill()
        server.wait()


_numbers = itertools.count()


def _agent(
    folder: Path, events: Sequence[Event], subscribers: int, rate: int
) -> list[tuple[float, int]]:
    """Replay events to subscribers; return the rate and number of events of each."""
    run_dir = folder / str(next(_numbers))
    command = [
        *(sys.executable, "-m", "osmia_agent.main", "--replay", "-"),
        *("--replay-rate", str(rate or 1_000_000), "--run-dir", str(run_dir)),
        *("--server-address", f"unix://{run_dir}/s", "--event-queue-size", str(len(events))),
    ]
    encode = JsonEncoder().encode
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as agent:
        assert agent.stdin is not None
        assert agent.stderr is not None
        while b"ready after" not in agent.stderr.readline():
            pass
        clients = [_client(f"unix:{run_dir}/s", _GET_EVENTS) for _ in range(subscribers)]
        agent.stdin.write(b"".join(map(encode, events)))
        agent.stdin.close()
        return [_result(client) for client in clients]


def _client(address: str, method: str) -> subprocess.Popen[str]:
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, address, method], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    client.stdout.readline()
    return client


def _result(client: subprocess.Popen[str]) -> tuple[float, int]:
    output, _ = client.communicate()
    rate, count = output.split()
    return float(rate), int(count)
