"""Encoders and decoders alone, on recorded lines and on events that nothing is remembered of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events.compact import SHOWN_FIELDS, CompactEncoder
from osmia_events.json_decoder import JsonDecoder
from osmia_events.json_encoder import JsonEncoder
from osmia_events.protobuf import to_protobuf
from osmia_events.protobuf_decoder import ProtobufDecoder
from tests.bench.corpus import Corpus
from tests.bench.measure import Case, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia_events.model import Event

EVENTS = 10_000


def cases() -> Iterator[Case]:
    """Yield the cases with the rates that are to be reached on one core."""
    yield Case("JSON line to compact line", _lines_to_compact, 40_000)
    yield Case("JSON line to event", lambda: _each(_lines(), JsonDecoder().decode))
    yield Case("event to JSON line", lambda: _each(_mixed(), JsonEncoder().encode))
    yield Case("event to compact line", lambda: _each(_mixed(), CompactEncoder().encode))
    yield Case("event to protobuf", lambda: _each(_mixed(), to_protobuf))
    yield Case("protobuf to event", lambda: _each(_messages(), ProtobufDecoder().decode))
    yield Case("protobuf of living processes to JSON", _messages_to_json, 60_000)


def _mixed() -> list[Event]:
    return list(Corpus().mixed_events(EVENTS))


def _lines() -> list[bytes]:
    encode = JsonEncoder().encode
    return [encode(event) for event in _mixed()]


def _messages() -> list[bytes]:
    return [to_protobuf(event) for event in _mixed()]


def _messages_to_json() -> Run:
    decode = ProtobufDecoder().decode
    encode = JsonEncoder().encode
    corpus = Corpus()
    families = [corpus.family() for _ in range(100)]
    messages = [to_protobuf(corpus.kprobe_event(*families[at % 100])) for at in range(EVENTS)]
    return _each(messages, lambda message: encode(decode(message)))


def _lines_to_compact() -> Run:
    decode = JsonDecoder(selection=SHOWN_FIELDS).decode
    encode = CompactEncoder().encode
    return _each(_lines(), lambda line: encode(decode(line)))


def _each(items: list[Any], convert: Callable[[Any], object]) -> Run:
    def run() -> int:
        for item in items:
            convert(item)
        return len(items)

    return run
