"""Records of policies become events, with the bodies that policy_bodies.py makes.

A call that reports what it returns comes as two records, which are joined here. The first one waits
for the second, a bounded number of them; one whose return is never told goes out without it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.sensors.policy_bodies import PolicyBodies
from osmia_bpf.policy.values import (
    Header,
    Phase,
    decode_header,
    decode_piece,
    decode_record,
    with_pieces,
)
from osmia_bpf.records import RecordError
from osmia_events.model import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from osmia_agent.process.clock import Clock
    from osmia_agent.process.table import Lineage, ProcessTable
    from osmia_agent.sensors.lifecycle import Origin
    from osmia_agent.sensors.symbols import Symbols
    from osmia_bpf.policy.schema import HookSchema
    from osmia_bpf.policy.values import DataPiece, DecodedRecord

MAX_PENDING = 4096
"""Calls that wait for their returns."""
MAX_EARLY = 4096
"""Records that wait for the exec of their process."""
MAX_EARLY_S = 0.5
"""How long they wait: between counting itself and its record, an exec maps its files."""
MAX_HASH_S = 10.0
"""How long an event waits for the hash of its file: the program that makes it is left out where it
is at work for another thread on the same CPU."""
MAX_BUFFERS = 256
"""Calls of which parts of buffers wait for the record that they belong to."""

_NO_WAIT = 1 << 64
_ANCESTOR_KINDS = {
    "kprobes": "kprobe",
    "fentries": "kprobe",
    "tracepoints": "tracepoint",
    "uprobes": "uprobe",
    "lsmhooks": "lsm",
}


class KnownPolicy(NamedTuple):
    """What records of a policy are read by."""

    name: str
    hooks: tuple[HookSchema, ...]


class TimedEvent(NamedTuple):
    """An event and the kernel time, on the monotonic clock, at which its record was made."""

    ktime_ns: int
    event: Event


class _Pending(NamedTuple):
    policy: KnownPolicy
    hook: HookSchema
    record: DecodedRecord
    lineage: Lineage


@dataclass
class PolicyCounters:
    """What went otherwise than it should; each counts up."""

    undecodable: int = 0
    """Records that no program of ours can have written, or of a policy that is gone for long."""
    lonely_entries: int = 0
    """Calls whose return was not told: their events lack it."""
    lonely_returns: int = 0
    """Returns whose call was not told."""


class PolicyEvents:
    """Makes events of the policy ring's records; one thread calls it, the table's owner."""

    def __init__(
        self,
        policies: Mapping[int, KnownPolicy],
        table: ProcessTable,
        clock: Clock,
        origin: Origin,
        symbols: Symbols,
        *,
        ancestors: frozenset[str] = frozenset(),
        stack_addresses: bool = False,
        early_s: float = MAX_EARLY_S,
    ) -> None:
        """`ancestors` are the kinds of events (kprobe, tracepoint, uprobe, lsm) that name them.

        `stack_addresses` says that stack traces tell addresses, too.
        A record waits for the exec of its process until it is `early_s` old.
        """
        self._policies = policies
        self._table = table
        self._clock = clock
        self._origin = origin
        self._bodies = PolicyBodies(symbols, stack_addresses=stack_addresses)
        self._ancestors = ancestors
        self._pending: OrderedDict[tuple[int, int, int, int], _Pending] = OrderedDict()
        self._unhashed: OrderedDict[tuple[int, int, int, int], None] = OrderedDict()
        self._pieces: OrderedDict[tuple[int, int, int, int], list[DataPiece]] = OrderedDict()
        self._early: list[bytes] = []
        self._early_ns = int(early_s * 1e9)
        self.counters = PolicyCounters()

    @property
    def waits(self) -> bool:
        """Whether records wait for the next call of `events`, which should be soon then."""
        return bool(self._early or self._unhashed)

    def events(self, records: Iterable[bytes]) -> list[TimedEvent]:
        """Return the events that records tell, in the kernel's order of time.

        An exec counts itself before its own record is made. A record from in between names an
        image that is not known yet: it waits for a later call, until the exec is known, the process
        has exited without, or it has waited for long.
        """
        found: list[TimedEvent] = []
        waiting, self._early = self._early, []
        wait_since_ns = time.monotonic_ns() - self._early_ns
        for raw in (*waiting, *records):
            self._record(raw, found, wait_since_ns)
        if self._unhashed:
            self._give_up_hashes(found, time.monotonic_ns() - int(MAX_HASH_S * 1e9))
        found.sort(key=_ktime)
        return found

    def _give_up_hashes(self, found: list[TimedEvent], since_ns: int) -> None:
        for key in list(self._unhashed):
            if key[3] > since_ns:
                break
            del self._unhashed[key]
            pending = self._pending.pop(key, None)
            if pending is not None:
                found.append(self._lonely(pending))

    def end_calls(self, tgids: Collection[int]) -> list[TimedEvent]:
        """Return the events of calls that will not return, since their processes have exited."""
        if not tgids:
            return []
        ended = [key for key, call in self._pending.items() if call.record.header.tgid in tgids]
        return [self._lonely(self._pending.pop(key)) for key in ended]

    def flush(self) -> list[TimedEvent]:
        """Return the events of all records that still wait for others, without these."""
        found: list[TimedEvent] = []
        waiting, self._early = self._early, []
        for raw in waiting:
            self._record(raw, found, _NO_WAIT)
        found += [self._lonely(pending) for pending in self._pending.values()]
        self._pending.clear()
        return found

    def _record(self, raw: bytes, found: list[TimedEvent], wait_since_ns: int) -> None:
        try:
            header = decode_header(raw)
            policy = self._policies[header.policy]
            hook = policy.hooks[header.hook]
            if header.phase == Phase.DATA:
                self._piece(raw, header)
            elif header.phase in (Phase.RETURN, Phase.UNMATCHED):
                self._return(raw, header, hook, found)
            else:
                self._call(raw, header, policy, hook, found, wait_since_ns)
        except (RecordError, LookupError):
            self.counters.undecodable += 1

    def _return(
        self, raw: bytes, header: Header, hook: HookSchema, found: list[TimedEvent]
    ) -> None:
        key = (header.policy, header.hook, header.tid, header.entry_ktime_ns)
        pending = self._pending.pop(key, None)
        if hook.ima_hash:
            self._unhashed.pop(key, None)
        if pending is None:
            self.counters.lonely_returns += 1
        elif header.phase == Phase.RETURN:
            found.append(self._event(pending, self._decoded(raw, header, hook.return_structs)))

    def _piece(self, raw: bytes, header: Header) -> None:
        self._pieces.setdefault(_moment(header), []).append(decode_piece(raw))
        if len(self._pieces) > MAX_BUFFERS:
            self._pieces.popitem(last=False)

    def _decoded(self, raw: bytes, header: Header, structs: tuple[str, ...]) -> DecodedRecord:
        record = decode_record(raw, header, structs)
        if self._pieces:
            pieces = self._pieces.pop(_moment(header), None)
            if pieces:
                return with_pieces(record, pieces)
        return record

    def _call(
        self,
        raw: bytes,
        header: Header,
        policy: KnownPolicy,
        hook: HookSchema,
        found: list[TimedEvent],
        wait_since_ns: int,
    ) -> None:
        identity = (header.tgid, header.start_boottime_ns, header.exec_count)
        image = self._table.find(*identity)
        if image is None:
            # What returns later is joined under its own time: it needs no second look.
            if (
                header.phase == Phase.WHOLE
                and header.ktime_ns > wait_since_ns
                and len(self._early) < MAX_EARLY
                and not self._table.has_exited(header.tgid, header.start_boottime_ns)
            ):
                self._early.append(raw)
                return
            image = self._table.resolve(*identity)
        record = self._decoded(raw, header, hook.entry_structs)
        with_ancestors = _ANCESTOR_KINDS.get(hook.section, "") in self._ancestors
        lineage = self._table.lineage(image, ancestors=with_ancestors)
        pending = _Pending(policy, hook, record, lineage)
        if header.phase == Phase.WHOLE:
            found.append(self._event(pending, None))
            return
        key = (header.policy, header.hook, header.tid, header.entry_ktime_ns)
        self._pending[key] = pending
        if hook.ima_hash:
            self._unhashed[key] = None
        if len(self._pending) > MAX_PENDING:
            found.append(self._lonely(self._pending.popitem(last=False)[1]))

    def _lonely(self, pending: _Pending) -> TimedEvent:
        self.counters.lonely_entries += 1
        return self._event(pending, None)

    def _event(self, pending: _Pending, returned: DecodedRecord | None) -> TimedEvent:
        header = pending.record.header
        event = Event(
            body=self._bodies.body(
                pending.policy.name, pending.hook, pending.lineage, pending.record, returned
            ),
            node_name=self._origin.node_name,
            time=self._clock.of_monotonic(header.ktime_ns),
            cluster_name=self._origin.cluster_name,
            node_labels=self._origin.node_labels,
        )
        # The event goes out when it is whole: that is its place among others.
        return TimedEvent((returned or pending.record).header.ktime_ns, event)


def _moment(header: Header) -> tuple[int, int, int, int]:
    """Return what joins a record with the pieces of its buffers."""
    return header.policy, header.hook, header.tid, header.ktime_ns


def _ktime(timed: TimedEvent) -> int:
    return timed.ktime_ns
