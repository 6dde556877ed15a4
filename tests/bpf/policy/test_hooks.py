"""Each kind of hook and type of argument, where the kernel has it."""

import ctypes
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from osmia_agent.sensors.policy_programs import HookState
from osmia_agent.sensors.policy_status import PolicyError, PolicyKey, PolicyState
from osmia_events.model import (
    KprobeFile,
    KprobeLinuxBinprm,
    KprobePath,
    ProcessKprobe,
    ProcessLsm,
    ProcessUprobe,
    SyscallId,
)

HERE = Path(__file__).parent.resolve()
PYTHON = os.path.realpath(sys.executable)
MAPPED = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
LIBC = next((path for path in MAPPED if "/libc.so" in path or "/libc-" in path), "")


def values(event):
    return [argument.value for argument in event.args]


def test_the_number_of_a_call(node):
    node.add(
        """
        lists: [{name: calls, type: syscalls, values: [sys_getppid]}]
        tracepoints:
        - subsystem: raw_syscalls
          event: sys_enter
          args: [{index: 4, type: syscall64}]
          selectors: [{matchArgs: [{index: 0, operator: InMap, values: ["list:calls"]}]}]
        """
    )
    os.getppid()
    (event,) = node.own()
    assert isinstance(event.args[0].value, SyscallId)
    assert event.args[0].value.abi in {"x64", "arm64"}


def test_a_raw_tracepoint(node):
    node.add(
        """
        tracepoints:
        - subsystem: sched
          event: sched_process_exec
          raw: true
          message: an exec
          tags: [one, two]
          args:
          - {index: 0, resolve: comm, type: string}
          - {index: 0, resolve: mm.exe_file, type: file}
          - {index: 2, type: linux_binprm}
          - {index: 0, resolve: tgid, type: int}
          selectors: [{matchArgs: [{index: 2, operator: Postfix, values: [/true]}]}]
        """
    )
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    (event,) = node.events()
    path = os.path.realpath("/bin/true")
    comm, file, binary, tgid = values(event)
    assert comm == "true"
    assert file == KprobeFile("", path, "", "-rwxr-xr-x")
    assert binary == KprobeLinuxBinprm(path, "", "-rwxr-xr-x")
    assert tgid == process.pid == event.process.pid
    assert (event.subsys, event.event) == ("sched", "sched_process_exec")
    assert (event.message, event.tags) == ("an exec", ("one", "two"))


def test_types_of_a_format(node):
    node.add(
        """
        tracepoints:
        - subsystem: task
          event: task_rename
          args: [{index: 4}, {index: 5}, {index: 6}, {index: 7}]
          selectors: [{matchArgs: [{index: 6, operator: Equal, values: [renamed]}]}]
        """
    )
    comm = Path("/proc/self/comm")
    before = comm.read_text().strip()
    for name in ("renamed", before):
        comm.write_text(name)
    (event,) = node.own()
    assert values(event)[:3] == [os.getpid(), before, "renamed"]


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_a_symbol_of_a_library(node):
    node.add(
        f"""
        uprobes:
        - path: {LIBC}
          symbols: [getenv]
          args: [{{index: 0, type: string, label: name}}]
          selectors: [{{matchArgs: [{{index: 0, operator: Prefix, values: [LC_]}}]}}]
        """
    )
    with subprocess.Popen(["/bin/ls", "/dev/null"], stdout=subprocess.DEVNULL) as process:
        process.wait()
    events = node.own(process.pid)
    assert events
    assert {type(event) for event in events} == {ProcessUprobe}
    assert {(event.path, event.symbol) for event in events} == {(LIBC, "getenv")}
    assert all(event.args[0].value.startswith("LC_") for event in events)
    assert events[0].args[0].label == "name"


def test_a_symbol_that_is_not_there(node):
    path = LIBC or "/bin/ls"
    with pytest.raises(PolicyError, match="has no symbol no_such"):
        node.sensor.add(node.text(f"uprobes: [{{path: {path}, symbols: [no_such]}}]", "none"))
    with pytest.raises(PolicyError, match="there is no file /no/such"):
        node.sensor.add(node.text("uprobes: [{path: /no/such, symbols: [x]}]", "gone"))


