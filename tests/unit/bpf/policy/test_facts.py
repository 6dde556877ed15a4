import pytest

from osmia_bpf.policy.facts import FormatField, parse_format
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
