"""Addresses and build ids of real binaries, held against what binutils say of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from osmia_bpf.binary.elf import ElfError, build_id, holds_code, offset_of_address

PYTHON = Path(os.path.realpath(sys.executable))


def readelf(*options):
    return subprocess.run(
        ["readelf", *options, PYTHON], capture_output=True, text=True, check=True
    ).stdout


def test_addresses_are_where_the_segments_say():
    loads = re.findall(r"LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", readelf("-lW"))
    assert loads
    for offset, address, size in ((int(word, 16) for word in load) for load in loads):
        assert offset_of_address(PYTHON, address) == offset
        assert offset_of_address(PYTHON, address + size - 1) == offset + size - 1


def test_an_address_that_is_nowhere():
    with pytest.raises(ElfError, match="nothing at the address 0xffffffffffff"):
        offset_of_address(PYTHON, 0xFFFFFFFFFFFF)


def test_code_is_what_the_executable_segments_hold():
    loads = re.findall(r"LOAD\s+0x(\w+) 0x\w+ 0x\w+ 0x(\w+) 0x\w+ (R?)(W?)\s*(E?)", readelf("-lW"))
    found = [
        (int(offset, 16), int(offset, 16) + int(size, 16), bool(code))
        for offset, size, _, _, code in loads
    ]
    assert any(code for *_, code in found)
    assert not all(code for *_, code in found)
    for start, end, code in found:
        assert holds_code(PYTHON, start) == code
        assert holds_code(PYTHON, end - 1) == code
    assert not holds_code(PYTHON, PYTHON.stat().st_size)


def test_build_ids():
    match = re.search(r"Build ID: (\w+)", readelf("-n"))
    assert build_id(PYTHON) == (match[1] if match else "")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(20)])
def test_what_is_no_elf_file(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ElfError, match="ELF"):
        build_id(path)
