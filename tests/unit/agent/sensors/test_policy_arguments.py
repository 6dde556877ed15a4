"""The contract's mapping from types of arguments to messages."""

import pytest

from osmia_agent.sensors.policy_arguments import argument, arguments
from osmia_bpf.policy import values
from osmia_bpf.policy.schema import ArgumentSchema
from osmia_bpf.policy.values import DecodedArgument
from osmia_events.model import (
    BpfCmd,
    KernelModule,
    KprobeBpfAttr,
    KprobeBpfMap,
    KprobeBpfProg,
    KprobeCapability,
    KprobeFile,
    KprobeLinuxBinprm,
    KprobePath,
    KprobePerfEvent,
    KprobeSockaddr,
    KprobeSockaddrUn,
    KprobeTruncatedBytes,
    Namespace,
    SyscallId,
    TaintedBitsType,
    UserNamespace,
)

LOOPBACK = bytes([127, 0, 0, 1]) + bytes(12)
LOOPBACK6 = bytes(15) + b"\x01"


def shown(name, value, text=b"", **options):
    found = argument(ArgumentSchema(name, "x", "mine"), DecodedArgument(0, value, text), **options)
    assert found.label == "mine"
    return found.kind, found.value


@pytest.mark.parametrize(
    ("name", "number", "kind", "value"),
    [
        ("int", (1 << 64) - 1, "int_arg", -1),
        ("sint8", (1 << 64) - 5, "int_arg", -5),
        ("int16", 7, "int_arg", 7),
        ("uint32", 0xFFFFFFFF, "uint_arg", 0xFFFFFFFF),
        ("uint8", 3, "uint_arg", 3),
        ("long", (1 << 64) - 2, "long_arg", -2),
        ("size_t", (1 << 64) - 1, "size_arg", (1 << 64) - 1),
        ("ulong", 0, "size_arg", 0),
        ("bpf_cmd", 5, "bpf_cmd_arg", BpfCmd.BPF_PROG_LOAD),
        ("bpf_cmd", 999, "bpf_cmd_arg", 999),
        ("capability", 21, "capability_arg", KprobeCapability(21, "CAP_SYS_ADMIN")),
        ("capability", 1, "capability_arg", KprobeCapability(1, "DAC_OVERRIDE")),
        ("capability", 63, "capability_arg", KprobeCapability(63, "63")),
        ("cap_effective", 0x1FF, "cap_effective_arg", "00000000000001ff"),
        ("kernel_cap_t", 0, "kernel_cap_t_arg", "0000000000000000"),
        ("syscall64", 59, "size_arg", 59),
    ],
)
def test_numbers(name, number, kind, value):
    assert shown(name, values.Number(number)) == (kind, value)


def test_an_array_is_an_argument_for_each_of_its_words():
    schema = ArgumentSchema("words", "buffer_value")
    raw = (7).to_bytes(8, "little") + b"\xff" * 8
    found = arguments(schema, DecodedArgument(0, values.Buffer(16), raw), of_tracepoint=True)
    assert [(each.kind, each.value) for each in found] == [
        ("size_arg", 7),
        ("size_arg", (1 << 64) - 1),
    ]
    failed = DecodedArgument(-14, values.Buffer(16), b"")
    assert [each.kind for each in arguments(schema, failed)] == ["error_arg"]


def test_system_calls_of_tracepoints_tell_their_abi():
    kind, call = shown("syscall64", values.Number(59), of_tracepoint=True)
    _, compat = shown("syscall64", values.Number(41 | 1 << 32), of_tracepoint=True)
    assert kind == "syscall_id"
    assert call in (SyscallId(59, "x64"), SyscallId(59, "arm64"))
    assert compat in (SyscallId(41, "i386"), SyscallId(41, "arm32"))


@pytest.mark.parametrize("name", ["string", "filename", "net_device", "data_loc"])
def test_text(name):
    assert shown(name, values.Text(), b"a\xff\xffb") == ("string_arg", "a\ufffdb")


def test_buffers():
    assert shown("char_buf", values.Buffer(3), b"\0\xffx") == ("bytes_arg", b"\0\xffx")
    assert shown("char_buf", values.Buffer(9), b"abc") == (
        "truncated_bytes_arg",
        KprobeTruncatedBytes(b"abc", 9),
    )


def test_paths():
    regular = values.File(0o100755, 0)
    assert shown("file", regular, b"/bin/x") == (
        "file_arg",
        KprobeFile("", "/bin/x", "", "-rwxr-xr-x"),
    )
    assert shown("path", values.File(0o041777, 1), b"/tmp") == (
        "path_arg",
        KprobePath("", "/tmp", "unresolvedPathComponents", "drwxrwxrwt"),
    )
    assert shown("linux_binprm", regular, b"/x")[1] == KprobeLinuxBinprm("/x", "", "-rwxr-xr-x")
    assert shown("fd", values.File(0, 0))[1] == KprobeFile("", "/", "", "")