def test_a_system_call_with_its_return(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: sys_lseek
          return: true
          returnArg: {index: 0, type: int}
          args: [{index: 0, type: int}, {index: 1, type: long}]
          selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]}]
        """
    )
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, 5, 0)
    (event,) = node.own()
    assert isinstance(event, ProcessKprobe)
    assert event.function_name.endswith("sys_lseek")
    assert values(event) == [9999, 5]
    assert event.return_.value == -9
    assert event.return_action.name == "KPROBE_ACTION_POST"


def test_a_return_that_does_not_match(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: sys_lseek
          return: true
          returnArg: {index: 0, type: int}
          args: [{index: 0, type: int}]
          selectors:
          - matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]
            matchReturnArgs: [{operator: GT, values: ["0"]}]
        """
    )
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, 5, 0)
    assert node.own() == []
    assert node.sink.flush() == []


def test_files(node, needs, tmp_path):
    needs("fentry")
    node.add(
        f"""
        kprobes:
        - call: security_file_open
          syscall: false
          args: [{{index: 0, type: file}}]
          selectors:
          - matchArgs:
            - {{index: 0, operator: Prefix, values: ["{tmp_path}"]}}
            - {{index: 0, operator: FileType, values: [reg]}}
        """
    )
    deep = tmp_path.joinpath(*["directory"] * 200)
    deep.mkdir(parents=True)
    for path in (tmp_path / "file", deep / "file"):
        path.touch(mode=0o640)
        (event,) = node.own()
        assert values(event) == [KprobeFile("", str(path), "", "-rw-r-----")]
    os.close(os.open(tmp_path, os.O_RDONLY))
    assert node.own() == []


