"""The layouts of records.py and of c/records.h are the same; decoders refuse what is too short."""

import re
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_bpf import records
from osmia_bpf.programs import c_source

KINDS = {"fork": 1, "exec": 2, "exit": 3, "data": 4, "cgroup": 5}


@pytest.fixture(scope="session")
def c_facts(tmp_path_factory):
    """Sizes, offsets and constants of the C header, as the compiler sees them."""
    folder = tmp_path_factory.mktemp("records")
    header = c_source("records.h")
    constants = re.findall(
        r"^\s*((?:FORK|EXEC|EXIT|DATA|CGROUP|RECORD)_[A-Z]+(?:_[A-Z]+)*) = ", header, re.MULTILINE
    )
    constants += re.findall(r"^#define (\w+)", header, re.MULTILINE)
    places = [
        ("fork_record", "cgroup_id"),
        ("exit_record", "code"),
        ("data_record", "data"),
        ("data_record", "offset"),
        ("exec_record", "inode"),
        ("exec_record", "credentials"),
        ("exec_record", "namespaces"),
        ("exec_record", "links"),
        ("exec_record", "filename_size"),
        ("task_record", "credentials"),
        ("task_record", "comm"),
        ("cgroup_record", "name"),
    ]
    source = "typedef unsigned int u32; typedef unsigned long long u64;\n" + header
    source += "#include <stdio.h>\n#include <stddef.h>\nint main(void) {\n"
    for name in constants:
        source += f'printf("{name} %lld\\n", (long long)({name}));\n'
    for kind in ("fork", "exec", "exit", "data", "task", "cgroup"):
        source += f'printf("sizeof.{kind} %zu\\n", sizeof(struct {kind}_record));\n'
    for name, field in places:
        source += f'printf("{name}.{field} %zu\\n", offsetof(struct {name}, {field}));\n'
    (folder / "facts.c").write_text(source + "return 0; }\n")
    subprocess.run(["gcc", "-o", folder / "facts", folder / "facts.c"], check=True)
    out = subprocess.run([folder / "facts"], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in (line.split() for line in out.splitlines())}


def test_sizes(c_facts):
    assert records._FORK.size == c_facts["sizeof.fork"]
    assert records._EXIT.size == c_facts["sizeof.exit"]
    assert records._EXEC.size == c_facts["sizeof.exec"]
    assert records._TASK.size == c_facts["sizeof.task"]
    assert records._DATA.size == c_facts["data_record.data"]
    assert records._CGROUP.size == c_facts["cgroup_record.name"]


def test_flags_and_kinds(c_facts):
    pairs = {
        "RECORD": records.RecordKind,
        "FORK": records.ForkFlag,
        "EXEC": records.ExecFlag,
        "EXIT": records.ExitFlag,
        "DATA": records.DataKind,
        "CGROUP": records.CgroupChange,
    }
    for prefix, enum in pairs.items():
        for member in enum:
            assert c_facts[f"{prefix}_{member.name}"] == member.value
    assert c_facts["RECORD_KINDS"] == max(records.RecordKind) + 1


def test_at_least_256_kib_of_arguments(c_facts):
    assert (c_facts["CHUNK_BYTES"] - 1) * c_facts["MAX_CHUNKS"] >= 256 * 1024


def exec_bytes(c_facts, filename, cgroup, cwd, arguments, environment):
    head = bytearray(c_facts["sizeof.exec"])
    struct.pack_into("=II", head, 0, records.RecordKind.EXEC, 4)
    struct.pack_into("=Q", head, c_facts["exec_record.inode"], 77)
    struct.pack_into("=I", head, c_facts["exec_record.credentials"], 1000)
    struct.pack_into("=I", head, c_facts["exec_record.namespaces"], 4026531838)
    struct.pack_into("=IIIII", head, c_facts["exec_record.links"], 3, 10, 11, 12, 13)
    strings = (filename, cgroup, cwd, arguments, environment)
    struct.pack_into("=5I", head, c_facts["exec_record.filename_size"], *map(len, strings))
    return bytes(head) + b"".join(strings)


@given(st.lists(st.binary(max_size=40), min_size=5, max_size=5))
def test_exec_strings(c_facts, strings):
    decoded = records.decode(exec_bytes(c_facts, *strings))
    assert isinstance(decoded, records.ExecRecord)
    assert decoded.flags == records.ExecFlag.ARGUMENTS_TRUNCATED
    assert decoded.inode == 77
    assert decoded.links == 3
    assert decoded.credentials.uid == 1000
    assert decoded.namespaces.uts == 4026531838
    assert decoded[13:17] == (10, 11, 12, 13)
    assert [
        decoded.filename,
        decoded.cgroup_name,
        decoded.cwd,
        decoded.arguments,
        decoded.environment,
    ] == strings


def test_fork_exit_data():
    fork = records.ForkRecord(1, 1, *range(100, 110))
    assert records.decode(records._FORK.pack(*fork)) == fork
    exit_record = records.ExitRecord(3, 0, *range(100, 106))
    assert records.decode(records._EXIT.pack(*exit_record)) == exit_record
    data = records._DATA.pack(4, 2, 100, 3, 200, 300, 8191) + b"abcdefgh"
    assert records.decode(data) == records.DataRecord(100, 200, 300, 2, 8191, b"abc")
    cgroup = records._CGROUP.pack(5, 1, 100, 200, 300, 4) + b"pod1"
    assert records.decode(cgroup) == records.CgroupRecord(1, 100, 200, 300, b"pod1")


def test_tasks():
    one = records._TASK.pack(*range(1, 12), *range(20, 43), b"cat\0rubbish")
    first, second = records.decode_tasks(one + one)
    assert first == second
    assert first.comm == b"cat"
    assert first.parent_exec_count == 10
    assert first.namespaces.user == 42
    with pytest.raises(records.RecordError, match="no multiple"):
        records.decode_tasks(one[:-1])
    assert records.decode_tasks(b"") == []


@given(st.binary(max_size=400))
def test_any_bytes_decode_or_are_refused(data):
    try:
        decoded = records.decode(data)
    except records.RecordError:
        return
    assert decoded is not None


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_prefix_of_a_record_is_refused(c_facts, kind):
    whole = {
        1: bytes(records._FORK.size),
        2: exec_bytes(c_facts, b"f", b"g", b"c", b"a", b"e"),
        3: bytes(records._EXIT.size),
        4: records._DATA.pack(4, 1, 1, 5, 1, 1, 0) + b"12345",
        5: records._CGROUP.pack(5, 1, 1, 1, 1, 4) + b"1234",
    }[kind]
    whole = struct.pack("=I", kind) + whole[4:]
    records.decode(whole)
    for size in range(len(whole)):
        with pytest.raises(records.RecordError):
            records.decode(whole[:size])
