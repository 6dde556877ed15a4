"""What events say of a pod, out of its object in the API. Pure."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_events.model import Container, Image, Pod, SecurityContext
from osmia_events.rfc3339 import parse_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHOWN_CHARACTERS = 31
"""Container ids are known by this much: it is what the names of cgroups are cut to in events."""

# A static pod's cgroup bears the hash of its manifest. Its object in the API is a mirror of it, and
# says so by this annotation.
_MIRROR = "kubernetes.io/config.mirror"
_TEMPLATE_HASH = "pod-template-hash"
_DEPLOYMENT_CONFIG = "deploymentconfig"
_CRON_JOB = re.compile(r"(.+)-\d{8,10}")
_GROUPS = (
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)

Manifest = dict[str, Any]


class KnownContainer(NamedTuple):
    """A container that the kubelet has told of."""

    pod: Pod
    """As processes of the container show it, but for their pid in it."""
    probes: tuple[tuple[str, ...], ...] = ()
    """Commands of its liveness and readiness probes."""


class PodEntry(NamedTuple):
    """One pod."""

    uid: str
    static_uid: str
    """Of a static pod: what the kubelet has named its cgroup by; else ""."""
    pod: Pod
    """Without a container."""
    containers: Mapping[str, KnownContainer]
    """By the first characters of the id, with those that have run before."""


def read_pod(manifest: Manifest, *, annotations: bool) -> PodEntry:
    """Return what events say of a pod; `annotations` says whether they show its annotations."""
    metadata = manifest["metadata"]
    labels = {sys.intern(key): value for key, value in (metadata.get("labels") or {}).items()}
    notes = metadata.get("annotations") or {}
    uid = metadata.get("uid", "")
    workload, kind = workload_of(metadata)
    pod = Pod(
        namespace=sys.intern(metadata.get("namespace", "")),
        name=metadata["name"],
        uid=uid,
        pod_labels=labels,
        workload=workload,
        workload_kind=sys.intern(kind),
        pod_annotations=dict(notes) if annotations else {},
    )
    return PodEntry(uid, notes.get(_MIRROR, ""), pod, dict(_containers(manifest, pod)))


def _containers(manifest: Manifest, pod: Pod) -> Iterator[tuple[str, KnownContainer]]:
    spec = manifest.get("spec") or {}
    status = manifest.get("status") or {}
    for in_spec, in_status in _GROUPS:
        specs = {each["name"]: each for each in spec.get(in_spec) or ()}
        for told in status.get(in_status) or ():
            template = specs.get(told.get("name"), {})
            probes = tuple(_probes(template))
            for identifier, running in _ids(told):
                known = identifier.partition("://")[2] or identifier
                container = _container(identifier, told, template, running)
                yield (
                    known[:SHOWN_CHARACTERS],
                    KnownContainer(pod.replaced(container=container), probes),
                )


def _ids(status: Manifest) -> Iterator[tuple[str, Manifest | None]]:
    """Yield the ids of a container, the one before a restart first, with how it runs."""
    state = status.get("state") or {}
    ended = (status.get("lastState") or {}).get("terminated"), state.get("terminated")
    for each in ended:
        if each and each.get("containerID"):
            yield each["containerID"], None
    if status.get("containerID"):
        yield status["containerID"], state.get("running")


def _container(
    identifier: str, status: Manifest, template: Manifest, running: Manifest | None
) -> Container:
    privileged = bool((template.get("securityContext") or {}).get("privileged"))
    return Container(
        id=identifier,
        name=status.get("name", ""),
        image=Image(id=status.get("imageID", ""), name=status.get("image", "")),
        start_time=_time(running.get("startedAt")) if running else None,
        security_context=SecurityContext(privileged=privileged),
    )


def _time(text: str | None) -> int | None:
    try:
        return parse_ns(text) if text else None
    except ValueError:
        return None


def _probes(template: Manifest) -> Iterator[tuple[str, ...]]:
    for name in ("livenessProbe", "readinessProbe"):
        command = ((template.get(name) or {}).get("exec") or {}).get("command")
        if command:
            yield tuple(command)


def workload_of(metadata: Manifest) -> tuple[str, str]:
    """Return name and kind of what a pod was made by, or the pod's own.

    A pod whose name nobody generated stands for itself. Else its controller counts, and of the
    usual ones what has made them in turn: the Deployment of a ReplicaSet, the CronJob of a Job, the
    DeploymentConfig of a ReplicationController, as their names and labels tell.
    """
    own = metadata["name"], "Pod"
    if not metadata.get("generateName"):
        return own
    owners = metadata.get("ownerReferences") or ()
    controller = next((each for each in owners if each.get("controller")), None)
    if controller is None:
        return own
    labels = metadata.get("labels") or {}
    name, kind = controller["name"], controller["kind"]
    template = labels.get(_TEMPLATE_HASH)
    if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
        return name.removesuffix(f"-{template}"), "Deployment"
    if kind == "ReplicationController" and labels.get(_DEPLOYMENT_CONFIG):
        return labels[_DEPLOYMENT_CONFIG], "DeploymentConfig"
    if kind == "Job" and (made_by := _CRON_JOB.fullmatch(name)):
        return made_by[1], "CronJob"
    return name, kind
