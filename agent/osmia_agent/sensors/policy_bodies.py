"""Bodies of policy events: what one call of a hook was, from its records."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from osmia_agent.sensors.policy_arguments import argument, arguments, ima_hash
from osmia_events.model import (
    KprobeAction,
    KprobeArgument,
    ProcessKprobe,
    ProcessLsm,
    ProcessTracepoint,
    ProcessUprobe,
    StackTraceEntry,
)

if TYPE_CHECKING:
    from osmia_agent.process.table import Lineage
    from osmia_agent.sensors.symbols import Symbols
    from osmia_bpf.policy.schema import HookSchema
    from osmia_bpf.policy.values import DecodedRecord
    from osmia_events.model import Process

    Body = ProcessKprobe | ProcessTracepoint | ProcessUprobe | ProcessLsm

MAX_THREADS = 1024
"""Threads whose form of the process is kept."""

_ACTIONS = {each.value: each for each in KprobeAction}
_UNKNOWN = KprobeAction.KPROBE_ACTION_UNKNOWN


class PolicyBodies:
    """Makes them; one thread calls it."""

    def __init__(self, symbols: Symbols, *, stack_addresses: bool) -> None:
        """`stack_addresses` says that stack traces tell addresses, too."""
        self._symbols = symbols
        self._stack_addresses = stack_addresses
        self._threads: OrderedDict[tuple[Process, int], Process] = OrderedDict()

    def body(
        self,
        policy: str,
        hook: HookSchema,
        lineage: Lineage,
        record: DecodedRecord,
        returned: DecodedRecord | None,
    ) -> Body:
        """Return what the event of a hook says; `returned` is None where no return is told."""
        process = self._thread(lineage.process, record.header.tid)
        found = _arguments(hook, record, returned)
        shown = tuple(chain.from_iterable(found[: hook.data_from]))
        shown_data = tuple(chain.from_iterable(found[hook.data_from :]))
        header, action = record.header, _action(record)
        if hook.section == "tracepoints":
            subsystem, _, event = hook.name.partition("/")
            return ProcessTracepoint(
                process=process,
                parent=lineage.parent,
                subsys=subsystem,
                event=event,
                args=tuple(KprobeArgument(each.kind, each.value) for each in shown),
                policy_name=policy,
                action=action,
                message=hook.message,
                tags=hook.tags,
                ancestors=lineage.ancestors,
            )
        if hook.section == "uprobes":
            return ProcessUprobe(
                process=process,
                parent=lineage.parent,
                path=hook.name,
                symbol=hook.targets[0],
                policy_name=policy,
                message=hook.message,
                args=shown,
                tags=hook.tags,
                ancestors=lineage.ancestors,
                offset=hook.offset,
                ref_ctr_offset=hook.reference_counter,
                action=action,
                data=shown_data,
            )
        if hook.section == "lsmhooks":
            return ProcessLsm(
                process=process,
                parent=lineage.parent,
                function_name=hook.name,
                policy_name=policy,
                message=hook.message,
                args=shown,
                action=action,
                tags=hook.tags,
                ancestors=lineage.ancestors,
                ima_hash=ima_hash(returned.arguments[0]) if returned else "",
            )
        return ProcessKprobe(
            process=process,
            parent=lineage.parent,
            function_name=hook.name or self._symbols.function(header.function),
            args=shown,
            return_=_returned(hook, returned),
            action=action,
            kernel_stack_trace=self._kernel_stack(
                record.kernel_stack or (returned.kernel_stack if returned else ())
            ),
            policy_name=policy,
            return_action=_action(returned) if returned else _UNKNOWN,
            message=hook.message,
            tags=hook.tags,
            user_stack_trace=self._user_stack(
                header.tgid, record.user_stack or (returned.user_stack if returned else ())
            ),
            ancestors=lineage.ancestors,
            data=shown_data,
        )

    def _thread(self, process: Process, tid: int) -> Process:
        """Return the process as one of its threads: the same object for each of its events."""
        if process.tid == tid or not tid:
            return process
        key = (process, tid)
        known = self._threads.get(key)
        if known is None:
            known = self._threads[key] = process.replaced(tid=tid)
            if len(self._threads) > MAX_THREADS:
                self._threads.popitem(last=False)
        return known

    def _kernel_stack(self, addresses: tuple[int, ...]) -> tuple[StackTraceEntry, ...]:
        entries = []
        for address in addresses:
            symbol, offset = self._symbols.kernel(address)
            shown = address if self._stack_addresses else 0
            entries.append(StackTraceEntry(shown, offset, symbol))
        return tuple(entries)

    def _user_stack(self, tgid: int, addresses: tuple[int, ...]) -> tuple[StackTraceEntry, ...]:
        entries = []
        for address in addresses:
            module, offset = self._symbols.user(tgid, address)
            shown = address if self._stack_addresses else 0
            entries.append(StackTraceEntry(shown, offset, module=module))
        return tuple(entries)


def _action(record: DecodedRecord) -> KprobeAction | int:
    return _ACTIONS.get(record.header.action, record.header.action)


def _arguments(
    hook: HookSchema, record: DecodedRecord, returned: DecodedRecord | None
) -> list[tuple[KprobeArgument, ...]]:
    """Return the messages for each of the hook's arguments, none for one that has no value."""
    early = iter(record.arguments)
    late = iter(returned.arguments[1:] if returned else ())
    found: list[tuple[KprobeArgument, ...]] = []
    for schema in hook.arguments:
        decoded = None if not schema.struct else next(late if schema.at_return else early, None)
        found.append(
            ()
            if decoded is None
            else arguments(schema, decoded, of_tracepoint=hook.section == "tracepoints")
        )
    return found


def _returned(hook: HookSchema, returned: DecodedRecord | None) -> KprobeArgument | None:
    if returned is None or hook.returned is None:
        return None
    return argument(hook.returned, returned.arguments[0])
