"""Arguments that are objects of the kernel: each is provoked, and its JSON looked at."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from osmia_events.json_encoder import encode_message
from tests.bpf.policy import kernel_calls

SYMBOLS = [line.split() for line in Path("/proc/kallsyms").read_text().splitlines()]
FUNCTIONS = {name for _, kind, name, *_ in SYMBOLS if kind in "tT"}
STREAM = socket.AF_UNIX, socket.SOCK_STREAM


@pytest.fixture
def watch(node, needs):
    """Watch functions; the first of several that this kernel has."""

    def add(*functions, args, selectors="", section="kprobes", more=""):
        needs("lsm" if section == "lsmhooks" else "fentry")
        if section == "lsmhooks":
            hook = f"hook: {functions[0]}"
        else:
            there = next((name for name in functions if name in FUNCTIONS), None)
            if there is None:
                pytest.skip(f"this kernel has none of {', '.join(functions)}")
            hook = f"call: {there}, syscall: false"
        own = f"matchPIDs: [{{operator: In, values: [{os.getpid()}]}}]"
        node.add(
            f"{section}:\n- {{{hook}, args: [{args}], {more}"
            f" selectors: [{{{own}{', ' if selectors else ''}{selectors}}}]}}"
        )

    return add


def shown(event):
    """Return the arguments of an event as its JSON shows them."""
    return [json.loads(encode_message(argument)) for argument in event.args]


ADDRESSES = "{index: 0, type: socket}, {index: 1, type: %s}, {index: 2, type: int}"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client, contextlib.suppress(OSError):
        client.connect(address)


@pytest.mark.parametrize(
    ("family", "host", "operator", "value", "matches"),
    [
        ("AF_INET", "127.0.0.9", "SAddr", "127.0.0.0/8", True),
        ("AF_INET", "127.0.0.9", "SAddr", "10.0.0.0/8", False),
        ("AF_INET", "127.0.0.9", "NotSAddr", "127.0.0.9", False),
        ("AF_INET", "127.0.0.9", "Family", "AF_INET", True),
        ("AF_INET", "127.0.0.9", "NotSPort", "'1:8'", True),
        ("AF_INET", "127.0.0.9", "SPortPriv", "", True),
        ("AF_INET6", "::1", "SAddr", "'::/64'", True),
        ("AF_INET6", "::1", "SAddr", "'fe80::/10'", False),
        ("AF_INET6", "::1", "NotSAddr", "'fe80::/10'", True),
        ("AF_INET6", "::1", "SPort", "'9'", True),
        ("AF_INET6", "::1", "Family", "AF_INET", False),
    ],
)
def test_socket_addresses(watch, node, family, host, operator, value, matches):
    watch(
        "security_socket_connect",
        args=ADDRESSES % "sockaddr",
        selectors=f"matchArgs: [{{index: 1, operator: {operator}, values: [{value}]}}]",
    )
    connect(socket.AddressFamily[family], (host, 9))
    events = node.own()
    assert len(events) == matches
    for event in events:
        sock, address, length = shown(event)
        assert address == {"sockaddr_arg": {"family": family, "addr": host, "port": 9}}
        assert sock["sock_arg"]["family"] == family
        assert sock["sock_arg"]["type"] == "SOCK_STREAM"
        assert length == {"int_arg": 16 if family == "AF_INET" else 28}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/run/none.socket", "/run/none.socket"), ("\0abstract", "@abstract"),
     ("/" + "x" * 106, "/" + "x" * 106)],
)  # fmt: skip
def test_addresses_of_unix_sockets(watch, node, path, expected):
    family = "matchArgs: [{index: 1, operator: Family, values: [AF_UNIX]}]"
    watch("security_socket_connect", args=ADDRESSES % "sockaddr_un", selectors=family)
    connect(socket.AF_UNIX, path)
    connect(socket.AF_INET, ("127.0.0.1", 9))
    (event,) = node.own()
    _, address, _ = shown(event)
    assert address == {"sockaddrun_arg": {"family": "AF_UNIX", "path": expected}}


@pytest.mark.parametrize(
    ("state", "news"),
    [("TCP_CLOSE", ["TCP_SYN_SENT"]), ("TCP_SYN_SENT", ["TCP_CLOSE"]), ("TCP_LISTEN", [])],
)
def test_states_of_sockets(node, state, news):
    """A connection that is refused goes from one state to another and back."""
    node.add(
        f"""
        tracepoints:
        - subsystem: sock
          event: inet_sock_set_state
          raw: true
          args: [{{index: 0, type: sock}}, {{index: 1, type: int}}, {{index: 2, type: int}}]
          selectors:
          - matchPIDs: [{{operator: In, values: [{os.getpid()}]}}]
            matchArgs: [{{index: 0, operator: State, values: [{state}]}}]
        """
    )
    connect(socket.AF_INET, ("127.0.0.1", 9))
    found = [shown(event) for event in node.own()]
    assert {sock["sock_arg"]["state"] for sock, _, _ in found} == ({state} if news else set())
    numbers = {"TCP_SYN_SENT": 2, "TCP_CLOSE": 7}
    assert [new["int_arg"] for _, _, new in found] == [numbers[new] for new in news]


def test_programs_of_bpf(watch, node):
    five = 'matchArgs: [{index: 0, operator: Equal, values: ["5"]}]'
    watch(
        "security_bpf",
        args="{index: 0, type: bpf_cmd}, {index: 1, type: bpf_attr}",
        selectors=five,
    )
    kernel_calls.load_program("mine")
    (event,) = node.own()
    command, attributes = shown(event)
    assert command == {"bpf_cmd_arg": "BPF_PROG_LOAD"}
    expected = {"ProgType": "BPF_PROG_TYPE_SOCKET_FILTER", "InsnCnt": 2, "ProgName": "mine"}
    assert attributes == {"bpf_attr_arg": expected}


def test_attributes_in_the_memory_of_the_caller(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: sys_bpf
          args: [{index: 0, type: int}, {index: 1, type: bpf_attr}]
          selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["5"]}]}]
        """
    )
    kernel_calls.load_program("mine")
    (event,) = node.own()
    assert shown(event)[1]["bpf_attr_arg"]["ProgName"] == "mine"


