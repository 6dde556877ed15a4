"""Shows an overview of a cluster: a table for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_cli.cluster.overview import NodeState, Overview

_HEAD = ("NODE", "STATE", "VERSION", "KERNEL", "BUNDLES", "FAILED", "LOST")
_GAP = 3


def to_object(overview: Overview) -> dict[str, Any]:
    """Return the overview as JSON has it."""
    return {
        "nodes": [
            {
                "name": node.name,
                "state": node.state,
                "version": node.version,
                "kernel": node.kernel,
                "bundles": {"inForce": node.in_force, "desired": node.desired},
                "lost": dict(node.lost),
                "troubles": [trouble._asdict() for trouble in node.troubles],
            }
            for node in overview.nodes
        ],
        "sources": [
            {
                "kind": source.id.kind,
                "namespace": source.id.namespace,
                "name": source.id.name,
                "ready": source.ready,
                "reason": source.reason,
                "message": source.message,
                "nodes": source.nodes,
            }
            for source in overview.sources
        ],
    }


def to_lines(overview: Overview) -> list[str]:
    """Return the table, and below it what is not as it should be."""
    if not overview.nodes:
        return ["No node runs an agent."]
    lines = _align([_HEAD, *map(_row, overview.nodes)])
    for node in overview.nodes:
        for source, state, reason in node.troubles:
            lines.append(escaped(f"{node.name}: {source}: {state}: {reason}"))
        for where, count in sorted(node.lost.items()):
            lines.append(escaped(f"{node.name}: lost {count} events: {where}"))
    lines += [
        escaped(f"{source.id}: not Ready: {source.reason}: {source.message}")
        for source in overview.sources
        if not source.ready
    ]
    return lines


def _row(node: NodeState) -> tuple[str, ...]:
    failed = sum(trouble.state == "Failed" for trouble in node.troubles)
    return (
        node.name,
        node.state,
        node.version or "-",
        node.kernel or "-",
        f"{node.in_force}/{node.desired}",
        str(failed),
        str(sum(node.lost.values())),
    )


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    safe = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) + _GAP for column in zip(*safe, strict=True)]
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]
