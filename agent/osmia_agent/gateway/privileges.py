"""What the gateway may do: strangers talk to it, so it gives up what the agent has for the kernel.

Without these capabilities it can neither load programs nor reach into the agent or other processes.
"""

from __future__ import annotations

import ctypes
import os
import struct

_DAC_OVERRIDE, _DAC_READ_SEARCH, _NET_BIND_SERVICE = 1, 2, 10
KEPT = 1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH | 1 << _NET_BIND_SERVICE
"""Capabilities for files of certificates, places of sockets, and low ports, wherever they are."""
_VERSION_3 = 0x20080522
"""Of the interface; capget(2)."""
_SETS = struct.Struct("=6I")
"""Effective, permitted, inheritable: of the low 32 capabilities, then of the others."""
_PR_SET_NO_NEW_PRIVS = 38


def give_up() -> None:
    """Keep no other capability than `KEPT`, and never get one again.

    Threads have capabilities of their own: it is for the first one, before there are others.
    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    sets = ctypes.create_string_buffer(_SETS.size)
    _check(libc.capget(header, sets))
    had = _SETS.unpack_from(sets.raw)
    left = [each & kept for each, kept in zip(had, (KEPT, KEPT, KEPT, 0, 0, 0), strict=True)]
    _check(libc.capset(header, _SETS.pack(*left)))
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