def test_a_loaded_program(watch, node):
    watch("security_bpf_prog", args="{index: 0, type: bpf_prog}")
    kernel_calls.load_program("mine")
    (event,) = node.own()
    (program,) = shown(event)
    kind = program["bpf_prog_arg"]
    assert (kind["ProgType"], kind["ProgName"]) == ("BPF_PROG_TYPE_SOCKET_FILTER", "mine")


def test_maps_of_bpf(watch, node):
    watch("security_bpf_map_create", "security_bpf_map_alloc", args="{index: 0, type: bpf_map}")
    kernel_calls.create_map("colours", key_size=4, value_size=24, max_entries=7)
    (event,) = node.own()
    expected = {
        "MapType": "BPF_MAP_TYPE_ARRAY",
        "KeySize": 4,
        "ValueSize": 24,
        "MaxEntries": 7,
        "MapName": "colours",
    }
    assert shown(event) == [{"bpf_map_arg": expected}]


def test_perf_events(watch, node):
    watch("security_perf_event_alloc", args="{index: 0, type: perf_event}")
    kernel_calls.open_perf_event(
        kernel_calls.PERF_TYPE_SOFTWARE, kernel_calls.PERF_COUNT_SW_CONTEXT_SWITCHES
    )
    (event,) = node.own()
    expected = {"Type": "PERF_TYPE_SOFTWARE", "Config": "3"}
    assert shown(event) == [{"perf_event_arg": expected}]
    type_file = Path("/sys/bus/event_source/devices/kprobe/type")
    if type_file.exists():
        kernel_calls.open_perf_event(int(type_file.read_text()), function="do_exit")
        (event,) = node.own()
        (perf_event,) = shown(event)
        assert perf_event["perf_event_arg"]["KprobeFunc"] == "do_exit"


MODULE = "dummy"


@pytest.fixture
def module():
    if kernel_calls.module_image(MODULE) is None:
        pytest.skip(f"there is no module {MODULE} of this kernel")
    subprocess.run(["rmmod", MODULE], check=False, capture_output=True)
    return MODULE


