"""The file by which clients on the node find the API: the contract's `tetragon-info.json`."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from osmia_agent.settings import Settings

NAME = "tetragon-info.json"
_PERMISSIONS = 0o644


def server_info(settings: Settings, server_address: str, max_recv_size: int) -> dict[str, object]:
    """Return what clients and support tools want to know; what this agent has not is empty."""
    return {
        "export_fname": "" if settings.export_filename == "-" else settings.export_filename,
        "lib_dir": settings.bpf_lib,
        "btf_fname": settings.btf,
        "server_address": server_address,
        "metrics_address": settings.metrics_server,
        "gops_address": "",
        "map_dir": "",
        "bpftool_path": "",
        "gops_path": "",
        "max_recv_size": max_recv_size,
        "pid": os.getpid(),
    }


class InfoFile:
    """The file in a directory; readers see it whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME

    def write(self, info: dict[str, object]) -> None:
        """Write it anew. Raises OSError."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        aside = self.path.with_name(f".{NAME}.{os.getpid()}")
        aside.write_text(json.dumps(info) + "\n")
        aside.chmod(_PERMISSIONS)
        aside.rename(self.path)

    def remove(self) -> None:
        """Remove it, unless another agent has written it since."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if json.loads(self.path.read_bytes()).get("pid") == os.getpid():
                self.path.unlink()
