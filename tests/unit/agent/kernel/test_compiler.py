"""The bytecode cache, and what it refuses. Compiling for real is tested in tests/bpf."""

import logging

import pytest

from osmia_agent.kernel.compiler import BytecodeCache, CachedCompiler, Job, cache_key
from osmia_bpf.btf import VMLINUX, BtfError
from osmia_bpf.programs import (
    BaseSensorOptions,
    Compiled,
    CompiledProgram,
    MapSpec,
    Program,
    ProgramKind,
)

COMPILED = Compiled(
    programs=(
        CompiledProgram(
            program=Program(name="on_exit", kind=ProgramKind.TRACEPOINT, target="exit"),
            code=bytes(16),
        ),
    ),
    maps=(MapSpec(name="m", type=1, key_size=4, value_size=8, max_entries=1, flags=0),),
)


@pytest.fixture
def cache(tmp_path):
    return BytecodeCache(tmp_path / "cache" / "programs")


def test_what_is_put_is_got(cache):
    assert cache.get("key") is None
    cache.put("key", COMPILED)
    assert cache.get("key") == COMPILED
    assert cache.get("other") is None


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, b"not msgpack at all"])
def test_a_damaged_file_is_reported_and_not_used(cache, tmp_path, caplog, damage):
    cache.put("key", COMPILED)
    path = tmp_path / "cache" / "programs" / "key.bpf"
    path.write_bytes(damage)
    assert cache.get("key") is None
    assert str(path) in caplog.text


def test_a_directory_that_others_can_write_to_is_not_used(cache, tmp_path, caplog):
    cache.put("key", COMPILED)
    (tmp_path / "cache" / "programs").chmod(0o777)
    assert cache.get("key") is None
    cache.put("key2", COMPILED)
    (tmp_path / "cache" / "programs").chmod(0o700)
    assert cache.get("key2") is None
    assert "nobody else may write to it" in caplog.text


def test_a_directory_that_cannot_be_made_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache = BytecodeCache(tmp_path / "file" / "programs")
    with caplog.at_level(logging.WARNING):
        cache.put("key", COMPILED)
    assert "compiled programs are not kept" in caplog.text
    assert cache.get("key") is None


def test_unreadable_types_are_an_error_that_names_the_file(cache, tmp_path):
    job = Job(recipe=BaseSensorOptions(), btf_path=str(tmp_path / "vmlinux"))
    with pytest.raises(BtfError, match=f"{tmp_path}/vmlinux: cannot read"):
        CachedCompiler(cache).compile(job)


@pytest.mark.skipif(not VMLINUX.exists(), reason=f"this kernel has no {VMLINUX}")
def test_the_key_depends_on_what_is_compiled():
    keys = {
        cache_key(Job(recipe=BaseSensorOptions(environment=environment), kinds=kinds))
        for environment in (False, True)
        for kinds in ((ProgramKind.TRACEPOINT,), tuple(ProgramKind))
    }
    assert len(keys) == 4