def test_modules(node, module):
    node.add(
        """
        tracepoints:
        - {subsystem: module, event: module_load, raw: true, args: [{index: 0, type: module}]}
        - {subsystem: module, event: module_free, raw: true, args: [{index: 0, type: module}]}
        """
    )
    kernel_calls.load_module(module)
    events = node.own()
    assert [event.event for event in events] == ["module_load", "module_free"]
    for event in events:
        (argument,) = shown(event)
        assert argument["module_arg"]["name"] == module
        assert "signature_ok" not in argument["module_arg"]


def test_what_a_module_is_loaded_from(watch, node, module):
    watch("mod_sysfs_setup", "add_kallsyms", args="{index: 1, type: load_info}")
    kernel_calls.load_module(module)
    (event,) = node.own()
    (argument,) = shown(event)
    assert argument["module_arg"]["name"] == module
    assert isinstance(argument["module_arg"]["signature_ok"], bool)


@pytest.mark.parametrize(
    ("operator", "value", "matches"),
    [("Equal", "'18'", True), ("Equal", "CAP_SYS_CHROOT", True), ("NotEqual", "'18'", False),
     ("Equal", "CAP_SYS_BOOT", False), ("InMap", "'10:20'", True)],
)  # fmt: skip
def test_a_capability_that_is_asked_for(watch, node, operator, value, matches):
    watch(
        "cap_capable",
        args="{index: 0, type: cred}, {index: 1, type: user_namespace},"
        " {index: 2, type: capability}",
        selectors=f"matchArgs: [{{index: 2, operator: {operator}, values: [{value}]}}]",
    )
    os.chroot("/")
    found = [shown(event) for event in node.own()]
    found = [each for each in found if each[2]["capability_arg"]["value"] == 18]
    assert len(found) == matches
    for credentials, namespace, capability in found:
        cred = credentials["process_credentials_arg"]
        assert (cred["uid"], cred["fsgid"]) == (os.getuid(), os.getgid())
        assert "CAP_SYS_CHROOT" in cred["caps"]["effective"]
        assert cred["user_ns"]["ns"]["is_host"] is True
        inode = Path("/proc/self/ns/user").stat().st_ino
        assert namespace["user_ns_arg"]["ns"] == {"inum": inode, "is_host": True}
        assert capability == {"capability_arg": {"value": 18, "name": "CAP_SYS_CHROOT"}}


def test_credentials_that_change(node, needs):
    needs("fentry")
    node.add(
        """
        kprobes:
        - call: commit_creds
          syscall: false
          args:
          - {index: 0, type: cred}
          - {index: 0, type: uint32, resolve: uid.val}
          selectors: [{matchArgs: [{args: [1], operator: Equal, values: ["4321"]}]}]
        """
    )
    code = "import os; os.setresuid(4321, 4321, 4321)"
    with subprocess.Popen(["python3", "-S", "-c", code]) as process:
        process.wait()
    (event,) = node.own(process.pid)
    cred = shown(event)[0]["process_credentials_arg"]
    assert (cred["uid"], cred["euid"], cred["suid"], cred["fsuid"]) == (4321,) * 4
    assert cred["caps"].get("effective", []) == []


@pytest.mark.parametrize(
    ("section", "hook"),
    [("kprobes", "call: security_bprm_check, syscall: false"),
     ("lsmhooks", "hook: bprm_check_security")],
)  # fmt: skip
def test_a_binary_that_is_about_to_run(node, needs, tmp_path, section, hook):
    needs("lsm" if section == "lsmhooks" else "fentry")
    program = tmp_path / "program"
    shutil.copy("/bin/true", program)
    program.chmod(0o4750)
    selector = f'{{matchArgs: [{{index: 0, operator: Equal, values: ["{program}"]}}]}}'
    arguments = "args: [{index: 0, type: linux_binprm}]"
    node.add(f"{section}: [{{{hook}, {arguments}, selectors: [{selector}]}}]")
    for path in (program, "/bin/true"):
        subprocess.run([path], check=True)
    (event,) = node.events()
    expected = {"path": str(program), "permission": "-rwsr-x---"}
    assert shown(event) == [{"linux_binprm_arg": expected}]


