"""The whole command `osmia getevents`, to /dev/null: CPU time of the child process.

From a file, and from a server of gRPC, beside a client that does nothing with the same messages.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import Event
from osmia_events.protobuf import to_protobuf
from tests.bench.corpus import Corpus
from tests.bench.measure import Case, Run

LINES = 200_000
STREAMED = 20_000
_BARE_CLIENT = """
import asyncio, sys
from grpc import aio
async def main():
    async with aio.insecure_channel(sys.argv[1]) as channel:
        call = channel.unary_stream("/tetragon.FineGuidanceSensors/GetEvents")(b"")
        while await call.read() is not aio.EOF:
            pass
asyncio.run(main())
"""
_SERVER = """
import asyncio, sys, grpc
path, address = sys.argv[1:]
data, messages, at = open(path, "rb").read(), [], 0
while at < len(data):
    end = at + 4 + int.from_bytes(data[at:at + 4], "big")
    messages.append(data[at + 4:end])
    at = end
async def stream(request, context):
    for message in messages:
        yield message
async def main():
    server = grpc.aio.server()
    handlers = {"GetEvents": grpc.unary_stream_rpc_method_handler(stream)}
    name = "tetragon.FineGuidanceSensors"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    server.add_insecure_port(address)
    await server.start()
    print(flush=True)
    await server.wait_for_termination()
asyncio.run(main())
"""
Events = Callable[[], Iterator[Event]]
_PROGRAM = "import sys; from osmia_cli.main import main; sys.exit(main())"


def cases() -> Iterator[Case]:
    """Yield the cases with the rates that are to be reached on one core."""
    compact = ("-o", "compact")
    yield _case("osmia getevents -o compact", *compact, target=40_000)
    yield _case(
        "osmia getevents -o compact, filtered", *compact, "--processes", "curl", "--pod", "."
    )
    yield _case("osmia getevents -o json", "-o", "json")
    for name, events in (("living processes", _living), ("processes each new", _new)):
        yield Case(f"bare grpcio client, {name}", lambda events=events: _bare(events))
        yield Case(f"osmia getevents of an agent, {name}", lambda events=events: _live(events))


def _case(name: str, *arguments: str, target: float | None = None) -> Case:
    return Case(name, lambda: _command(arguments), target)


def _command(arguments: tuple[str, ...]) -> Run:
    recording = _recording()

    def run() -> int:
        recording.seek(0)
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, "getevents", *arguments],
            stdin=recording,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return LINES

    return run


def _living() -> Iterator[Event]:
    corpus = Corpus()
    families = [corpus.family() for _ in range(100)]
    return (corpus.kprobe_event(*families[at % 100]) for at in range(STREAMED))


def _new() -> Iterator[Event]:
    return Corpus().mixed_events(STREAMED)


def _bare(events: Events) -> Run:
    return _client([sys.executable, "-c", _BARE_CLIENT, _server(events)])


def _live(events: Events) -> Run:
    command = [sys.executable, "-c", _PROGRAM, "getevents", "--server-address", _server(events)]
    return _client(command)


def _client(command: list[str]) -> Run:
    def run() -> int:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        return STREAMED

    return run


@cache
def _server(events: Events) -> str:
    """Start a server that streams events as fast as they are taken; return its address."""
    folder = tempfile.mkdtemp(prefix="osmia-bench-")
    atexit.register(shutil.rmtree, folder)
    path, address = Path(folder) / "messages", f"unix://{folder}/socket"
    with path.open("wb") as file:
        for event in events():
            data = to_protobuf(event)
            file.write(len(data).to_bytes(4, "big") + data)
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, path, address], stdout=subprocess.PIPE
    )
    atexit.register(server.kill)
    assert server.stdout is not None
    server.stdout.readline()
    return address


@cache
def _recording() -> BinaryIO:
    """Return a file of events, each of another process; it is deleted at the end."""
    recording: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - open to the end of the benches
    encode = JsonEncoder().encode
    recording.writelines(map(encode, Corpus().mixed_events(LINES)))
    recording.flush()
    return recording
