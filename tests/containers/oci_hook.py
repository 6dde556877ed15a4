"""A `createRuntime` hook as container runtimes call it: tells the agent of the container.

Run as `oci_hook.py ADDRESS`, with the container's state on standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc

from osmia_events import messages

_CRI = "io.kubernetes.cri."


def main(address: str) -> None:
    state = json.load(sys.stdin)
    config = json.loads((Path(state["bundle"]) / "config.json").read_text())
    known = {key.removeprefix(_CRI): value for key, value in config["annotations"].items()}
    container = messages.CreateContainer(
        cgroupsPath=config["linux"]["cgroupsPath"],
        rootDir=config["root"]["path"],
        containerID=state["id"],
        containerName=known["container-name"],
        podUID=known["sandbox-uid"],
        podName=known["sandbox-name"],
        podNamespace=known["sandbox-namespace"],
    )
    with grpc.insecure_channel(address) as channel:
        method = "/tetragon.FineGuidanceSensors/RuntimeHook"
        call = channel.unary_unary(method, messages.RuntimeHookRequest.SerializeToString)
        call(messages.RuntimeHookRequest(createContainer=container), timeout=10)


if __name__ == "__main__":
    main(sys.argv[1])
