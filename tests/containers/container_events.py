"""The events of one container, as an agent wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bpf.agent import wait_until

if TYPE_CHECKING:
    from tests.bpf.agent import Agent
    from tests.containers.runtime import Container


def events_of(agent: Agent, container: Container) -> list[tuple[str, Any]]:
    """Return kind and body of what the container's processes did, in order."""
    return [
        (kind, body)
        for event in agent.events()
        for kind, body in event.items()
        if isinstance(body, dict) and body.get("process", {}).get("docker") == container.id[:31]
    ]


def execs(agent: Agent, container: Container, binary: str | None = None) -> list[dict[str, Any]]:
    """Return the processes of its exec events, in order; if one is named, of this binary.

    runc's own are left out: it executes a copy of itself, at times in the container's cgroup.
    """
    found = [
        body["process"] for kind, body in events_of(agent, container) if kind == "process_exec"
    ]
    own = [each for each in found if not each["binary"].startswith("/dev/fd/")]
    return [each for each in own if binary in (None, each["binary"])]


def first_exec(agent: Agent, container: Container, binary: str | None = None) -> dict[str, Any]:
    """Wait for the first of them."""
    return wait_until(lambda: execs(agent, container, binary), 15, "an exec in the container")[0]
