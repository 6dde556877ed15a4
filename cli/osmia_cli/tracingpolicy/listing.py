"""The table of an agent's policies, column by column as upstream's client prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_cli.tables import align
from osmia_events import messages
from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = (
    *("ID", "NAME", "DOMAIN", "STATE", "FILTERID", "NAMESPACE", "SENSORS", "KERNELMEMORY"),
    *("MODE", "NPOST", "NENFORCE", "NMONITOR"),
)
_HOOKS_HEADER = ("SECTION", "CFGIDX", "DESCRIPTION", "STATUS")
_INDENT = "   "
_UNITS = "kMGTPE"


def policy_lines(policies: Sequence[Any]) -> list[str]:
    """Return the lines of a list of `TracingPolicyStatus`.

    Below a policy of which not all is in force stand its error and, if some hooks are, its hooks.
    """
    header, *rows = align([_HEADER, *map(_row, policies)])
    lines = [header]
    for policy, row in zip(policies, rows, strict=True):
        lines.append(row)
        lines += [_INDENT + escaped(line) for line in policy.error.split("\n") if line]
        if _name("TracingPolicyState", policy.state) == "partially_enabled":
            hooks = align([_HOOKS_HEADER, *map(_hook_row, policy.hook_statuses)])
            lines += [_INDENT + line for line in hooks]
    return lines


def memory(size: int) -> str:
    """Write bytes with the unit that leaves one to three digits; 1 kB has 1000."""
    if size < 1000:
        return f"{size} B"
    number, unit = size / 1000, 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.2f} {_UNITS[unit]}B"


def _row(policy: Any) -> tuple[str, ...]:
    counts = policy.stats.action_counters
    enforced = counts.signal + counts.override + counts.notify_enforcer + counts.set
    monitored = (
        counts.monitor_signal
        + counts.monitor_override
        + counts.monitor_notify_enforcer
        + counts.monitor_set
    )
    return (
        str(policy.id),
        policy.name,
        policy.domain,
        _name("TracingPolicyState", policy.state),
        str(policy.filter_id),
        policy.namespace or "(global)",
        ",".join(policy.sensors),
        memory(policy.kernel_memory_bytes),
        _name("TracingPolicyMode", policy.mode),
        str(counts.post),
        str(enforced),
        str(monitored),
    )


def _hook_row(hook: Any) -> tuple[str, ...]:
    return (
        hook.section,
        str(hook.hook_idx),
        hook.hook_description,
        _name("HookState", hook.state),
    )


def _name(enum: str, number: int) -> str:
    """Return the name of a state as people read it; the number itself if it has none."""
    value = messages.file("sensors").enum_types_by_name[enum].values_by_number.get(number)
    if value is None:
        return str(number)
    name: str = value.name.lower()
    for prefix in ("tp_state_", "tp_mode_", "status_"):
        name = name.removeprefix(prefix)
    return name
