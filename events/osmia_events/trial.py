"""Trying a pipeline out on recorded events: what survives, and what each filter did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from osmia_events.filters import FilterSet
from osmia_events.pipeline import Pipeline
from osmia_events.redaction import Redactor, texts_of
from osmia_events.redaction_patterns import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pydantic

    from osmia_events.config import PipelineConfig
    from osmia_events.model import Event, EventBody

_SAMPLES = 3
_CONTEXT = 40
"""Characters shown before and after the place of a redaction."""


class Sample(NamedTuple):
    """A place where a redaction filter found something, as it is exported."""

    path: str
    """`process.arguments`, `parent.environment_variables[2]`, `args[0]`."""
    binary: str
    """Of the parent for its texts, else of the process."""
    text: str
    """Redacted by all filters of the pipeline, cut to the surroundings of the mask."""


@dataclass
class FilterTally:
    """What one filter did."""

    kind: str
    """`allow`, `deny` or `redact`."""
    config: str
    """The filter as JSON."""
    events: int = 0
    """Events that it allowed, denied (of those allowed) or redacted."""
    samples: list[Sample] = field(default_factory=list)
    """Of a redaction filter: some places where it found something."""


class Trial:
    """Runs one pipeline over recorded events. Its rate limit goes by the events' own times."""

    def __init__(self, config: PipelineConfig) -> None:
        self._now_ns = 0
        self.pipeline = Pipeline(config, clock=lambda: self._now_ns)
        self.counters = self.pipeline.counters
        self.allow = [FilterTally("allow", _json(each)) for each in config.allow_list]
        self.deny = [FilterTally("deny", _json(each)) for each in config.deny_list]
        self.redaction = [FilterTally("redact", _json(each)) for each in config.redaction_filters]
        self._filters = FilterSet(config.allow_list, config.deny_list)
        self._redactors = [Redactor([each]) for each in config.redaction_filters]

    @property
    def tallies(self) -> list[FilterTally]:
        """Return the tallies of all filters, in the order in which they apply."""
        return [*self.redaction, *self.allow, *self.deny]

    def survivors(self, events: Iterable[Event]) -> Iterator[bytes]:
        """Yield the lines that the pipeline exports; in mode DryRun it only counts."""
        for event in events:
            self._now_ns = max(self._now_ns, event.time or 0)
            line = self.pipeline.feed(event)
            if line is not None:
                self.counters.exported += 1
                yield line

    def tally(self, events: Iterable[Event]) -> None:
        """Count, instead of yielding lines, what each filter does."""
        for event in events:
            for _ in self.survivors([event]):
                pass
            self._tally_redaction(event.body)
            allowing, denying = self._filters.matching(
                self.pipeline.redactor.redact_body(event.body)
            )
            for index in allowing:
                self.allow[index].events += 1
            if allowing or not self.allow:
                for index in denying:
                    self.deny[index].events += 1

    def _tally_redaction(self, body: EventBody | None) -> None:
        for redactor, tally in zip(self._redactors, self.redaction, strict=True):
            before, body = body, redactor.redact_body(body)
            if body is before:
                continue
            tally.events += 1
            if len(tally.samples) < _SAMPLES:
                tally.samples.extend(self._samples(before, body))
                del tally.samples[_SAMPLES:]

    def _samples(self, before: EventBody | None, after: EventBody | None) -> Iterator[Sample]:
        """Show where a filter changed something, in the words of the whole pipeline's output."""
        known = texts_of(before)
        changed = [path for path, text in texts_of(after).items() if known[path] != text]
        exported = self.pipeline.redactor.redact_body(before)
        shown = texts_of(exported)
        for path in changed:
            named = exported and (
                exported.parent if path.startswith("parent") else exported.process
            )
            yield Sample(path, named.binary if named else "", _excerpt(shown[path]))


def _excerpt(text: str) -> str:
    at = text.find(MASK.decode())
    start, end = max(0, at - _CONTEXT), at + len(MASK) + _CONTEXT
    return ("..." if start else "") + text[start:end] + ("..." if end < len(text) else "")


def _json(config: pydantic.BaseModel) -> str:
    return config.model_dump_json(exclude_defaults=True)
