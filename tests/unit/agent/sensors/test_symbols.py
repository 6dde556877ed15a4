from osmia_agent.process.procfs import ForeignProcFs, ProcFs
from osmia_agent.sensors.symbols import Symbols

KALLSYMS = """\
ffffffff81000200 T second
ffffffff81000000 T first
ffffffff81000300 D data
ffffffff81000400 t third [module]
"""
MAPS = """\
55000000-55002000 r-xp 00001000 08:01 123 /usr/bin/some program
7f000000-7f001000 rw-p 00000000 00:00 0
"""


def symbols(folder):
    kallsyms = folder / "kallsyms"
    kallsyms.write_text(KALLSYMS)
    (folder / "42").mkdir()
    (folder / "42" / "maps").write_text(MAPS)
    return Symbols(ProcFs(folder), kallsyms)


def test_functions_of_the_kernel(tmp_path):
    found = symbols(tmp_path)
    assert found.kernel(0xFFFFFFFF81000210) == ("second", 0x10)
    assert found.kernel(0xFFFFFFFF81000FFF) == ("third", 0xBFF)
    assert found.kernel(5) == ("", 0)
    assert found.function(0xFFFFFFFF81000004) == "first"
    assert found.function(0xFFFFFFFF81000100) == ""


def test_addresses_that_are_hidden(tmp_path):
    kallsyms = tmp_path / "hidden"
    kallsyms.write_text("0000000000000000 T first\n")
    assert Symbols(ProcFs(tmp_path), kallsyms).kernel(1 << 63) == ("", 0)
    assert Symbols(ProcFs(tmp_path), tmp_path / "none").kernel(1 << 63) == ("", 0)


def test_places_in_files_of_a_process(tmp_path):
    found = symbols(tmp_path)
    assert found.user(42, 0x55000010) == ("/usr/bin/some program", 0x1010)
    assert found.user(42, 0x7F000001) == ("", 1)
    assert found.user(42, 0x99) == ("", 0)
    assert found.user(43, 0x55000010) == ("", 0)
    assert Symbols(ForeignProcFs(tmp_path)).user(42, 0x55000010) == ("", 0)


def test_what_makes_no_sense_is_no_place(tmp_path):
    found = symbols(tmp_path)
    (tmp_path / "42" / "maps").write_text("55000000-550020")
    assert found.user(42, 0x55000010) == ("", 0)
    (tmp_path / "42" / "maps").write_text("x")
    assert found.user(42, 0x55000010) == ("", 0)
