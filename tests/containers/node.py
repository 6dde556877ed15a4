"""A node as its kubelet keeps it: pods in the API, their containers run by runc."""

from __future__ import annotations

import contextlib
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import NODES, PODS, ResourceType
from tests.containers.runtime import Container, PodSpec, status_of

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient

_HOOK = Path(__file__).with_name("oci_hook.py")
NAMESPACES = ResourceType("", "v1", "namespaces", "Namespace")


class Node:
    """Pods and containers of one test, removed at its end."""

    def __init__(self, client: KubeClient, folder: Path, root: Path, name: str) -> None:
        self.client = client
        self._folder = folder / "containers"
        self._folder.mkdir()
        self._root = root
        self.name = name
        self._pods: list[PodSpec] = []
        self._containers: list[Container] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for container in self._containers:
            container.delete()
        for container in self._containers:
            container.remove_cgroup()
        for pod in self._pods:
            with contextlib.suppress(ApiError):
                self.client.delete(PODS, pod.name, pod.namespace)
        with contextlib.suppress(ApiError):
            self.client.delete(NODES, self.name)

    def add_node(self, **labels: str) -> None:
        self.client.create(
            NODES,
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": self.name, "labels": labels},
            },
        )

    def add_namespace(self, name: str) -> None:
        with contextlib.suppress(ApiError):
            self.client.create(
                NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )

    def add(self, pod: PodSpec) -> PodSpec:
        """Make the pod's object, which says nothing of containers yet."""
        self.add_namespace(pod.namespace)
        made = self.client.create(PODS, pod.manifest(self.name), pod.namespace)
        pod.uid = made["metadata"]["uid"]
        self._pods.append(pod)
        return pod

    def container(self, pod: PodSpec, *command: str, **options: Any) -> Container:
        """A container of the pod, not made yet."""
        container = Container(self._folder, self._root, pod, list(command), **options)
        self._containers.append(container)
        return container

    def announced(self, pod: PodSpec, name: str, address: str, *command: str) -> Container:
        """A container of which a runtime hook tells the agent at this address.

        What the hook says is all that tells the pod: the cgroup's path has another uid.
        """
        told = {"uid": pod.uid, "name": pod.name, "namespace": pod.namespace}
        return self.container(
            replace(pod, uid=str(uuid.uuid4())),
            *command,
            hook=(sys.executable, str(_HOOK), address),
            annotations={
                "io.kubernetes.cri.container-name": name,
                **{f"io.kubernetes.cri.sandbox-{key}": each for key, each in told.items()},
            },
        )

    def tell(
        self,
        pod: PodSpec,
        name: str,
        container: Container,
        *,
        group: str = "containerStatuses",
        **more: Any,
    ) -> None:
        """Write into the pod's status that a container runs, as the kubelet does.

        `group` is the list of the status that it belongs to.
        """
        others = [each for each in pod.statuses.get(group, ()) if each["name"] != name]
        pod.statuses[group] = [*others, status_of(name, container.id, **more)]
        self.write_status(pod)

    def write_status(self, pod: PodSpec, **status: Any) -> None:
        manifest = self.client.get(PODS, pod.name, pod.namespace)
        manifest["status"] = {**pod.statuses, "phase": "Running", **status}
        path = PODS.path(pod.namespace, pod.name, "status")
        self.client.request("PUT", path, body=manifest)

    def label(self, pod: PodSpec, **labels: str) -> None:
        manifest = self.client.get(PODS, pod.name, pod.namespace)
        manifest["metadata"]["labels"] = labels
        self.client.replace(PODS, manifest, pod.namespace)

    def delete(self, pod: PodSpec) -> None:
        self.client.delete(PODS, pod.name, pod.namespace)
