"""The pods of processes: found by container id, or waited for.

A container's id is in its pod's status some time after its first process has started: the kubelet
writes the status when the container runs, and the API server's watch has to tell it. So a container
that is not known yet is waited for, once and for a bounded time; after that its processes go
without a pod, or with what the container's runtime announced or the path of its cgroup tells, until
a status tells more.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace

from osmia_agent.process.arguments import joined
from osmia_agent.process.cgroups import NOWHERE
from osmia_events.model import Container, Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from osmia_agent.process.cgroups import CgroupPlace
    from osmia_agent.process.image import ProcessImage
    from osmia_events.model import Pod

_MAX_STRANGERS = 4096


class KnownContainer(Protocol):
    """A container of a pod of this node."""

    @property
    def pod(self) -> Pod:
        """The pod as its processes show it, but for their pid in the container."""

    @property
    def probes(self) -> tuple[tuple[str, ...], ...]:
        """Commands that the kubelet executes in the container to see whether it is well."""


class PodDirectory(Protocol):
    """The pods of this node at one moment; never changed, replaced as a whole."""

    @property
    def containers(self) -> Mapping[str, KnownContainer]:
        """Containers by id, cut as events show it."""

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Pods without a container, by the uid that the kubelet gives their cgroups."""


class AnnouncedContainer(Protocol):
    """What a runtime told of a container before it started it."""

    @property
    def pod_uid(self) -> str:
        """As the kubelet names it to the runtime."""

    @property
    def name(self) -> str:
        """Of the container in its pod, "" if it was not told."""

    @property
    def image(self) -> str:
        """Its name, "" if it was not told."""


class Settled(NamedTuple):
    """A container that is not waited for any more."""

    container: str
    found: bool
    images: Mapping[str, ProcessImage]
    """By `exec_id`: those whose process was made before."""


class _Wanted:
    """A container that is waited for."""

    __slots__ = ("deadline_s", "images", "place")

    def __init__(self, place: CgroupPlace, deadline_s: float) -> None:
        self.place = place
        self.deadline_s = deadline_s
        self.images: dict[str, ProcessImage] = {}


