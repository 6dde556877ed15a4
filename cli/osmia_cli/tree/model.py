"""Processes as events tell of them: who started whom, how each ended, which policies fired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from osmia_events.model import KprobeAction, ProcessExec, ProcessExit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from osmia_events.model import Event, Process

_MAX_PROCESSES = 50_000
_NO_ACTIONS = {KprobeAction.KPROBE_ACTION_UNKNOWN, KprobeAction.KPROBE_ACTION_POST}
_ACTION_NAMES = {
    action.value: action.name.removeprefix("KPROBE_ACTION_") for action in KprobeAction
}


@dataclass(eq=False, slots=True)
class Node:
    """One image of a process, with those that it started or became."""

    process: Process
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    is_seen: bool = False
    """Whether an event was about it; else it is known only as a parent."""
    end: str = ""
    """Signal or exit status, once it has ended."""
    fired: Counter[str] = field(default_factory=Counter)
    """How often policies fired here, by policy, hook and what was done."""

    @property
    def is_same_process(self) -> bool:
        """Whether it is its parent's process, with another program in it."""
        return self.parent is not None and self.parent.process.pid == self.process.pid

    @property
    def place(self) -> str:
        """Namespace and name of its pod; empty outside of pods."""
        pod = self.process.pod
        return f"{pod.namespace}/{pod.name}" if pod else ""


class ProcessTree:
    """A forest that grows with events; beyond `max_processes` the oldest that ended make room."""

    def __init__(self, max_processes: int = _MAX_PROCESSES) -> None:
        self._max_processes = max_processes
        self._nodes: dict[str, Node] = {}
        self.forgotten = 0
        """How many processes had to make room."""

    def add_all(self, events: Iterable[Event]) -> None:
        """Take events, in their order."""
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take one event; those without a process tell nothing."""
        body = event.body
        process = body.process if body else None
        if body is None or process is None or not process.exec_id:
            return
        node = self._node(process, getattr(body, "parent", None))
        node.is_seen = True
        if isinstance(body, ProcessExec):
            node.process = process
        elif isinstance(body, ProcessExit):
            node.end = body.signal or str(body.status)
        else:
            node.fired[_mark(body)] += 1

    def roots(self) -> Iterator[Node]:
        """Yield the processes of whose parent nothing is known, in the order they were met."""
        return (node for node in self._nodes.values() if node.parent is None)

    def to_object(self) -> list[dict[str, Any]]:
        """Return all processes as JSON has them, parents first; trees may be too deep to nest."""
        found = []
        waiting = list(self.roots())
        for node in waiting:
            waiting += node.children
            found.append(_object(node))
        return found

    def _node(self, process: Process, parent: Process | None) -> Node:
        known = self._nodes.get(process.exec_id)
        if known is None:
            known = self._nodes[process.exec_id] = Node(process)
        if known.parent is None:
            self._link(known, process, parent)
        while len(self._nodes) > self._max_processes + 1:
            self._forget_oldest(known)
        return known

    def _link(self, node: Node, process: Process, parent: Process | None) -> None:
        above = self._nodes.get(process.parent_exec_id)
        if above is None and parent is not None and parent.exec_id:
            above = self._nodes.setdefault(parent.exec_id, Node(parent))
        if above is None or node in _ancestry(above):
            return
        node.parent = above
        above.children.append(node)

    def _forget_oldest(self, spared: Node) -> None:
        """Forget a tenth, but not `spared`: the oldest that ended, then the oldest.

        Their children become roots.
        """
        surplus = max(self._max_processes // 10, 1)
        ended = [node for node in self._nodes.values() if node.end and node is not spared]
        living = [node for node in self._nodes.values() if not node.end and node is not spared]
        for node in [*ended[:surplus], *living][:surplus]:
            del self._nodes[node.process.exec_id]
            self.forgotten += 1
            if node.parent is not None:
                node.parent.children.remove(node)
            for child in node.children:
                child.parent = None


def _ancestry(node: Node | None) -> Iterator[Node]:
    """Yield a node, its parent, and so on."""
    while node is not None:
        yield node
        node = node.parent


def _mark(body: Any) -> str:
    """Say which policy fired where, and what it did."""
    hook = getattr(body, "function_name", "") or getattr(body, "symbol", "")
    hook = hook or ":".join(filter(None, (getattr(body, "subsys", ""), getattr(body, "event", ""))))
    hook = hook or getattr(body, "name", "") or body.event_name
    policy = getattr(body, "policy_name", "")
    action = getattr(body, "action", KprobeAction.KPROBE_ACTION_UNKNOWN)
    done = ""
    if action not in _NO_ACTIONS:
        done = f" {_ACTION_NAMES.get(action, action)}"
    return f"{policy}: {hook}{done}" if policy else f"{hook}{done}"


def _object(node: Node) -> dict[str, Any]:
    process = node.process
    fields = {
        "exec_id": process.exec_id,
        "parent_exec_id": node.parent.process.exec_id if node.parent else "",
        "pid": process.pid,
        "binary": process.binary,
        "arguments": process.arguments,
        "pod": node.place,
        "exit": node.end,
        "policies": dict(node.fired),
    }
    return {name: value for name, value in fields.items() if value}