def test_a_descriptor_is_a_file(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: sys_lseek
          args: [{index: 0, type: fd}, {index: 1, type: int}]
          selectors: [{matchArgs: [{index: 1, operator: Equal, values: ["4321"]}]}]
        """
    )
    with Path("/etc/passwd").open() as file:
        os.lseek(file.fileno(), 4321, 0)
    (event,) = node.own()
    assert values(event)[0] == KprobeFile("", "/etc/passwd", "", "-rw-r--r--")


def test_buffers(node, needs):
    needs("fentry")
    node.add(
        f"""
        kprobes:
        - call: sys_write
          args: [{{index: 1, type: char_buf, sizeArgIndex: 3}}]
          selectors: [{{matchArgs: [{{index: 1, operator: Prefix, values: [needle]}}]}}]
        - call: sys_read
          return: true
          returnArg: {{index: 0, type: int}}
          args: [{{index: 1, type: char_buf, sizeArgIndex: 3, returnCopy: true}}]
          selectors:
          - matchPIDs: [{{operator: In, values: [{os.getpid()}]}}]
            matchReturnArgs: [{{operator: Equal, values: ["6000"]}}]
        """
    )
    reader, writer = os.pipe()
    data = b"needle" + b"x" * 5994
    os.write(writer, data)
    os.read(reader, 10000)
    for end in (reader, writer):
        os.close(end)
    written, read = node.own()
    for event in (written, read):
        assert event.args[0].value.bytes_arg == data[:4096]
        assert event.args[0].value.orig_size == 6000


def test_sockets(node, needs):
    needs("fentry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node.add(
        f"""
        kprobes:
        - call: tcp_connect
          syscall: false
          args: [{{index: 0, type: sock}}]
          selectors:
          - matchArgs:
            - {{index: 0, operator: DAddr, values: [127.0.0.0/8, "::1"]}}
            - {{index: 0, operator: DPort, values: ["{port}"]}}
            - {{index: 0, operator: Family, values: [AF_INET]}}
            - {{index: 0, operator: Protocol, values: [IPPROTO_TCP]}}
            - {{index: 0, operator: NotSPortPriv, values: []}}
        """.replace("NotSPortPriv", "NotSportPriv")
    )
    for address in ("127.0.0.1", "127.9.9.9"):
        with socket.socket() as client:
            assert client.connect_ex((address, port)) != 0
        (event,) = node.own()
        (sock,) = values(event)
        assert (sock.daddr, sock.dport) == (address, port)
        assert (sock.family, sock.type, sock.state) == ("AF_INET", "SOCK_STREAM", "TCP_SYN_SENT")
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port + 1)) != 0
    assert node.own() == []


def test_denied_by_a_security_function(node, needs, tmp_path):
    needs("fmod_ret")
    node.add(
        """
        kprobes:
        - call: security_path_mkdir
          syscall: false
          args: [{index: 0, type: path}, {index: 1, type: dentry}]
          selectors:
          - matchArgs: [{index: 1, operator: Postfix, values: [/denied]}]
            matchActions: [{action: Override, argError: -1}]
        """
    )
    with pytest.raises(PermissionError):
        (tmp_path / "denied").mkdir()
    (tmp_path / "allowed").mkdir()
    assert not (tmp_path / "denied").exists()
    (event,) = node.own()
    assert event.action.name == "KPROBE_ACTION_OVERRIDE"
    assert isinstance(values(event)[0], KprobePath)


def test_denied_by_a_security_module(node, needs, tmp_path):
    needs("lsm")
    secret = tmp_path / "secret"
    secret.write_text("x")
    node.add(
        f"""
        lsmhooks:
        - hook: file_open
          args: [{{index: 0, type: file}}]
          selectors:
          - matchArgs: [{{index: 0, operator: Equal, values: ["{secret}"]}}]
            matchActions: [{{action: Override, argError: -13}}]
        """
    )
    with pytest.raises(PermissionError):
        secret.read_text()
    (event,) = node.own()
    assert isinstance(event, ProcessLsm)
    assert event.function_name == "file_open"


def test_lists_of_functions(node, needs):
    needs("kprobes")
    node.add(
        f"""
        lists: [{{name: two, type: syscalls, values: [sys_dup, sys_dup2, sys_dup3]}}]
        kprobes:
        - call: "list:two"
          args: [{{index: 0, type: int}}]
          selectors: [{{matchPIDs: [{{operator: In, values: [{os.getpid()}]}}]}}]
        """
    )
    copy = os.dup2(0, 555, inheritable=False)
    os.close(copy)
    (event,) = node.own()
    assert event.function_name.endswith("sys_dup3")
    assert values(event) == [0]


def test_stack_traces(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: sys_lseek
          args: [{index: 0, type: int}]
          selectors:
          - matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]
            matchActions: [{action: Post, kernelStackTrace: true, userStackTrace: true}]
        """
    )
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, 0, 0)
    (event,) = node.own()
    assert any("sys_lseek" in entry.symbol for entry in event.kernel_stack_trace)
    assert any("libc" in entry.module for entry in event.user_stack_trace)
    assert all(entry.address >> 63 for entry in event.kernel_stack_trace)
    assert all(0 < entry.address < 1 << 63 for entry in event.user_stack_trace)


def test_more_programs_than_a_trampoline_holds(node, needs):
    needs("fentry", "kprobes")
    spec = """
        kprobes:
        - call: sys_lseek
          args: [{index: 0, type: int}]
          selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]}]
        """
    for number in range(45):
        node.add(spec, "same", domain=f"{number}")
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, 0, 0)
    assert len(node.own()) == 45


GETENV = """
uprobes:
- path: {library}
  symbols: [getenv]
  return: true
  returnArg: {{index: 0, type: string}}
  args: [{{index: 0, type: string}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Equal, values: [LC_ALL, LANG]}}]
    {more}
"""


def ls(node, **environment):
    """Run a program that looks into its environment; return the variables that events name."""
    with subprocess.Popen(
        ["/bin/ls", "/dev/null"], stdout=subprocess.DEVNULL, env=environment
    ) as process:
        process.wait()
    return {event.args[0].value for event in node.own(process.pid)}, process.returncode


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_returned_texts_are_compared(node):
    more = "matchReturnArgs: [{operator: Prefix, values: [needle]}]"
    node.add(GETENV.format(library=LIBC, more=more))
    assert ls(node, LANG="needle-in") == ({"LANG"}, 0)
    assert ls(node, LC_ALL="hay") == (set(), 0)
    assert node.sink.counters.lonely_entries == 0


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_actions_at_the_return(node):
    more = (
        "matchActions: [{action: NoPost}]\n"
        "    matchReturnArgs: [{operator: Equal, values: [fatal]}]\n"
        "    matchReturnActions: [{action: Sigkill}]"
    )
    node.add(GETENV.format(library=LIBC, more=more))
    assert ls(node, LANG="harmless") == (set(), 0)
    assert ls(node, LANG="fatal") == (set(), -9)


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_no_event_by_an_action_at_the_return(node):
    more = (
        "matchReturnArgs: [{operator: SubString, values: [quiet]}]\n"
        "    matchReturnActions: [{action: NoPost}]"
    )
    node.add(GETENV.format(library=LIBC, more=more))
    assert ls(node, LANG="be quiet", LC_ALL="quiet, please") == (set(), 0)


