"""Export pipelines: redact, filter, mask, limit and encode events.

A pipeline is made from one validated configuration and never changes; a change of configuration
makes a new set of pipelines, which replaces the old one whole. Filters see redacted text.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from operator import is_not
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from msgspec.structs import replace

from osmia_events.config import Mode, PipelineConfig
from osmia_events.fieldfilters import FieldFilters
from osmia_events.filters import FilterSet
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import Event, RateLimitInfo
from osmia_events.ratelimit import RateLimiter
from osmia_events.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from osmia_events.config import FieldFilterConfig, RedactionFilterConfig
    from osmia_events.model import EventBody

    Encode = Callable[[Event], bytes]

_log = logging.getLogger(__name__)

NO_LIMIT = -1
BATCH = 64
"""Events to take at once: few enough that what belongs to them stays in the processor's cache."""


@dataclass(slots=True)
class Counters:
    """Where the events of a pipeline went.

    Each event is counted once, when its fate is known: `exported` and what sinks fail to write
    are counted by whoever writes the lines. So the fields sum up to `read` at any time.
    """

    exported: int = 0
    """Written; of a pipeline in mode DryRun, what would have been."""
    filtered: int = 0
    rate_limited: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    redacted: int = 0
    """Events in which something was redacted, of those that no filter or limit held back."""

    @property
    def read(self) -> int:
        """Events whose fate is known."""
        return self.exported + self.filtered + self.rate_limited + sum(self.failed.values())


