"""Namespaces of a process as the contract's message, told apart from those of the host."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from osmia_events.model import Namespace, Namespaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_bpf import records


class NamespaceMessages:
    """Makes `ns` messages; `host` are the namespaces of process 1."""

    def __init__(self, host: records.Namespaces) -> None:
        self._host = host
        self.of: Callable[[records.Namespaces], Namespaces] = lru_cache(maxsize=1024)(self._message)
        """Return the message for a task's namespaces; time namespaces of 0 do not exist."""

    def in_host(self, namespaces: records.Namespaces) -> bool:
        """Return whether a task sees the host's files and users."""
        host = self._host
        return namespaces.mnt == host.mnt and namespaces.user == host.user

    def _message(self, task: records.Namespaces) -> Namespaces:
        host = self._host
        timed = task.time != 0
        return Namespaces(
            uts=Namespace(task.uts, task.uts == host.uts),
            ipc=Namespace(task.ipc, task.ipc == host.ipc),
            mnt=Namespace(task.mnt, task.mnt == host.mnt),
            pid=Namespace(task.pid, task.pid == host.pid),
            pid_for_children=Namespace(
                task.pid_for_children, task.pid_for_children == host.pid_for_children
            ),
            net=Namespace(task.net, task.net == host.net),
            time=Namespace(task.time, task.time == host.time) if timed else None,
            time_for_children=Namespace(
                task.time_for_children, task.time_for_children == host.time_for_children
            )
            if timed
            else None,
            cgroup=Namespace(task.cgroup, task.cgroup == host.cgroup),
            user=Namespace(task.user, task.user == host.user),
        )
