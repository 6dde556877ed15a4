from __future__ import annotations

import platform
from importlib import resources

import pytest

from osmia_events.compact import raw_syscalls, syscall_tables
from osmia_events.compact.raw_syscalls import describe_sys_enter
from osmia_events.compact.syscall_tables import ABIS, syscall_name, syscall_parameters
from osmia_events.model import KprobeArgument, SyscallId


@pytest.fixture(autouse=True)
def _on_x64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_syscalls, "default_abi", lambda: "x64")


def call(number: int, *parameters: int, abi: str | None = None) -> tuple[KprobeArgument, ...]:
    first = (
        KprobeArgument("long_arg", number)
        if abi is None
        else KprobeArgument("syscall_id", SyscallId(number, abi))
    )
    return (first, *(KprobeArgument("size_arg", each) for each in parameters))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (call(39), "getpid()"),
        (call(0, 3, 0x7FFF, 16), "read(unsigned int fd=3, char *buf=0x7fff, size_t count=16)"),
        (call(0, 3), "read(unsigned int fd=3, char * buf=?, size_t count=?)"),
        (
            call(321, 5, 0, 144),
            "bpf(int cmd=5, union bpf_attr *uattr=0x0, unsigned int size=144)",
        ),
        (
            (*call(0, 3), KprobeArgument("int_arg", 1), KprobeArgument("size_arg", 2)),
            "read(unsigned int fd=3, char * buf=?, size_t count=2)",
        ),
        (call(3, 1, 2, 3), "close(unsigned int fd=1)"),
        (call(3, 1, abi="x64"), "close(unsigned int fd=1)"),
        (call(6, 1, abi="i386"), "i386/close"),
        (call(57, 1, abi="arm64"), "arm64/close"),
        (call(57, 1, abi="riscv64"), "unknown"),
        (call(183), "afs_syscall"),
        (call(100_000), "unknown"),
        (call(-1), "unknown"),
        ((), "unknown"),
        ((KprobeArgument("int_arg", 3),), "unknown"),
    ],
)
def test_calls(arguments: tuple[KprobeArgument, ...], expected: str) -> None:
    assert describe_sys_enter(arguments) == expected


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64"])
def test_the_default_abi_is_the_machines(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)

    expected = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, "x64")
    assert syscall_tables.default_abi() == expected


@pytest.mark.parametrize(
    ("abi", "number", "name"),
    [
        ("x64", 59, "execve"), ("x64", 257, "openat"), ("x64", 469, "file_setattr"),
        ("i386", 11, "execve"), ("i386", 295, "openat"), ("arm64", 221, "execve"),
        ("arm64", 56, "openat"), ("arm64", 79, "newfstatat"),
    ],
)  # fmt: skip
def test_well_known_numbers(abi: str, number: int, name: str) -> None:
    assert syscall_name(abi, number) == name


@pytest.mark.parametrize("abi", ABIS)
def test_tables_are_well_formed(abi: str) -> None:
    text = (resources.files("osmia_events") / "compact" / "syscalls" / f"{abi}.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    numbers = [int(line.split(" ", 1)[0]) for line in lines]
    names = [line.split(" ", 1)[1].partition("(")[0] for line in lines]

    assert numbers == sorted(set(numbers))
    assert len(set(names)) == len(names)
    for name in names:
        for parameter in syscall_parameters(name) or ():
            assert parameter.type
            assert parameter.name.isidentifier()
            assert len(syscall_parameters(name) or ()) <= 6
