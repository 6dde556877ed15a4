"""Credentials of a process as the contract's messages.

Processes share few distinct credentials, so the messages are made once and shared. The caches are
bounded: a user may make as many sets of capabilities as there are.
"""

from __future__ import annotations

from functools import lru_cache

from osmia_bpf.records import Credentials, ExecFlag
from osmia_events.model import (
    BinaryProperties,
    Capabilities,
    CapabilitiesType,
    FileProperties,
    InodeProperties,
    ProcessCredentials,
    ProcessPrivilegesChanged,
    SecureBitsType,
)

_REMARKABLE = (ExecFlag.SETUID | ExecFlag.SETGID | ExecFlag.FILE_CAPABILITIES).value
_CAPABILITIES: dict[int, CapabilitiesType] = {each.value: each for each in CapabilitiesType}


@lru_cache(maxsize=1024)
def _capability_set(mask: int) -> tuple[CapabilitiesType | int, ...]:
    # A bit that the contract has no name for goes out as its number.
    return tuple(
        [_CAPABILITIES.get(bit, bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
    )


@lru_cache(maxsize=1024)
def capabilities(permitted: int, effective: int, inheritable: int) -> Capabilities:
    """Return the message for three capability sets, given as the kernel's bit masks."""
    return Capabilities(
        _capability_set(permitted), _capability_set(effective), _capability_set(inheritable)
    )


@lru_cache(maxsize=1024)
def process_credentials(credentials: Credentials) -> ProcessCredentials:
    """Return the contract's `process_credentials`: user and group ids, and secure bits."""
    return ProcessCredentials(
        credentials.uid,
        credentials.gid,
        credentials.euid,
        credentials.egid,
        credentials.suid,
        credentials.sgid,
        credentials.fsuid,
        credentials.fsgid,
        secure_bits(credentials.securebits),
    )


def secure_bits(mask: int) -> tuple[SecureBitsType, ...]:
    """Return the secure bits that are set in `mask`."""
    return tuple([bit for bit in SecureBitsType if bit & mask])


def binary_properties(
    record_flags: int, credentials: Credentials, inode: int, links: int
) -> BinaryProperties | None:
    """Return what is remarkable about an executed file, or None.

    A changed user or group is given as the new id; it counts as a raised privilege if the new id
    is root's and the real one is not. A file that no directory names any more (memfd, shared
    memory, deleted) is given by its inode.
    """
    unlinked = inode and not links
    if not (record_flags & _REMARKABLE or unlinked):
        return None
    raised = []
    if record_flags & ExecFlag.FILE_CAPABILITIES:
        raised.append(ProcessPrivilegesChanged.PRIVILEGES_RAISED_EXEC_FILE_CAP)
    setuid = credentials.euid if record_flags & ExecFlag.SETUID else None
    if setuid == 0 and credentials.uid != 0:
        raised.append(ProcessPrivilegesChanged.PRIVILEGES_RAISED_EXEC_FILE_SETUID)
    setgid = credentials.egid if record_flags & ExecFlag.SETGID else None
    if setgid == 0 and credentials.gid != 0:
        raised.append(ProcessPrivilegesChanged.PRIVILEGES_RAISED_EXEC_FILE_SETGID)
    file = FileProperties(InodeProperties(inode, links)) if unlinked else None
    return BinaryProperties(setuid, setgid, tuple(raised), file)
