import pytest

from osmia_bpf.btf import Kind
from osmia_bpf.policy.facts import FormatField, KernelFacts, keep_open, parse_format
from tests.unit.bpf.btf_builder import BtfBuilder
from tests.unit.bpf.policy.small_kernel import FORMAT, small_facts


def test_fields_of_a_format():
    fields = parse_format(FORMAT)
    assert len(fields) == 9
    assert fields[3] == FormatField("int common_pid", "common_pid", 4, 4, signed=True)
    assert fields[6] == FormatField("const char * filename", "filename", 24, 8, signed=False)
    assert [field.name for field in fields[4:]] == [
        "__syscall_nr",
        "dfd",
        "filename",
        "comm",
        "name",
    ]


def test_text_that_is_no_format_has_no_fields():
    assert parse_format("field:x\n\nfield: y; offset:a;") == []


def test_a_tracepoint_is_there_or_not(tmp_path):
    facts = small_facts(tmp_path)
    assert len(facts.tracepoint("syscalls", "sys_enter_openat")) == 9
    assert facts.tracepoint("syscalls", "sys_enter_nothing") is None


def test_tracefs_that_is_not_mounted_is_told(tmp_path):
    facts = small_facts(tmp_path)
    object.__setattr__(facts, "tracefs", tmp_path / "nowhere")
    with pytest.raises(OSError, match="mount tracefs"):
        facts.tracepoint("syscalls", "sys_enter_openat")
    assert facts.traceable == ()


def test_functions_come_from_types_and_symbols(tmp_path):
    facts = small_facts(tmp_path)
    assert facts.has_function("do_thing")
    assert facts.has_function("only_a_symbol")
    assert not facts.has_function("data")
    assert facts.traceable == ("ksys_read", "ksys_write", "other")


def test_functions_are_known_to_who_may_not_open_the_files_any_more(tmp_path, monkeypatch):
    facts = small_facts(tmp_path, modules=tmp_path / "modules")
    facts.modules.write_text("")
    symbols = facts.kallsyms.read_text()
    kept = {}
    monkeypatch.setattr("osmia_bpf.policy.facts._kept", kept)
    keep_open(facts.kallsyms, facts.modules, tmp_path / "none")
    for file in (facts.kallsyms, facts.modules):
        file.rename(tmp_path / f"{file.name}.gone")
    assert facts.has_function("only_a_symbol")
    assert not facts.has_function("of_a_module")
    # A module comes.
    (tmp_path / "kallsyms.gone").write_text(f"{symbols}ffff0030 t of_a_module [mod]\n")
    (tmp_path / "modules.gone").write_text("mod 1 0 - Live 0x0\n")
    assert facts.has_function("of_a_module")
    for file in kept.values():
        file.close()


def kernel_types(folder, *functions):
    builder = BtfBuilder()
    for name in functions:
        builder.add(name, Kind.FUNC, builder.prototype())
    path = folder / "vmlinux"
    path.write_bytes(builder.blob())
    return path


def test_namespaces_of_the_host_are_found_where_process_1_hides_them(tmp_path, monkeypatch):
    threads = tmp_path / "threads"
    threads.mkdir()
    (threads / "pid").touch()
    monkeypatch.setattr("osmia_bpf.policy.facts._HOST_NAMESPACES", (tmp_path / "hidden", threads))
    found = KernelFacts.running(kernel_types(tmp_path, "do_thing")).host_namespaces
    assert found == dict.fromkeys(("Pid", "PidForChildren"), (threads / "pid").stat().st_ino)


def test_return_values_are_set_where_the_kernel_has_the_helper(tmp_path):
    assert not KernelFacts.running(kernel_types(tmp_path, "do_thing")).override_return
    assert KernelFacts.running(kernel_types(tmp_path, "bpf_override_return")).override_return


def test_functions_of_a_module_that_comes_later(tmp_path):
    facts = small_facts(tmp_path, modules=tmp_path / "modules")
    assert not facts.has_function("late_function")
    with facts.kallsyms.open("a") as file:
        file.write("0000000000000000 t late_function\t[late]\n")
    assert not facts.has_function("late_function")
    facts.modules.write_text("late 16384 0 - Live 0x0000000000000000\n")
    assert facts.has_function("late_function")
