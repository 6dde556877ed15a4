from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.gateway.link import End, Request, Status
from osmia_agent.server.calls import Call, CallError, Dispatcher, Method, refuse, shortened
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE = "tetragon.FineGuidanceSensors"


def served(method: Method, data: bytes = b"") -> tuple[End, list[bytes]]:
    written: list[bytes] = []

    async def write(batch: Sequence[bytes]) -> None:
        written.extend(batch)

    dispatcher = Dispatcher({SERVICE: {"GetVersion": method}})
    request = Request(7, SERVICE, "GetVersion", data)
    end = asyncio.run(dispatcher.serve(request, Call(begin=lambda: None, write=write)))
    assert end.call == 7
    return end, written


def test_an_answer_is_written_and_the_call_ends_well() -> None:
    async def answer(_: Any) -> Any:
        return messages.GetVersionResponse(version="1")

    end, written = served(Method(answer))
    assert end == End(7)
    assert [messages.GetVersionResponse.FromString(each).version for each in written] == ["1"]


def test_a_stream_ends_with_its_metadata() -> None:
    async def stream(_: Any, call: Call) -> Mapping[str, str]:
        await call.write([b"a", b"b"])
        return {"lost": "0"}

    assert served(Method(stream=stream)) == (End(7, metadata={"lost": "0"}), [b"a", b"b"])


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (CallError(Status.RESOURCE_EXHAUSTED, "full"), Status.RESOURCE_EXHAUSTED, "full"),
        (RuntimeError("a secret"), Status.INTERNAL, "internal error; see the agent's log"),
    ],
)
def test_errors_become_statuses(error: Exception, status: Status, text: str) -> None:
    async def answer(_: Any) -> Any:
        raise error

    assert served(Method(answer)) == (End(7, status, text), [])


def test_a_refusal_and_a_request_that_is_no_message() -> None:
    async def answer(_: Any) -> Any:
        refuse("no")

    assert served(Method(answer))[0] == End(7, Status.UNKNOWN, "no")
    end, _ = served(Method(answer), b"\xff")
    name = "tetragon.GetVersionRequest"
    assert end == End(7, Status.INVALID_ARGUMENT, f"the request is not a serialised {name}")


def test_long_texts_are_cut_between_characters() -> None:
    assert shortened("short") == "short"
    cut = shortened("é" * 5000)
    assert cut.endswith(" ...")
    assert len(cut.encode()) < 2700