def test_buffers_of_iterators(watch, node):
    watch("sock_write_iter", args="{index: 0, type: kiocb}, {index: 1, type: iov_iter}")
    one, other = socket.socketpair(*STREAM)
    with one, other:
        os.write(one.fileno(), b"one piece")
        os.writev(one.fileno(), [b"two", b" pieces"])
        os.write(one.fileno(), b"x" * 5000)
    events = node.own()
    files, buffers = zip(*(shown(event) for event in events), strict=True)
    assert [base64.b64decode(each["bytes_arg"]) for each in buffers[:2]] == [
        b"one piece",
        b"two pieces",
    ]
    long = buffers[2]["truncated_bytes_arg"]
    assert (base64.b64decode(long["bytes_arg"]), int(long["orig_size"])) == (b"x" * 4096, 5000)
    assert {each["file_arg"]["permission"][0] for each in files} == {"s"}


def test_the_file_of_a_request(watch, node):
    watch(
        "generic_file_read_iter",
        args="{index: 0, type: kiocb}",
        selectors="matchArgs: [{index: 0, operator: Postfix, values: [/passwd]}]",
    )
    for path in ("/etc/passwd", "/etc/group"):
        Path(path).read_bytes()
    events = node.own()
    assert events
    for event in events:
        expected = {"path": "/etc/passwd", "permission": "-rw-r--r--"}
        assert shown(event) == [{"file_arg": expected}]


def test_types_of_a_module(node, needs, tmp_path):
    """A struct that only the driver of loop devices has, in a function of that driver."""
    needs("kprobes")
    subprocess.run(["modprobe", "loop"], check=False, capture_output=True)
    if not Path("/sys/kernel/btf/loop").exists():
        pytest.skip("there is no module loop of this kernel, or it has no types")
    symbols = Path("/proc/kallsyms").read_text().splitlines()
    there = {line.split()[2] for line in symbols if line.endswith("[loop]")}
    # Each has the device for its first argument; compilers leave no more than some of them.
    known = ("loop_configure", "__loop_clr_fd", "loop_set_size", "lo_rw_aio", "loop_queue_work")
    function = next(name for name in known if name in there)
    node.add(
        f"""
        kprobes:
        - call: {function}
          syscall: false
          args:
          - index: 0
            type: int
            btfType: loop_device
            btfTypeModule: loop
            resolve: lo_number
        """
    )
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    command = ["losetup", "--find", "--show", image]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["losetup", "--detach", device], check=True)
    numbers = {shown(event)[0]["int_arg"] for event in node.events()}
    assert numbers == {int(device.removeprefix("/dev/loop"))}


@pytest.mark.parametrize(
    ("condition", "opened"),
    [("", ["file", ""]), ("matchReturnArgs: [{operator: Postfix, values: [/file]}]", ["file"]),
     ("matchReturnArgs: [{operator: NotFileType, values: [reg]}]", [""])],
)  # fmt: skip
def test_a_file_that_a_function_returns(node, needs, tmp_path, condition, opened):
    """What was opened through a link, and what was not there."""
    needs("fentry")
    functions = {line.split()[2] for line in Path("/proc/kallsyms").read_text().splitlines()}
    function = "do_filp_open" if "do_filp_open" in functions else "do_file_open"  # its name in 7.2
    node.add(
        f"""
        kprobes:
        - call: {function}
          syscall: false
          return: true
          returnArg: {{index: 0, type: file}}
          args: [{{index: 1, type: filename}}]
          selectors:
          - matchArgs: [{{index: 1, operator: Prefix, values: ["{tmp_path}/link"]}}]
            {condition}
        """
    )
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "link").read_bytes()
    with pytest.raises(FileNotFoundError):
        (tmp_path / "link-to-nothing").read_bytes()
    events = node.own()
    expected = {"file": {"path": f"{tmp_path}/file", "permission": "-rw-------"}, "": {"path": "/"}}
    found = [json.loads(encode_message(event.return_)) for event in events]
    assert found == [{"file_arg": expected[name]} for name in opened]
