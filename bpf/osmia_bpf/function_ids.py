"""Type ids of kernel functions, found by the compile child: it reads the kernel's types anyway.

Reading them takes most of a second and 20 MB, so the agent itself never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.btf import Kind
from osmia_bpf.programs import Source

if TYPE_CHECKING:
    from osmia_bpf.btf import Btf


class FunctionIdsRecipe(msgspec.Struct, frozen=True, tag=True):
    """A job that makes no program; its details are the ids of the functions that there are."""

    functions: tuple[str, ...]

    def source(self, btf: Btf) -> Source:
        """Return the ids, by name, as details; `ids` reads them."""
        found = {name: btf.find(name, Kind.FUNC) for name in self.functions}
        ids = {name: type_id for name, type_id in found.items() if type_id is not None}
        return Source(text="", programs=(), details=msgspec.msgpack.encode(ids))


def ids(details: bytes) -> dict[str, int]:
    """Return the ids, by name, out of details."""
    return msgspec.msgpack.decode(details, type=dict[str, int])
