"""What any user of the contract generates of it: Python modules, by protoc."""

import subprocess
import sys
from pathlib import Path

from osmia_events.proto.build import PROTO_ROOT


def generate(folder: Path) -> None:
    """Write modules for all files of the contract to a folder."""
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO_ROOT}"),
            *(f"--python_out={folder}", f"--grpc_python_out={folder}"),
            *map(str, PROTO_ROOT.glob("tetragon/*.proto")),
        ],
        check=True,
    )
