"""Every parser of this room takes any bytes: it gives a value or its error, soon."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from osmia_events.cel import CelError, compile_expression
from osmia_events.config import (
    ConfigError,
    parse_field_filters,
    parse_filters,
    parse_pipeline,
    parse_redaction_filters,
)
from osmia_events.decode_error import DecodeError
from osmia_events.json_decoder import JsonDecoder
from osmia_events.json_encoder import JsonEncoder
from osmia_events.labels import SelectorError, parse_selector
from osmia_events.model import EVENT_BODIES, Event
from osmia_events.protobuf import to_protobuf
from osmia_events.protobuf_decoder import from_protobuf
from osmia_events.regex import RegexError, compile_pattern
from osmia_events.rfc3339 import parse_ns
from tests.strategies import every_field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INPUTS = 100_000
CEL_INPUTS = 10_000
"""Google's library takes a tenth of a millisecond for each."""
MAX_CPU_S = 0.1
MAX_EDITS = 4
MAX_RANDOM_BYTES = 64


def events() -> list[Event]:
    return [Event(every_field(body), "node", 1) for body in EVENT_BODIES.values()]


def of_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """Give a parser of text what such bytes are in arguments and in the environment."""
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


PARSERS: dict[str, tuple[Callable[[bytes], object], type[Exception], list[bytes]]] = {
    "events as JSON": (
        JsonDecoder().decode,
        DecodeError,
        [JsonEncoder().encode(event) for event in events()],
    ),
    "events as strict JSON": (
        JsonDecoder(strict=True).decode,
        DecodeError,
        [JsonEncoder().encode(event) for event in events()],
    ),
    "events as protobuf": (from_protobuf, DecodeError, [to_protobuf(event) for event in events()]),
    "filters": (
        parse_filters,
        ConfigError,
        [b'{"event_set":["PROCESS_EXEC",5],"namespace":""}\n{"pid":["7"],"labels":["a in (b)"]}'],
    ),
    "field filters": (
        parse_field_filters,
        ConfigError,
        [b'{"fields":"process.binary,pod.name","action":"EXCLUDE","invert_event_set":true}'],
    ),
    "redaction filters": (
        parse_redaction_filters,
        ConfigError,
        [rb'{"redact":["--password[=\\s](\\S+)"],"binary_regex":"(?:^|/)psql$"}'],
    ),
    "pipelines": (
        parse_pipeline,
        ConfigError,
        [b'{"allowList":[{"pid":1}],"denyList":"{}","rateLimit":60,"mode":"DryRun"}'],
    ),
    "selectors": (of_text(parse_selector), SelectorError, [b"a=b, c in (d,e), !f, g>2, h!=i"]),
    "regular expressions": (
        of_text(compile_pattern),
        RegexError,
        [rb"^(?i:a|b)*?[[:alpha:]]{2,30}\pL\Q..\E(?P<n>x)$"],
    ),
    "times": (of_text(parse_ns), ValueError, [b"2023-10-06T22:03:57.700327580Z"]),
}


def mutated(choose: random.Random, samples: list[bytes], count: int) -> Iterator[bytes]:
    """Yield bytes at random, and samples with some bytes changed, cut off or repeated."""
    for number in range(count):
        if number % 2:
            yield choose.randbytes(choose.randrange(MAX_RANDOM_BYTES))
            continue
        data = bytearray(choose.choice(samples))
        for _ in range(choose.randint(1, MAX_EDITS)):
            at = choose.randrange(len(data) + 1)
            match choose.randrange(4):
                case 0:
                    data[at:at] = choose.randbytes(1)
                case 1:
                    data[at : at + 1] = choose.choice(b'{}[]()",:\\*0-').to_bytes()
                case 2:
                    del data[at : at + choose.randint(1, 8)]
                case _:
                    data[at:at] = data[at : at + choose.randint(1, 8)]
        yield bytes(data)


def take_all(parse: Callable[[bytes], object], error: type[Exception], data: list[bytes]) -> None:
    for each in data:
        started = time.thread_time()
        try:
            parse(each)
        except error:
            pass
        except Exception as other:
            raise AssertionError(f"{other!r} for {each!r}") from other
        assert time.thread_time() - started < MAX_CPU_S, each


@pytest.mark.parametrize("name", PARSERS)
def test_a_value_or_an_error_for_any_bytes(name: str) -> None:
    parse, error, samples = PARSERS[name]
    take_all(parse, error, list(mutated(random.Random(name), samples, INPUTS)))


def test_a_value_or_an_error_for_any_expression() -> None:
    sample = b"process_exec.process.pid == 7u || has(process_exit.process) && ip('::1').family()==6"
    inputs = list(mutated(random.Random(1), [sample], CEL_INPUTS))
    take_all(of_text(compile_expression), CelError, inputs)
