"""What an agent answers, cut down to what cannot hold a secret: only what is named is kept."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from osmia_cli.explain.fields import items, resources
from osmia_cli.info import info_object
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from osmia_cli.metrics_page import Sample

_HARMLESS_OPTIONS = frozenset(
    {
        "enable-ancestors",
        "export-file-perm",
        "export-file-rotation-interval",
        "log-format",
        "log-level",
        "metrics-label-filter",
        "policy-rb-size",
        "rb-size",
        "username-metadata",
    }
)
"""Of those that are texts or lists: choices, sizes and durations."""
_HARMLESS_LABELS = frozenset(
    {
        *("error", "event", "le", "mode", "msg_op", "opcode", "operation", "pipeline", "policy"),
        *("quantile", "reason", "state", "type", "version"),
    }
)
_HOOK_KINDS = frozenset({"fentry", "kprobe", "lsm", "tracepoint", "uprobe", "usdt"})
_OWN_POLICY = "__base__"
"""Policy label of the agent's own programs."""
_DOMAINS = frozenset({"grpc", "k8s", "static"})
_PLACE = re.compile(r"(?:line \d+: )?(?P<place>(?:\w+|\[\d+\])(?:\.\w+|\[\d+\])*)(?=:)", re.ASCII)


def health(response: Any) -> list[dict[str, Any]]:
    """Return the states, without their words."""
    return [{"event": each.event, "status": each.status} for each in response.health_status]


def probes(response: Any) -> Any:
    """Return what the agent's kernel offers."""
    return info_object(response)["Probes"]


def metrics_address(response: Any) -> str:
    """Return where the agent serves its metrics; empty if it does not."""
    return str(info_object(response)["Conf"].get("metrics-server") or "")


def options(response: Any) -> dict[str, Any]:
    """Return options: numbers and switches as they are, of most texts only how long they are."""
    return {name: _option(name, value) for name, value in info_object(response)["Conf"].items()}


def _option(name: str, value: Any) -> Any:
    match value:
        case bool() | int() | None:
            return value
        case _ if name in _HARMLESS_OPTIONS or not value:
            return value
        case list():
            return f"<{len(value)} items>"
        case _:
            return _size(str(value))


def policies(response: Any) -> list[dict[str, Any]]:
    """Return states and counters of policies; of an error, the place in the policy."""
    return [
        {
            "id": policy.id,
            "name": policy.name,
            "namespace": policy.namespace,
            "domain": policy.domain if policy.domain in _DOMAINS else _size(policy.domain),
            "state": _name("TracingPolicyState", policy.state),
            "mode": _name("TracingPolicyMode", policy.mode),
            "sensors": [name for name in policy.sensors if re.fullmatch(r"[a-z_]+", name)],
            "kernel_memory_bytes": policy.kernel_memory_bytes,
            "has_filter": policy.filter_id != 0,
            "error": [_error(line) for line in policy.error.splitlines()],
            "actions": {
                field.name: number for field, number in policy.stats.action_counters.ListFields()
            },
            "hooks": [
                {"index": hook.hook_idx, "state": _name("HookState", hook.state)}
                for hook in policy.hook_statuses
            ],
        }
        for policy in response.policies
    ]


def _error(line: str) -> str:
    """Return the place that an error names, if it is made of names that resources have."""
    match = _PLACE.match(line)
    place = match["place"] if match else ""
    if not set(re.findall(r"[A-Za-z_]\w*", place)) <= _field_names():
        place = ""
    return f"{place}: {_size(line)}".removeprefix(": ")


@cache
def _field_names() -> frozenset[str]:
    """Return the names of all fields of all resources."""
    names: set[str] = set()
    waiting = [resource.schema for resource in resources()]
    for schema in waiting:
        properties = items(schema).get("properties", {})
        names |= properties.keys()
        waiting += properties.values()
    return frozenset(names)


def metrics(samples: Iterable[Sample]) -> dict[str, dict[str, float]]:
    """Return numbers by name and harmless labels; what only other labels tell apart is summed."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sample in samples:
        labels = _harmless_labels(sample.labels)
        found[sample.name][",".join(f"{name}={value}" for name, value in labels.items())] += (
            sample.value
        )
    return found


def _harmless_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Keep what says nothing of a node; of a policy's hook, which may name a file, its kind."""
    kept = {name: value for name, value in labels.items() if value and name in _HARMLESS_LABELS}
    kind = labels.get("hook", "").partition(":")[0]
    if kind in _HOOK_KINDS:
        kept["hook"] = kind
    if "attach" in labels and labels.get("policy") == _OWN_POLICY:
        kept["attach"] = labels["attach"]
    return dict(sorted(kept.items()))


def _size(text: str) -> str:
    return f"<{len(text)} characters>"


def _name(enum: str, number: int) -> str:
    value = messages.file("sensors").enum_types_by_name[enum].values_by_number.get(number)
    return str(value.name if value else number)
