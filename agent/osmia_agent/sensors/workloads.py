"""Which policies apply to which containers, kept in the kernel as both come, go and change.

The bits of a container's cgroups are set when the cgroup is made, before its first process runs, as
far as its pod is known by then: by the container's id in the pod's status, by what a runtime hook
announced, or by the pod's uid in the path. Selectors of containers need the container's name, which
the path does not tell.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.process.cgroups import SHOWN_CHARACTERS
from osmia_agent.process.pods import known_container, may_be_in
from osmia_agent.sensors.selections import HOST, MAX_POLICIES, SelectionMap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_agent.process.cgroups import CgroupPlace
    from osmia_agent.process.pods import PodDirectory
    from osmia_bpf.policy.scope import Scope
    from osmia_events.model import Pod

_MAX_ANNOUNCED = 1024


class TooManyScopesError(Exception):
    """All bits are taken."""


class Announced(NamedTuple):
    """A container that a runtime is about to start."""

    container: str
    """Its id, whole or cut as events show it."""
    pod_uid: str
    namespace: str
    name: str
    """Of the container in its pod; empty if the runtime did not say."""
    image: str = ""
    cgroups: tuple[tuple[int, CgroupPlace], ...] = ()
    """Those that are there already: what the kernel tells of them may not have been read yet."""


class _Known(NamedTuple):
    """What selectors look at; names that are not known yet are None."""

    pod: Pod
    name: str | None = None
    repo: str = ""


class Workloads:
    """Decides and writes the bits; any thread may call it."""

    def __init__(self, selections: SelectionMap, *, knows_pods: bool = True) -> None:
        """`knows_pods` says whether `pods_changed` will ever be called."""
        self._map = selections
        self.knows_pods = knows_pods
        self._lock = threading.Lock()
        self._scopes: dict[int, Scope] = {}
        self._places: dict[int, CgroupPlace] = {}
        self._seen: dict[int, tuple[object, ...]] = {}
        self._masks: dict[int, int] = {}
        self._announced: OrderedDict[str, Announced] = OrderedDict()
        self._directory: PodDirectory | None = None

    @property
    def map_fd(self) -> int:
        """Descriptor of the kernel's map."""
        return self._map.fd

    def cgroup_made(self, cgroup_id: int, place: CgroupPlace) -> None:
        """Take note of a cgroup in a container."""
        with self._lock:
            self._places[cgroup_id] = place
            self._decide(cgroup_id)

    def cgroup_removed(self, cgroup_id: int) -> None:
        """Forget a cgroup."""
        with self._lock:
            self._places.pop(cgroup_id, None)
            self._seen.pop(cgroup_id, None)
            self._masks.pop(cgroup_id, None)
            self._map.drop(cgroup_id)

    def pods_changed(self, directory: PodDirectory) -> None:
        """Take the newest state of the node's pods."""
        with self._lock:
            self._directory = directory
            for cgroup_id, place in self._places.items():
                # What did not change is the same object, so this is quick for all but a few.
                if self._evidence(place) != self._seen.get(cgroup_id):
                    self._decide(cgroup_id)

    def announce(self, announced: Announced) -> bool:
        """Take a runtime's word for which pod a container will be in, before it starts.

        Returns whether the pod is known; if it is, and the cgroup is there, the container has its
        bits from the first instruction on.
        """
        with self._lock:
            container = announced.container[:SHOWN_CHARACTERS]
            self._announced[container] = announced
            if len(self._announced) > _MAX_ANNOUNCED:
                self._announced.popitem(last=False)
            for cgroup_id, place in announced.cgroups:
                self._places.setdefault(cgroup_id, place)
            for cgroup_id, place in self._places.items():
                if container in place.containers:
                    self._decide(cgroup_id)
            return self._directory is not None and announced.pod_uid in self._directory.pods

    def announced(self, container: str) -> Announced | None:
        """Return what a runtime told of a container, by its id as events show it."""
        with self._lock:
            return self._announced.get(container)

    def add(self, scope: Scope) -> int:
        """Return the number of a bit that says whether a scope has a cgroup.

        Raises `TooManyScopesError`.
        """
        with self._lock:
            number = next((i for i in range(MAX_POLICIES) if i not in self._scopes), None)
            if number is None:
                raise TooManyScopesError(
                    f"{MAX_POLICIES} policies and selectors of this node choose workloads already"
                )
            self._scopes[number] = scope
            self._decide_all()
            return number

    def remove(self, number: int) -> None:
        """Give a bit back; no program may look at it any more."""
        with self._lock:
            del self._scopes[number]
            self._decide_all()

    def _decide_all(self) -> None:
        for cgroup_id in self._places:
            self._decide(cgroup_id)
        self._map.put(HOST, sum(1 << at for at, scope in self._scopes.items() if scope.host))

    def _decide(self, cgroup_id: int) -> None:
        place = self._places[cgroup_id]
        self._seen[cgroup_id] = self._evidence(place)
        known = self._find(place)
        mask = 0
        if known is not None:
            pod = known.pod
            for number, scope in self._scopes.items():
                if scope.has_pod(pod.namespace, pod.pod_labels) and (
                    not scope.containers
                    or (known.name is not None and scope.has_container(known.name, known.repo))
                ):
                    mask |= 1 << number
        if self._masks.get(cgroup_id) != mask:
            self._masks[cgroup_id] = mask
            self._map.put(cgroup_id, mask)

    def _evidence(self, place: CgroupPlace) -> tuple[object, ...]:
        """Return all of the directory that says which pod a cgroup is in."""
        directory = self._directory
        if directory is None:
            return ()
        announced = [
            directory.pods.get(each.pod_uid)
            for container in place.containers
            if (each := self._announced.get(container))
        ]
        known = map(directory.containers.get, place.containers)
        return (*known, *announced, directory.pods.get(place.pod_uid))

    def _find(self, place: CgroupPlace) -> _Known | None:
        """Return what is known of the pod that a cgroup is in."""
        return next(self._candidates(place), None)

    def _candidates(self, place: CgroupPlace) -> Iterator[_Known]:
        directory = self._directory
        if directory is None:
            return
        known = known_container(directory, place)
        if known is not None and known.pod.container is not None:
            image = known.pod.container.image
            name = known.pod.container.name
            yield _Known(known.pod, name, repository(image.name if image else ""))
        for container in reversed(place.containers):
            announced = self._announced.get(container)
            pod = announced and directory.pods.get(announced.pod_uid)
            if announced and pod and may_be_in(pod, directory, place):
                yield _Known(pod, announced.name or None, repository(announced.image))
        by_path = directory.pods.get(place.pod_uid)
        if by_path:
            yield _Known(by_path)


def repository(image: str) -> str:
    """Return the name of an image without its tag and digest."""
    name = image.partition("@")[0]
    front, slash, last = name.rpartition("/")
    return front + slash + last.partition(":")[0]
