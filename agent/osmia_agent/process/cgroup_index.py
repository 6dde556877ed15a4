"""The cgroups of containers: from the id in a record to the containers around a process."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

from osmia_agent.process.cgroups import NOWHERE, CgroupPlace, container_id_of_name
from osmia_agent.process.text import text
from osmia_bpf.records import CgroupChange, CgroupRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from osmia_agent.process.hierarchies import Hierarchy

logger = logging.getLogger(__name__)


class CgroupListener(Protocol):
    """Told of the cgroups that are in containers."""

    def cgroup_made(self, cgroup_id: int, place: CgroupPlace) -> None:
        """Take note of a cgroup that is new, or was found by a scan."""

    def cgroup_removed(self, cgroup_id: int) -> None:
        """Take note that a cgroup is gone."""


class CgroupIndex:
    """The cgroups that are in pods or containers, by id; used by one thread.

    Kept by the records of cgroups that come and go, which are in the ring before any record of a
    process in them, and by a scan at start and after a loss.
    """

    def __init__(
        self, hierarchies: Iterable[Hierarchy], listener: CgroupListener | None = None
    ) -> None:
        self._hierarchies = list(hierarchies)
        self.listener = listener
        self._places: dict[int, CgroupPlace] = {}

    def __len__(self) -> int:
        return len(self._places)

    def place(self, cgroup_id: int, name: bytes = b"") -> CgroupPlace:
        """Return where a process's cgroup is; `name` tells it where the cgroup is not known."""
        known = self._places.get(cgroup_id)
        if known is not None or not name:
            return known or NOWHERE
        identifier = container_id_of_name(text(name))
        return CgroupPlace((identifier,)) if identifier else NOWHERE

    def apply(self, record: CgroupRecord) -> None:
        """Take note of a record."""
        if record.change == CgroupChange.REMOVED:
            self._remove(record.cgroup_id)
        else:
            above = self._places.get(record.parent_id, NOWHERE)
            self._add(record.cgroup_id, above.below(text(record.name)))

    def scan(self) -> None:
        """Compare with the cgroups that there are."""
        found: dict[int, CgroupPlace] = {}
        for hierarchy in self._hierarchies:
            try:
                for cgroup_id, place in _walk(os.fsencode(hierarchy.path), NOWHERE):
                    found[cgroup_id | hierarchy.mark] = place
            except OSError as error:
                logger.warning("the cgroups in %s cannot be listed: %s", hierarchy.path, error)
                return
        for cgroup_id in self._places.keys() - found.keys():
            self._remove(cgroup_id)
        for cgroup_id, place in found.items():
            self._add(cgroup_id, place)

    def _add(self, cgroup_id: int, place: CgroupPlace) -> None:
        if place == NOWHERE:
            return
        self._places[cgroup_id] = place
        if self.listener is not None and place.containers:
            self.listener.cgroup_made(cgroup_id, place)

    def _remove(self, cgroup_id: int) -> None:
        place = self._places.pop(cgroup_id, None)
        if self.listener is not None and place is not None and place.containers:
            self.listener.cgroup_removed(cgroup_id)


def _walk(path: bytes, above: CgroupPlace) -> Iterator[tuple[int, CgroupPlace]]:
    """Yield the id and place of every cgroup below a directory that is in a pod or container."""
    with os.scandir(path) as entries:
        folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    for folder in folders:
        place = above.below(text(folder.name))
        if place != NOWHERE:
            yield folder.inode(), place
        try:
            yield from _walk(folder.path, place)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone meanwhile