@pytest.fixture
def write_in_libc(node):
    """The function write of the C library, under which large buffers go by."""
    if not LIBC:
        pytest.skip("no libc of its own")
    node.add(
        f"""
        uprobes:
        - path: {LIBC}
          symbols: [write]
          args:
          - {{index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}}
          - {{index: 0, type: int}}
          selectors: [{{matchArgs: [{{index: 1, operator: Prefix, values: [needle]}}]}}]
        """
    )
    library = ctypes.CDLL(LIBC)

    def write(data):
        with Path(os.devnull).open("wb") as file:
            library.write(file.fileno(), data, len(data))
        return node.own()

    return write


def test_large_buffers_are_whole(write_in_libc):
    # In one test, as loading the program takes longest.
    for size in (10, 4096, 4097, 12288, 12289, 100_000, 327_360):
        data = b"needle" + bytes(n % 251 for n in range(size - 6))
        (event,) = write_in_libc(data)
        assert event.args[0].kind == "bytes_arg"
        assert event.args[0].value == data, size


def test_the_largest_buffers_are_cut(write_in_libc):
    data = b"needle" + bytes(400_000)
    (event,) = write_in_libc(data)
    assert event.args[0].value.bytes_arg == data[:327_360]
    assert event.args[0].value.orig_size == len(data)


def test_vectors_and_addresses_of_a_library(node):
    if not LIBC:
        pytest.skip("no libc of its own")
    node.add(
        f"""
        uprobes:
        - path: {LIBC}
          symbols: [writev]
          args:
          - {{index: 1, type: char_iovec, sizeArgIndex: 3}}
          selectors: [{{matchArgs: [{{index: 1, operator: Postfix, values: [end]}}]}}]
        - path: {LIBC}
          symbols: [connect]
          args: [{{index: 1, type: sockaddr}}]
          selectors:
          - matchArgs:
            - {{index: 1, operator: SAddr, values: [127.0.0.0/8]}}
            - {{index: 1, operator: SPort, values: ["1:9"]}}
            - {{index: 1, operator: Family, values: [AF_INET]}}
        """
    )
    with Path(os.devnull).open("wb") as file:
        os.writev(file.fileno(), [b"begin", b"", b"-", b"end"])
        os.writev(file.fileno(), [b"begin", b"middle"])
    (event,) = node.own()
    assert event.args[0].value == b"begin-end"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.7", 9))
        client.connect(("127.0.0.7", 10))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.connect(("::1", 9))
    (event,) = node.own()
    address = event.args[0].value
    assert (address.family, address.addr, address.port) == ("AF_INET", "127.0.0.7", 9)


TASK = """
uprobes:
- path: {library}
  symbols: [sched_yield]
  data:
  - {{index: 0, type: {kind}, source: current_task, resolve: {path}}}
  selectors: [{{matchData: [{{index: 0, operator: {operator}, values: [{value}]}}]}}]
"""


