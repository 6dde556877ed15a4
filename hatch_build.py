"""Build hook: compile the protobuf descriptors into the tree before a wheel is made of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILD_SCRIPT = "events/osmia_events/proto/build.py"


class DescriptorBuildHook(BuildHookInterface[Any]):
    """Runs for wheels and editable installs; a source distribution carries the sources only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Compile, and let the wheel take the result although git ignores it."""
        command = [sys.executable, str(Path(self.root) / BUILD_SCRIPT)]
        # In a process of its own: the project itself is not importable while it is being built.
        target = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  # our own script
        build_data["artifacts"].append(Path(target.strip()).relative_to(self.root).as_posix())