class PodIdentity:
    """Gives processes their pods; used by one thread.

    `directory` returns the newest state of the node's pods; None where no pod will ever be known.
    `wait_s` is how long an unknown container is waited for. `announced` returns what the runtime
    told of a container, by its id as events show it.
    """

    def __init__(
        self,
        directory: Callable[[], PodDirectory] | None = None,
        wait_s: float = 0.0,
        now: Callable[[], float] = time.monotonic,
        *,
        announced: Callable[[str], AnnouncedContainer | None] = lambda _: None,
    ) -> None:
        self._newest = directory
        self._directory = directory() if directory else None
        self._wait_s = wait_s
        self._now = now
        self._announced = announced
        self.wanted: dict[str, _Wanted] = {}
        """Containers that are waited for, by id. To be changed by methods only."""
        self._strangers: OrderedDict[str, CgroupPlace] = OrderedDict()
        self.images: Callable[[], Iterable[ProcessImage]] = tuple
        """All images of the process table."""

    def pod(self, place: CgroupPlace, nspid: int, binary: str, arguments: str) -> Pod | None:
        """Return the pod of a process, None if it is in none or in none that is known yet."""
        if self._directory is None or not place.containers:
            return None
        known = known_container(self._directory, place)
        if known is not None:
            return _of_process(known, nspid, binary, arguments)
        return self._by_hearsay(place, nspid) if place.container in self._strangers else None

    def note(self, image: ProcessImage, place: CgroupPlace) -> None:
        """Wait for the container of a new image, if its pod is not known."""
        process = image.process
        if self._directory is None or not process.docker or process.pod is not None:
            return
        container = process.docker
        if container in self._strangers:
            return
        wanted = self.wanted.get(container)
        if wanted is None:
            if place.container != container:  # a child still shows the container of its parent
                place = NOWHERE._replace(containers=(container,))
            wanted = self.wanted[container] = _Wanted(place, self._now() + self._wait_s)
        wanted.images[process.exec_id] = image

    def settle(self) -> list[Settled]:
        """Look for what is waited for; return what is known now, or is given up."""
        if self._newest is None or not self._look():
            return []
        now_s = self._now()
        return [
            settled
            for container, wanted in list(self.wanted.items())
            if (settled := self._settled(container, wanted, given_up=now_s >= wanted.deadline_s))
        ]

    def give_up(self, container: str) -> Settled | None:
        """Wait for a container no longer."""
        wanted = self.wanted.get(container)
        return self._settled(container, wanted, given_up=True) if wanted else None

    def _look(self) -> bool:
        """Take the newest directory; return whether there is anything to settle."""
        assert self._newest is not None
        directory = self._newest()
        if directory is not self._directory:
            self._directory = directory
            found = {
                container: known
                for container in self._strangers.keys() & directory.containers.keys()
                if (known := known_container(directory, self._strangers[container]))
            }
            if found:
                for container in found:
                    del self._strangers[container]
                for image in self.images():
                    if known := found.get(image.process.docker):
                        _identify(image, known)
        return bool(self.wanted)

    def _settled(self, container: str, wanted: _Wanted, *, given_up: bool) -> Settled | None:
        assert self._directory is not None
        known = known_container(self._directory, wanted.place)
        if known is None and not given_up:
            return None
        del self.wanted[container]
        if known is None:
            self._strangers[container] = wanted.place
            if len(self._strangers) > _MAX_STRANGERS:
                self._strangers.popitem(last=False)
        for image in wanted.images.values():
            if known is not None:
                _identify(image, known)
            elif pod := self._by_hearsay(wanted.place, image.nspid):
                image.process = image.process.replaced(pod=pod)
        return Settled(container, known is not None, wanted.images)

    def _by_hearsay(self, place: CgroupPlace, nspid: int) -> Pod | None:
        """Return a pod, and what is known of the container, as its runtime or its path tells.

        The path tells its id alone. That is all there ever is to say of a pod's sandbox (pause),
        which no status lists.
        """
        assert self._directory is not None
        pods = self._directory.pods
        container = Container(id=place.container, pid=nspid or None)
        for identifier in reversed(place.containers):
            told = self._announced(identifier)
            pod = told and pods.get(told.pod_uid)
            if told and pod and may_be_in(pod, self._directory, place):
                if identifier == place.container:
                    image = Image(name=told.image) if told.image else None
                    container = replace(container, name=told.name, image=image)
                return pod.replaced(container=container)
        pod = pods.get(place.pod_uid)
        return pod and pod.replaced(container=container)


def known_container(directory: PodDirectory, place: CgroupPlace) -> KnownContainer | None:
    """Return the container that a cgroup is in, if a pod's status lists it.

    The outermost counts: a container can make cgroups below its own, and name them after another.
    """
    for container in reversed(place.containers):
        known = directory.containers.get(container)
        if known is not None and may_be_in(known.pod, directory, place):
            return known
    return None


def may_be_in(pod: Pod, directory: PodDirectory, place: CgroupPlace) -> bool:
    """Tell whether a cgroup may be in a pod that the name of a container in its path leads to."""
    if len(place.containers) == 1:
        return True
    by_path = directory.pods.get(place.pod_uid)
    return by_path is None or by_path.uid == pod.uid


def _identify(image: ProcessImage, known: KnownContainer) -> None:
    process = image.process
    pod = _of_process(known, image.nspid, process.binary, process.arguments)
    image.process = process.replaced(pod=pod)


def _of_process(known: KnownContainer, nspid: int, binary: str, arguments: str) -> Pod:
    pod = known.pod
    assert pod.container is not None
    if known.probes and any(is_probe(command, binary, arguments) for command in known.probes):
        container = replace(pod.container, pid=nspid or None, maybe_exec_probe=True)
        return pod.replaced(container=container)
    return pod.with_container_pid(nspid) if nspid else pod


def is_probe(command: tuple[str, ...], binary: str, arguments: str) -> bool:
    """Tell whether a process may be a probe: a command that the kubelet executes in a container.

    A path is compared whole, a bare name with the last part of the binary's path. `arguments` are
    joined as events show them. A script is run by its interpreter: its own path comes first then.
    """
    if not command:
        return False
    name = command[0]
    if name.startswith("/"):
        if binary != name:
            return False
    elif binary.rpartition("/")[2] != name.rpartition("/")[2]:
        return False
    shown = _joined(command[1:])
    return arguments in (shown, _joined((binary, *command[1:])))


def _joined(arguments: tuple[str, ...]) -> str:
    return joined(b"".join(each.encode() + b"\0" for each in arguments), cwd_follows=False)
