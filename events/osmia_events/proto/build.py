"""Compile the `.proto` files into one file of descriptors, which is built and never committed.

The build hook of the distribution calls this; `python -m osmia_events.proto.build` does by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

PROTO_ROOT = Path(__file__).parent


def build_descriptors(root: Path = PROTO_ROOT) -> Path:
    """Write `descriptors.binpb` beside the sources. Raises RuntimeError if they do not compile."""
    target = root / "descriptors.binpb"
    sources = sorted(str(path) for path in root.glob("tetragon/*.proto"))
    # protoc carries the well-known types that the sources import.
    include = Path(protoc.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"--proto_path={root}",
        f"--proto_path={include}",
        "--include_imports",
        f"--descriptor_set_out={target}",
        *sources,
    ]
    status = protoc.main(arguments)
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}: {root}")
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{build_descriptors()}\n")
