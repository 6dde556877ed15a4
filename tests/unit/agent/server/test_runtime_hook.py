from __future__ import annotations

import asyncio
from typing import Any

import pytest

from osmia_agent.server.calls import CallError
from osmia_agent.server.runtime_hook import RuntimeHook, StartingContainer, starting_container
from osmia_events import messages

UID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ID = "5" * 64
SHOWN = ID[:31]
HASH = "kubernetes.io/config.hash"
SLICE = f"kubepods-pod{UID.replace('-', '_')}.slice"


def request(**container: Any) -> Any:
    return messages.RuntimeHookRequest(createContainer=messages.CreateContainer(**container))


@pytest.mark.parametrize(
    ("given", "pod", "container"),
    [
        ({"podUID": UID, "containerID": ID}, UID, ID),
        ({"cgroupsPath": f"/kubepods/burstable/pod{UID}/{ID}"}, UID, SHOWN),
        ({"cgroupsPath": f"/kubepods/burstable/pod{UID}/crio-{ID}"}, UID, SHOWN),
        ({"cgroupsPath": f"{SLICE}:cri-containerd:{ID}"}, UID, SHOWN),
        ({"cgroupsPath": f"{SLICE}:crio:{ID}"}, UID, SHOWN),
        ({"cgroupsPath": f"/kubepods.slice/{SLICE}/docker-{ID}.scope"}, UID, SHOWN),
        ({"cgroupsPath": f"/docker/{ID}", "podUID": UID}, UID, SHOWN),
        ({"cgroupsPath": f"{SLICE}:crio:{ID}", "containerID": "x"}, UID, "x"),
        ({"cgroupsPath": "system.slice:cri:0a1b2c", "podUID": UID}, UID, "0a1b2c"),
        ({"cgroupsPath": f"{SLICE}:crio:{ID}", "annotations": {HASH: "9" * 32}}, UID, SHOWN),
        ({"annotations": {HASH: "9" * 32}, "containerID": ID}, "9" * 32, ID),
    ],
)
def test_pod_and_container_are_found_wherever_they_are_told(
    given: dict[str, Any], pod: str, container: str
) -> None:
    found = starting_container(request(**given))
    assert (found.pod_uid, found.container_id) == (pod, container)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (messages.RuntimeHookRequest(), "no container that starts"),
        (request(containerID=ID), "neither podUID nor cgroupsPath"),
        (request(podUID=UID), "neither containerID nor cgroupsPath"),
        (request(cgroupsPath=f"/kubepods/pod{UID}"), "neither containerID nor cgroupsPath"),
    ],
)
def test_what_is_missing_is_told(given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        starting_container(given)


def test_a_pod_that_becomes_known_meanwhile_is_waited_for() -> None:
    asked: list[StartingContainer] = []

    def announce(container: StartingContainer) -> bool:
        asked.append(container)
        return len(asked) == 3

    hook = RuntimeHook(announce)
    asyncio.run(hook.answer(request(podUID=UID, containerID=ID)))
    assert len(asked) == 3


def test_a_pod_that_stays_unknown_is_an_error_with_a_number_to_look_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = RuntimeHook(lambda _: False)
    with pytest.raises(CallError, match="logid=") as error:
        asyncio.run(hook.answer(request(podUID=UID, containerID=ID)))
    log_id = str(error.value).partition("logid=")[2].split()[0]
    assert log_id in caplog.text
    assert UID in caplog.text
