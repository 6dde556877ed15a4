"""The export pipeline: redaction, filters, field filters and encoding, to bytes in /dev/null."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_events.config import parse_pipeline
from osmia_events.pipeline import BATCH, Pipeline, PipelineSet
from osmia_events.protobuf import to_protobuf
from tests.bench.corpus import Corpus
from tests.bench.measure import Case, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_events.model import Event

EVENTS = 20_000
CONFIG = {
    "allowList": [
        {"binaryRegex": ["^/usr/bin/(curl|python3.*|psql)$", "^/bin/sh$"]},
        {"namespace": ["shop", "payments", "search", "monitoring"]},
    ],
    "denyList": [{"binaryRegex": "^/usr/bin/true$"}],
    "redactionFilters": [
        {"redact": "--password(?:\\s+|=)(\\S*)"},
        {"binaryRegex": "(?:^|/)psql$", "redact": "token=([a-f0-9]+)"},
    ],
    "fieldFilters": [{"fields": "process.cwd,process.auid", "action": "EXCLUDE"}],
}


def cases() -> Iterator[Case]:
    """Yield the cases with the rates that are to be reached on one core."""
    yield Case("kprobe of 100 living processes", lambda: _through(_kprobes()), 150_000)
    yield Case("exec of new processes", lambda: _through(_execs()), 60_000)
    yield Case("each event of another process", lambda: _through(_mixed()), 60_000)
    yield Case("kprobe to protobuf", lambda: _through(_kprobes(), encode=to_protobuf), 60_000)
    yield Case("kprobe, nothing configured", lambda: _through(_kprobes(), config={}))
    for count in (1, 10, 100):
        yield Case(f"kprobe, {count} filters", lambda n=count: _with_filters(_kprobes(), n))
        yield Case(f"exec, {count} filters", lambda n=count: _with_filters(_execs(), n))
    for count in (1, 4, 16):
        yield Case(f"kprobe, {count} pipelines", lambda n=count: _with_pipelines(_kprobes(), n))
        yield Case(f"exec, {count} pipelines", lambda n=count: _with_pipelines(_execs(), n))


def _kprobes() -> list[Event]:
    corpus = Corpus()
    living = [corpus.family() for _ in range(100)]
    return [corpus.kprobe_event(*living[number % 100]) for number in range(EVENTS)]


def _execs() -> list[Event]:
    """Tell of new processes, which living ones have started."""
    corpus = Corpus()
    living = [corpus.process() for _ in range(100)]
    parents = [living[number % 100] for number in range(EVENTS)]
    return [corpus.exec_event(corpus.process(parent), parent) for parent in parents]


def _mixed() -> list[Event]:
    return list(Corpus().mixed_events(EVENTS))


def _through(events: list[Event], config: Any = CONFIG, encode: Any = None) -> Run:
    pipeline = Pipeline(parse_pipeline(config), encode=encode)

    def run() -> int:
        with Path("/dev/null").open("wb", buffering=1 << 16) as sink:
            pipeline.export(events, sink.write)
        assert pipeline.counters.read == len(events)
        return len(events)

    return run


def _with_filters(events: list[Event], count: int) -> Run:
    """Half by binary and half by pod, none of which matches, then one that matches."""
    filters: list[dict[str, Any]] = [
        {"binaryRegex": f"^/opt/app{number}/bin/.*$"} if number % 2 else {"podRegex": f"^x{number}"}
        for number in range(count - 1)
    ]
    return _through(events, {**CONFIG, "allowList": [*filters, {"namespaceRegex": "."}]})


def _with_pipelines(events: list[Event], count: int) -> Run:
    """Pipelines with filters of their own; half of them mask fields, all redact alike."""
    masks = CONFIG["fieldFilters"]
    pipelines = PipelineSet.from_configs(
        {
            f"pipeline{number}": parse_pipeline(
                {**CONFIG, "fieldFilters": masks if number % 2 else []}
            )
            for number in range(count)
        }
    )

    def run() -> int:
        with Path("/dev/null").open("wb", buffering=1 << 16) as sink:
            for at in range(0, len(events), BATCH):
                for pipeline, lines in pipelines.feed_all(events[at : at + BATCH]):
                    sink.writelines(lines)
                    pipeline.counters.exported += len(lines)
        return len(events)

    return run