@pytest.mark.parametrize(
    ("kind", "path", "operator", "match", "other", "shown"),
    [
        ("file", "mm.exe_file", "Equal", PYTHON, "/bin/other", lambda v: v.path == PYTHON),
        ("file", "mm.exe_file", "FileType", "reg", "dir", lambda v: v.permission[0] == "-"),
        ("path", "fs.pwd", "Equal", str(HERE), "/x", lambda v: v.path == str(HERE)),
        ("path", "fs.pwd", "NotFileType", "reg", "dir", lambda v: v.permission[0] == "d"),
        ("dentry", "fs.pwd.dentry", "Postfix", HERE.name, "/no", lambda v: v.path),
        ("string", "comm", "NotPrefix", "x-y", Path("/proc/self/comm").read_text()[:2], None),
        ("uint32", "tgid", "Equal", str(os.getpid()), "1", lambda v: v == os.getpid()),
        ("int16", "pid", "NotEqual", "1", str(os.getpid()), None),
        ("uint8", "cred.uid.val", "LessThan", "1", "0", lambda v: v == 0),
        ("uint64", "flags", "Mask", "0xffffffff", "0x0", None),
        ("kernel_cap_t", "cred.cap_effective", "Mask", "CAP_KILL", "0", lambda v: len(v) == 16),
    ],
)
def test_what_is_read_of_the_task(node, monkeypatch, kind, path, operator, match, other, shown):
    # No root of a file system: that is "/" for a dentry, which knows no mounts.
    monkeypatch.chdir(HERE)
    if not LIBC:
        pytest.skip("no libc of its own")
    for value, expected in ((match, 1), (other, 0)):
        text = TASK.format(
            library=LIBC, kind=kind, path=path, operator=operator, value=f'"{value}"'
        )
        key = node.add(text)
        os.sched_yield()
        found = node.own()
        assert len(found) == expected, (value, found)
        if found and shown is not None:
            assert shown(found[0].data[0].value)
        node.sensor.remove(key)


def test_credentials_of_the_task(node):
    if not LIBC:
        pytest.skip("no libc of its own")
    node.add(
        f"""
        uprobes:
        - path: {LIBC}
          symbols: [sched_yield]
          data:
          - {{index: 0, type: cred, source: current_task, resolve: cred}}
          - {{index: 0, type: user_namespace, source: current_task, resolve: cred.user_ns}}
          - {{index: 0, type: cap_permitted, source: current_task, resolve: cred.cap_permitted}}
        """
    )
    os.sched_yield()
    (event,) = node.own()
    credentials, namespace, permitted = (each.value for each in event.data)
    assert (credentials.uid, credentials.egid) == (os.getuid(), os.getegid())
    assert namespace.ns.inum == Path("/proc/self/ns/user").stat().st_ino
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines())
    assert permitted == status["CapPrm"]


def address_of(symbol):
    lines = subprocess.run(
        ["nm", "-D", "--defined-only", LIBC], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return next(int(line.split()[0], 16) for line in lines if f" {symbol}@" in line)


def test_addresses_and_digests_of_a_binary(node):
    if not LIBC:
        pytest.skip("no libc of its own")
    right = f"SHA256:{hashlib.sha256(Path(LIBC).read_bytes()).hexdigest()}"
    wrong = f"sha256:{'0' * 64}"
    spec = f"uprobes: [{{path: {LIBC}, addrs: [{address_of('sched_yield')}], %s}}]"
    node.add(spec % f'binaryDigests: ["{wrong}", "{right}"]')
    node.add(spec % f'binaryDigests: ["{wrong}"], ignore: {{digestVerificationFailure: true}}')
    os.sched_yield()
    assert len(node.own()) == 2
    with pytest.raises(PolicyError, match="has none of the digests"):
        node.sensor.add(node.text(spec % f'binaryDigests: ["{wrong}"]', "wrong"))
    (hook,) = node.status(PolicyKey("wrong")).hooks
    assert hook.state is HookState.REJECTED
    os.sched_yield()
    assert len(node.own()) == 2


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_a_binary_that_comes_later_is_found_when_the_policy_is_enabled_again(node, tmp_path):
    later = tmp_path / "later.so"
    address = address_of("sched_yield")
    spec = f"uprobes: [{{path: {LIBC}, addrs: [{address}]}}, {{path: {later}, addrs: [{address}]}}]"
    key = node.sensor.add(node.text(spec, "later"))
    status = node.status(key)
    assert status.state is PolicyState.PARTIALLY_ENABLED
    assert [hook.state for hook in status.hooks] == [HookState.LOADED, HookState.FAILED]
    assert status.hooks[1].problem == f"line 5: spec.uprobes[1]: there is no file {later}"
    shutil.copy(LIBC, later)
    node.sensor.disable(key)
    node.sensor.enable(key)
    assert node.status(key).state is PolicyState.ENABLED