class Pipeline:
    """One export pipeline.

    `floor` are redaction filters of the node that apply before the pipeline's own. `encode` makes
    the bytes that sinks write: a line of JSON, or a protobuf message.
    """

    def __init__(
        self,
        config: PipelineConfig,
        *,
        name: str = "default",
        floor: Sequence[RedactionFilterConfig] = (),
        encode: Encode | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self.config = config
        self.floor = tuple(floor)
        self.counters = Counters()
        self.redactor = redactor((*floor, *config.redaction_filters))
        self.field_filters = _shared_field_filters(config.field_filters)
        self.encode = encode or json_line_encoder()
        self._filters = FilterSet(config.allow_list, config.deny_list)
        self._limiter = None
        if config.rate_limit != NO_LIMIT:
            self._limiter = RateLimiter(config.rate_limit, clock)
        self._dry_run = config.mode is Mode.DRY_RUN

    def with_floor(self, floor: Sequence[RedactionFilterConfig]) -> Pipeline:
        """Return this pipeline on another floor; it goes on counting and filtering in this one's.

        Of the two only one is to be fed from then on.
        """
        if tuple(floor) == self.floor:
            return self
        other = copy(self)
        other.floor = tuple(floor)
        other.redactor = redactor((*floor, *self.config.redaction_filters))
        return other

    def feed(self, event: Event) -> bytes | None:
        """Return what is to be written of an event, None if nothing.

        What is returned is not counted yet: add to `counters.exported` once it is written, or to
        `counters.failed` under a reason of the sink's.
        """
        lines = self.feed_all((event,))
        return lines[0] if lines else None

    def feed_all(self, events: Sequence[Event]) -> list[bytes]:
        """Do as `feed` for some events; a stage for all of them costs less than all for each."""
        redacted = _RedactedBodies(self.redactor, events)
        lines = self.rendered(events, redacted, self.admitted(redacted))
        return [line for line in lines if line is not None]

    def export(self, events: Iterable[Event], write: Callable[[bytes], object]) -> None:
        """Feed events and write what passes, counting it. Raises what `write` raises.

        A sequence is taken in batches. From another iterable no event is asked for before the
        one that came before it is written.
        """
        batches: Iterable[Sequence[Event]] = ((event,) for event in events)
        if isinstance(events, Sequence):
            batches = (events[at : at + BATCH] for at in range(0, len(events), BATCH))
        for batch in batches:
            written = 0
            try:
                for line in self.feed_all(batch):
                    write(line)
                    written += 1
            finally:
                self.counters.exported += written

    def admitted(self, redacted: _RedactedBodies) -> list[int]:
        """Return the indexes of events that go on to be encoded; the others are counted."""
        counters = self.counters
        bodies = redacted.all() if self._filters.looks_at_text else redacted.originals
        indexes = self._filters.passing(bodies)
        counters.filtered += len(bodies) - len(indexes)
        if self._limiter is not None:
            allow = self._limiter.allow
            passed, indexes = len(indexes), [at for at in indexes if allow()]
            counters.rate_limited += passed - len(indexes)
        redacted.redact(indexes)
        counters.redacted += redacted.count_changed(indexes)
        if self._dry_run:
            counters.exported += len(indexes)
            return []
        return indexes

    def rendered(
        self, events: Sequence[Event], redacted: _RedactedBodies, indexes: Sequence[int]
    ) -> list[bytes | None]:
        """Mask and encode events that were admitted; None, counted, where that fails."""
        lines: list[bytes | None] = []
        masks, encode = self.field_filters.masks, self.encode
        for at, shown in zip(indexes, redacted.of(indexes), strict=True):
            event, body = events[at], shown
            try:
                for mask in masks[type(body)]:
                    body = mask(body)
                lines.append(encode(event if body is event.body else replace(event, body=body)))
            except Exception as error:  # noqa: BLE001 - one odd event must not end the export
                self.count_encoding_failure(error)
                lines.append(None)
        return lines

    def count_encoding_failure(self, error: Exception) -> None:
        """Count an event that could not be encoded, and log the kind of error at the first."""
        if not self.counters.failed["encode"]:
            _log.error("pipeline %s: %s while encoding an event", self.name, type(error).__name__)
        self.counters.failed["encode"] += 1

    def rate_limit_report(self, node_name: str, time_ns: int) -> bytes | None:
        """Return an event on what the rate limit dropped, if one is due; call it any often.

        It passes by all filters and is not counted. `time_ns` is since the Unix epoch.
        """
        if self._limiter is None or self._dry_run:
            return None
        dropped = self._limiter.due_report()
        if not dropped:
            return None
        return self.encode(Event(RateLimitInfo(dropped), node_name, time_ns))


class _RedactedBodies:
    """The bodies of some events as a redactor leaves them, each redacted when it is needed.

    Most events end at a filter. Where no filter looks at texts that redaction changes, only the
    others are redacted.
    """

    def __init__(self, redactor: Redactor, events: Sequence[Event]) -> None:
        self.originals = [event.body for event in events]
        self._redactor = redactor
        self._known: dict[int, EventBody | None] = {}

    def redact(self, indexes: Sequence[int]) -> None:
        """Redact the bodies that are not redacted yet."""
        known = self._known
        new = [at for at in indexes if at not in known] if known else indexes
        originals = list(map(self.originals.__getitem__, new))
        known.update(zip(new, self._redactor.redact_bodies(originals), strict=True))

    def of(self, indexes: Iterable[int]) -> list[EventBody | None]:
        """Return bodies that `redact` was called for."""
        return list(map(self._known.__getitem__, indexes))

    def all(self) -> list[EventBody | None]:
        """Return every body redacted."""
        indexes = range(len(self.originals))
        self.redact(indexes)
        return self.of(indexes)

    def count_changed(self, indexes: Sequence[int]) -> int:
        """Count the bodies in which something was redacted."""
        return sum(map(is_not, self.of(indexes), map(self.originals.__getitem__, indexes)))


class PipelineSet:
    """The pipelines of a node, fed together: what they have in common is done once an event."""

    def __init__(self, pipelines: Iterable[Pipeline] = ()) -> None:
        self.pipelines = tuple(pipelines)
        by_redactor: dict[Redactor, list[Pipeline]] = {}
        for pipeline in self.pipelines:
            by_redactor.setdefault(pipeline.redactor, []).append(pipeline)
        self._by_redactor = list(by_redactor.items())

    @classmethod
    def from_configs(
        cls,
        configs: Mapping[str, PipelineConfig],
        *,
        floor: Sequence[RedactionFilterConfig] = (),
        previous: PipelineSet | None = None,
    ) -> PipelineSet:
        """Make the pipelines of named configurations.

        A pipeline of `previous` whose configuration is the same goes on as it is, with its
        counters, its rate limit and what its filters remember.
        """
        running = {each.name: each for each in previous.pipelines} if previous else {}

        def pipeline(name: str, config: PipelineConfig) -> Pipeline:
            old = running.get(name)
            if old is not None and old.config == config:
                return old.with_floor(floor)
            return Pipeline(config, name=name, floor=floor)

        return cls(pipeline(name, config) for name, config in configs.items())

    @property
    def redaction_filters(self) -> tuple[RedactionFilterConfig, ...]:
        """Every redaction filter that some pipeline applies, each once."""
        filters = {
            (each.redact, each.binary_regex): each
            for pipeline in self.pipelines
            for each in (*pipeline.floor, *pipeline.config.redaction_filters)
        }
        return tuple(filters.values())

    def feed(self, event: Event) -> list[tuple[Pipeline, bytes]]:
        """Return what pipelines are to write of an event; see `Pipeline.feed`."""
        return [(pipeline, lines[0]) for pipeline, lines in self.feed_all((event,)) if lines]

    def feed_all(self, events: Sequence[Event]) -> list[tuple[Pipeline, list[bytes]]]:
        """Return what each pipeline is to write of some events, in their order."""
        fed = []
        for redactor, pipelines in self._by_redactor:
            redacted = _RedactedBodies(redactor, events)
            # Pipelines that differ in nothing but filters write the same bytes of an event.
            rendered: defaultdict[object, dict[int, bytes | None]] = defaultdict(dict)
            for pipeline in pipelines:
                known = rendered[pipeline.field_filters, pipeline.encode]
                admitted = pipeline.admitted(redacted)
                new = [at for at in admitted if known.get(at) is None]
                known.update(zip(new, pipeline.rendered(events, redacted, new), strict=True))
                lines = [line for at in admitted if (line := known[at]) is not None]
                fed.append((pipeline, lines))
        return fed


@cache
def json_line_encoder() -> Encode:
    """Return the encoder of lines of JSON that all pipelines share."""
    return JsonEncoder().encode


# Pipelines with equal filters share them, and with them what is remembered about processes.
_redactors: WeakValueDictionary[object, Redactor] = WeakValueDictionary()
_field_filters: WeakValueDictionary[object, FieldFilters] = WeakValueDictionary()


def redactor(configs: Sequence[RedactionFilterConfig]) -> Redactor:
    """Return the redactor that all pipelines of these filters share; repeated ones count once."""
    once = {(each.redact, each.binary_regex): each for each in configs}
    key = tuple(once)
    shared = _redactors.get(key)
    if shared is None:
        shared = _redactors[key] = Redactor(tuple(once.values()))
    return shared


def _shared_field_filters(configs: tuple[FieldFilterConfig, ...]) -> FieldFilters:
    field_filters = _field_filters.get(configs)
    if field_filters is None:
        field_filters = _field_filters[configs] = FieldFilters(configs)
    return field_filters
