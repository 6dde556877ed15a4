"""Export pipelines: redact, filter, mask, limit and encode events.

A pipeline is made from one validated configuration and never changes; a change of configuration
makes a new set of pipelines, which replaces the old one whole. Filters see redacted text.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
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
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from osmia_events.config import FieldFilterConfig, RedactionFilterConfig
    from osmia_events.model import EventBody

    Encode = Callable[[Event], bytes]

_log = logging.getLogger(__name__)

NO_LIMIT = -1


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
    """Events in which something was redacted, whatever became of them."""

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
        self.redactor = _shared_redactor((*floor, *config.redaction_filters))
        self.field_filters = _shared_field_filters(config.field_filters)
        self.encode = encode or json_line_encoder()
        self._filters = FilterSet(config.allow_list, config.deny_list)
        self._limiter = None
        if config.rate_limit != NO_LIMIT:
            self._limiter = RateLimiter(config.rate_limit, clock)
        self._dry_run = config.mode is Mode.DRY_RUN

    def feed(self, event: Event) -> bytes | None:
        """Return what is to be written of an event, None if nothing.

        What is returned is not counted yet: add to `counters.exported` once it is written, or to
        `counters.failed` under a reason of the sink's.
        """
        body = self.redactor.redact_body(event.body)
        if not self.admits(body, body is not event.body):
            return None
        return self.render(event, body)

    def export(self, events: Iterable[Event], write: Callable[[bytes], object]) -> None:
        """Feed events and write what passes, counting it. Raises what `write` raises."""
        for event in events:
            line = self.feed(event)
            if line is not None:
                write(line)
                self.counters.exported += 1

    def admits(self, redacted: EventBody | None, was_redacted: bool) -> bool:
        """Decide on a body that the pipeline's redactor returned; count it if it ends here."""
        counters = self.counters
        if was_redacted:
            counters.redacted += 1
        if not self._filters.passes(redacted):
            counters.filtered += 1
            return False
        if self._limiter is not None and not self._limiter.allow():
            counters.rate_limited += 1
            return False
        if self._dry_run:
            counters.exported += 1
            return False
        return True

    def render(self, event: Event, redacted: EventBody | None) -> bytes | None:
        """Mask and encode an event that was admitted; None, counted, if that fails."""
        try:
            body = self.field_filters.apply_body(redacted)
            return self.encode(event if body is event.body else replace(event, body=body))
        except Exception as error:  # noqa: BLE001 - one odd event must not end the export
            self.count_encoding_failure(error)
            return None

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
            if old is not None and old.config == config and old.floor == tuple(floor):
                return old
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
        """Return what each pipeline is to write of an event; see `Pipeline.feed`."""
        lines: list[tuple[Pipeline, bytes]] = []
        for redactor, pipelines in self._by_redactor:
            body = redactor.redact_body(event.body)
            was_redacted = body is not event.body
            rendered: dict[tuple[FieldFilters, Encode], bytes | None] = {}
            for pipeline in pipelines:
                if not pipeline.admits(body, was_redacted):
                    continue
                view = pipeline.field_filters, pipeline.encode
                line = rendered.get(view)
                if line is None:
                    line = rendered[view] = pipeline.render(event, body)
                if line is not None:
                    lines.append((pipeline, line))
        return lines


@cache
def json_line_encoder() -> Encode:
    """Return the encoder of lines of JSON that all pipelines share."""
    return JsonEncoder().encode


# Pipelines with equal filters share them, and with them what is remembered about processes.
_redactors: WeakValueDictionary[object, Redactor] = WeakValueDictionary()
_field_filters: WeakValueDictionary[object, FieldFilters] = WeakValueDictionary()


def _shared_redactor(configs: Sequence[RedactionFilterConfig]) -> Redactor:
    key = tuple((each.redact, each.binary_regex) for each in configs)
    redactor = _redactors.get(key)
    if redactor is None:
        redactor = _redactors[key] = Redactor(configs)
    return redactor


def _shared_field_filters(configs: tuple[FieldFilterConfig, ...]) -> FieldFilters:
    field_filters = _field_filters.get(configs)
    if field_filters is None:
        field_filters = _field_filters[configs] = FieldFilters(configs)
    return field_filters
