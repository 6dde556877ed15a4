"""Places in real binaries, held against what binutils say of them."""

import subprocess
from pathlib import Path

import pytest

from osmia_bpf.binary.place import PlaceError, UserPlace, code_offset, host_root, in_root

PYTHON = Path("/usr/bin/python3.11")


def address_of(symbol):
    listed = subprocess.run(["nm", "-D", PYTHON], capture_output=True, text=True, check=True)
    lines = [line.split() for line in listed.stdout.splitlines()]
    return next(int(line[0], 16) for line in lines if line[-1] == symbol)


def test_a_symbol_an_address_and_an_offset_are_the_same_place():
    address = address_of("Py_Main")
    offset = code_offset(UserPlace(PYTHON, address=address))
    assert code_offset(UserPlace(PYTHON, "Py_Main")) == offset
    assert code_offset(UserPlace(PYTHON, "Py_Main+4")) == offset + 4
    assert code_offset(UserPlace(PYTHON, offset=offset)) == offset


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (UserPlace(PYTHON, "no_such"), f"{PYTHON} has no symbol no_such"),
        (UserPlace(PYTHON, "Py_Main+x"), "'Py_Main+x' is not a symbol, nor NAME"),
        (UserPlace(PYTHON, "Py_Main+0x7fffffff"), "is not code"),
        (UserPlace(PYTHON, address=0xFFFFFFFFFFFF), "nothing at the address 0xffffffffffff"),
        (UserPlace(PYTHON, offset=0), f"0x0 of {PYTHON} is not code: a uprobe needs"),
        (UserPlace(Path("/no/such"), "main"), "there is no file /no/such"),
        (UserPlace(Path("/no/such"), offset=1), "there is no file /no/such"),
        (UserPlace(Path("/etc/passwd"), offset=1), "/etc/passwd is not an ELF file"),
        (UserPlace(Path("/usr"), offset=1), "Is a directory"),
    ],
)
def test_what_is_no_place(place, message):
    with pytest.raises(PlaceError) as raised:
        code_offset(place)
    assert message in str(raised.value)


def test_the_root_of_process_1_or_else_ones_own(tmp_path):
    assert host_root(tmp_path) == Path("/")
    (tmp_path / "1/root/usr").mkdir(parents=True)
    assert host_root(tmp_path) == tmp_path / "1/root"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/usr/bin/java", "opt/java/bin/java"),
        ("usr/bin/java", "opt/java/bin/java"),
        ("/bin/java", "opt/java/bin/java"),
        ("/usr/bin/../bin/./java", "opt/java/bin/java"),
        ("/../../opt/java/bin/java", "opt/java/bin/java"),
        ("/opt/java/bin/up", "opt/java/bin/java"),
        ("/procRoot/1/root/usr/bin/java", "opt/java/bin/java"),
        ("/opt/none", "opt/none"),
        ("/opt/loop", "opt/loop"),
    ],
)
def test_links_lead_where_they_do_for_processes_of_that_root(tmp_path, name, found):
    for folder in ("usr/bin", "etc/alternatives", "opt/java/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/java").symlink_to("/etc/alternatives/java")
    (tmp_path / "etc/alternatives/java").symlink_to("/opt/java/bin/java")
    (tmp_path / "opt/java/bin/java").touch()
    (tmp_path / "opt/java/bin/up").symlink_to("../../../../../../opt/java/bin/java")
    (tmp_path / "opt/loop").symlink_to("loop")
    assert in_root(tmp_path, name) == tmp_path / found
