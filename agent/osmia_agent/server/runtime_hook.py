"""RuntimeHook: a container runtime tells of a container before it starts."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_agent.process.cgroups import place_of_path
from osmia_agent.server.calls import refuse
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_TRIES = 6
_WAIT_S = 0.01
_CONFIG_HASH = "kubernetes.io/config.hash"
"""Annotation of a static pod: its uid, until the API server knows it by another."""


class StartingContainer(NamedTuple):
    """What a runtime tells of a container."""

    container_id: str
    """Whole, or cut as events show it."""
    pod_uid: str
    namespace: str
    pod_name: str
    name: str
    """Of the container in its pod."""
    image: str
    cgroup_path: str
    root_dir: str


class RuntimeHook:
    """Answers RuntimeHook. Without `announce` no policy depends on containers."""

    def __init__(self, announce: Callable[[StartingContainer], bool] | None = None) -> None:
        self._announce = announce

    async def answer(self, request: Any) -> Any:
        """Hand a container on; it is waited for a moment until its pod is known."""
        try:
            container = starting_container(request)
            for attempt in range(_TRIES):
                if self._announce is None or self._announce(container):
                    return messages.RuntimeHookResponse()
                if attempt + 1 < _TRIES:
                    await asyncio.sleep(_WAIT_S)
            raise ValueError(f"pod {container.pod_uid} is not known")
        except ValueError as error:
            log_id = uuid.uuid4()
            _log.warning("runtime hook failed (logid=%s): %s", log_id, error)
            refuse(f"server runtime hook failed. Check agent logs with logid={log_id} for details")


def starting_container(request: Any) -> StartingContainer:
    """Read a request. Raises ValueError with what is missing."""
    if request.WhichOneof("event") != "createContainer":
        raise ValueError("the request is about no container that starts")
    container = request.createContainer
    place = place_of_path(container.cgroupsPath)
    # Users write annotations: theirs is the last word that counts.
    pod_uid = container.podUID or place.pod_uid or container.annotations.get(_CONFIG_HASH, "")
    if not pod_uid:
        raise ValueError("createContainer: neither podUID nor cgroupsPath tells the pod")
    # For systemd a path is slice:prefix:name, and the name the id, whatever it looks like.
    _, colon, name = container.cgroupsPath.rpartition(":")
    container_id = container.containerID or place.container or (name if colon else "")
    if not container_id:
        raise ValueError("createContainer: neither containerID nor cgroupsPath tells the container")
    return StartingContainer(
        container_id=container_id,
        pod_uid=pod_uid,
        namespace=container.podNamespace,
        pod_name=container.podName,
        name=container.containerName,
        image=container.containerImage,
        cgroup_path=container.cgroupsPath,
        root_dir=container.rootDir,
    )
