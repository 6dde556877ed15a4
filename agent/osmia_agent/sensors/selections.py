"""The kernel's map of container cgroups: which policies apply to the processes in each."""

from __future__ import annotations

import errno
import logging
import struct

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError

logger = logging.getLogger(__name__)

SELECTIONS = "selections"
"""Name of the map."""
HOST = 0
"""Stands for all cgroups that are in no container."""
MAX_POLICIES = 512
"""As many policies of a node can select by pod, container or host."""

_KEY = struct.Struct("=Q")
_VALUE = struct.Struct(f"={MAX_POLICIES // 64}Q")
_WORD = (1 << 64) - 1


class SelectionMap:
    """Writes the map `selections` of c/cgroup.h; any thread may, one at a time for a cgroup."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.full = 0
        """Cgroups that found no room: no policy that selects containers applies to them."""

    def put(self, cgroup_id: int, mask: int) -> None:
        """Set which policies apply to the processes of a cgroup."""
        value = _VALUE.pack(*(mask >> at & _WORD for at in range(0, MAX_POLICIES, 64)))
        try:
            bpf.update(self.fd, _KEY.pack(cgroup_id), value)
        except BpfError as error:
            if error.errno != errno.E2BIG:
                raise
            if not self.full:
                logger.error(
                    "there are more cgroups in containers than the kernel side has room for:"
                    " policies that select containers do not apply to all of them"
                )
            self.full += 1

    def drop(self, cgroup_id: int) -> None:
        """Forget a cgroup that is in no container, or is gone."""
        try:
            bpf.delete(self.fd, _KEY.pack(cgroup_id))
        except BpfError as error:
            if error.errno != errno.ENOENT:  # the kernel side has dropped it itself
                raise
