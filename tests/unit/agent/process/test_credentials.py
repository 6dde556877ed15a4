from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.credentials import (
    binary_properties,
    capabilities,
    process_credentials,
    secure_bits,
)
from osmia_bpf.records import Credentials, ExecFlag
from osmia_events.model import (
    BinaryProperties,
    CapabilitiesType,
    FileProperties,
    InodeProperties,
    ProcessCredentials,
    ProcessPrivilegesChanged,
    SecureBitsType,
)
from tests.unit.agent.process.kernel_records import ROOT

USER = ROOT._replace(uid=1000, gid=1000, euid=1000, egid=1000)


def test_capabilities_by_bit():
    sets = capabilities(0b11, 1 << 21, 0)
    assert [each.name for each in sets.permitted] == ["CAP_CHOWN", "DAC_OVERRIDE"]
    assert sets.effective == (CapabilitiesType.CAP_SYS_ADMIN,)
    assert sets.inheritable == ()


def test_all_capabilities():
    assert len(capabilities(ROOT.permitted, 0, 0).permitted) == 41


def test_capability_of_a_later_kernel_goes_out_as_its_number():
    assert capabilities(1 << 41 | 1 << 63, 0, 0).permitted == (41, 63)


@given(st.integers(0, 2**64 - 1))
def test_capabilities_are_the_bits(mask: int):
    assert sum(1 << bit for bit in capabilities(0, 0, mask).inheritable) == mask


def test_process_credentials():
    credentials = Credentials(1, 2, 3, 4, 5, 6, 7, 8, 0x5, 9, 1, 1, 1)
    assert process_credentials(credentials) == ProcessCredentials(
        uid=1,
        gid=2,
        euid=3,
        egid=4,
        suid=5,
        sgid=6,
        fsuid=7,
        fsgid=8,
        securebits=(SecureBitsType.SecBitNoRoot, SecureBitsType.SecBitNoSetUidFixup),
    )


@pytest.mark.parametrize(("mask", "bits"), [(0, 0), (0xFF, 8), (1 << 9, 0)])
def test_secure_bits(mask: int, bits: int):
    assert len(secure_bits(mask)) == bits


@pytest.mark.parametrize(
    ("flags", "credentials", "setuid", "setgid", "raised"),
    [
        (ExecFlag.SETUID, USER._replace(euid=0), 0, None, (2,)),
        (ExecFlag.SETUID, USER._replace(euid=33), 33, None, ()),
        (ExecFlag.SETUID, ROOT._replace(euid=33), 33, None, ()),  # root gives privileges up
        (ExecFlag.SETGID, USER._replace(egid=0), None, 0, (3,)),
        (ExecFlag.SETGID, USER._replace(egid=42), None, 42, ()),
        (ExecFlag.FILE_CAPABILITIES, USER, None, None, (1,)),
        (
            ExecFlag.FILE_CAPABILITIES | ExecFlag.SETUID | ExecFlag.SETGID,
            USER._replace(euid=0, egid=0),
            0,
            0,
            (1, 2, 3),
        ),
    ],
)
def test_raised_privileges(flags, credentials, setuid, setgid, raised):
    assert binary_properties(int(flags), credentials, 77, 1) == BinaryProperties(
        setuid, setgid, tuple(map(ProcessPrivilegesChanged, raised)), None
    )


def test_file_without_a_name():
    assert binary_properties(0, ROOT, 77, 0) == BinaryProperties(
        file=FileProperties(InodeProperties(77, 0))
    )


@pytest.mark.parametrize(("inode", "links"), [(77, 1), (77, 2), (0, 0)])
def test_nothing_remarkable(inode: int, links: int):
    assert binary_properties(int(ExecFlag.CWD_ERROR), ROOT, inode, links) is None