def sock(**changes):
    fields = dict.fromkeys(values.Sock._fields, 0)
    fields |= {"source": LOOPBACK, "destination": LOOPBACK}
    return values.Sock(**(fields | changes))


def test_sockets():
    kind, found = shown("sock", sock(family=2, type=1, protocol=6, state=1, cookie=5, mark=7))
    assert kind == "sock_arg"
    assert (found.family, found.type, found.protocol, found.state) == (
        "AF_INET",
        "SOCK_STREAM",
        "IPPROTO_TCP",
        "TCP_ESTABLISHED",
    )
    assert (found.saddr, found.daddr, found.cookie, found.mark) == ("127.0.0.1", "127.0.0.1", 5, 7)


def test_numbers_without_a_name_are_shown_as_numbers():
    _, found = shown("socket", sock(family=200, type=99, protocol=251, state=77))
    assert (found.family, found.type, found.protocol, found.state) == ("200", "99", "251", "77")
    assert (found.saddr, found.daddr) == ("", "")


def test_addresses():
    assert shown("sockaddr", values.Sockaddr(LOOPBACK6, 10, 443)) == (
        "sockaddr_arg",
        KprobeSockaddr("AF_INET6", "::1", 443),
    )
    address = values.Sockaddr(bytes(16), 1, 0)
    for raw, path in ((b"/run/x\0junk", "/run/x"), (b"\0abc\0\0", "@abc"), (b"", "")):
        assert shown("sockaddr_un", address, raw) == (
            "sockaddrun_arg",
            KprobeSockaddrUn("AF_UNIX", path),
        )


def test_packets():
    fields = dict.fromkeys(values.Skb._fields, 0)
    fields |= {"source": LOOPBACK, "destination": LOOPBACK6, "family": 2, "protocol": 17}
    kind, found = shown("skb", values.Skb(**fields | {"length": 60, "destination_port": 53}))
    assert kind == "skb_arg"
    assert (found.family, found.protocol, found.proto) == ("AF_INET", "IPPROTO_UDP", 17)
    assert (found.saddr, found.dport, found.len) == ("127.0.0.1", 53, 60)


def test_credentials():
    fields = dict.fromkeys(values.Cred._fields, 0) | {"uid": 5, "effective": 3, "level": 1}
    kind, found = shown("cred", values.Cred(**fields | {"inode": 99}))
    assert kind == "process_credentials_arg"
    assert found.uid == 5
    assert [int(each) for each in found.caps.effective] == [0, 1]
    assert found.user_ns == UserNamespace(1, 0, 0, Namespace(99, False))
    value = values.UserNamespaceValue(0, 1, 2, 7)
    assert shown("user_namespace", value) == (
        "user_ns_arg",
        UserNamespace(0, 1, 2, Namespace(7, True)),
    )


def test_bpf_objects():
    program = values.BpfProgram(2, 30, b"mine\0\0")
    assert shown("bpf_attr", program)[1] == KprobeBpfAttr("BPF_PROG_TYPE_KPROBE", 30, "mine")
    assert shown("bpf_prog", program)[1] == KprobeBpfProg("BPF_PROG_TYPE_KPROBE", 30, "mine")
    assert shown("bpf_map", values.BpfMap(1, 4, 8, 16, b"m"))[1] == KprobeBpfMap(
        "BPF_MAP_TYPE_HASH", 4, 8, 16, "m"
    )
    assert shown("bpf_prog", values.BpfProgram(999, 1, b""))[1].ProgType == "999"
    assert shown("perf_event", values.PerfEvent(4, 8, 1), b"do_it")[1] == KprobePerfEvent(
        "do_it", "PERF_TYPE_SOFTWARE", 4, 8
    )


def test_modules():
    assert shown("module", values.Module(0x3000, 0, 0), b"ext4")[1] == KernelModule(
        "ext4",
        None,
        (TaintedBitsType.TAINT_OUT_OF_TREE_MODULE, TaintedBitsType.TAINT_UNSIGNED_MODULE),
    )
    assert shown("load_info", values.Module(0, 1, 1), b"x")[1].signature_ok is True


def test_what_could_not_be_read_is_told():
    schema = ArgumentSchema("string", "text_value", "mine")
    found = argument(schema, DecodedArgument(-14, values.Text(), b""))
    assert found.kind == "error_arg"
    assert found.value.Message == "Bad address (EFAULT)"
