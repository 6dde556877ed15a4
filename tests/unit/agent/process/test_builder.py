from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_agent.process.cgroups import CgroupPlace
from osmia_agent.process.chunks import MAX_STRING_BYTES
from osmia_agent.process.identity import ExecIds, ImageKey
from osmia_agent.process.scan import ScannedProcess
from osmia_agent.process.users import UserNames
from osmia_bpf.records import ExecFlag
from osmia_events.model import (
    BinaryProperties,
    Container,
    EnvVar,
    FileProperties,
    InodeProperties,
    Pod,
    Process,
    UserRecord,
)
from tests.unit.agent.process.kernel_records import (
    HOST,
    NODE,
    ROOT,
    WALL_OFFSET_NS,
    builder,
    execution,
    fork,
    piece,
)

if TYPE_CHECKING:
    from pathlib import Path

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
IDS = ExecIds(NODE)
PARENT = Process(
    exec_id=IDS.of(40, 900, 4),
    pid=40,
    uid=12,
    cwd="/p",
    binary="/bin/parent",
    arguments="-x",
    flags="execve clone",
    start_time=7,
    auid=13,
    pod=Pod("ns", "pod", container=Container("id", pid=3)),
    docker=ID[:31],
    parent_exec_id=IDS.of(1, 2, 3),
    tid=40,
    user=UserRecord("someone"),
    in_init_tree=False,
    environment_variables=(EnvVar("A", "1"),),
)


def executed(record, *, flags: int = 0, in_tree: bool = False, users=None, **detail) -> Process:
    return builder(users, **detail).executed(record, PARENT, flags, in_tree=in_tree)


def test_kernel():
    kernel = builder().kernel()
    assert kernel.exec_id == IDS.of(0, 1, 0)
    assert (kernel.pid, kernel.binary, kernel.parent_exec_id) == (0, "<kernel>", "")


def test_fork_copies_the_parent():
    PARENT.memo = {"encoded": b"of the parent"}
    child = builder().forked(fork(41, 1000, 4, (40, 900, 4), nspid=9), PARENT)
    assert child == PARENT.replaced(
        exec_id=IDS.of(41, 1000, 4),
        pid=41,
        tid=41,
        flags="execve",
        start_time=WALL_OFFSET_NS + 1001,
        pod=Pod("ns", "pod", container=Container("id", pid=9)),
        parent_exec_id=PARENT.exec_id,
        refcnt=1,
    )
    assert child.memo is None


@pytest.mark.parametrize(
    ("parent_in_tree", "nspid", "level", "in_tree"),
    [
        (False, 41, 0, False),
        (False, 1, 0, False),  # the host's first process
        (False, 1, 1, True),
        (False, 2, 1, False),  # a process that only entered the namespace
        (True, 2, 1, True),
        (True, 41, 0, True),
    ],
)
def test_init_tree(parent_in_tree: bool, nspid: int, level: int, in_tree: bool):
    parent = PARENT.replaced(in_init_tree=parent_in_tree)
    place = {"nspid": nspid, "pid_ns_level": level}
    child = builder().forked(fork(41, 1000, 4, (40, 900, 4), **place), parent)
    assert child.in_init_tree is in_tree
    assert child.flags == ("execve inInitTree" if in_tree else "execve")
    image = executed(execution(41, 1000, 5, **place), in_tree=parent_in_tree)
    assert image.in_init_tree is in_tree
    assert ("inInitTree" in image.flags) is in_tree


def test_exec():
    record = execution(
        41,
        1000,
        5,
        credentials=ROOT._replace(uid=7, euid=8, auid=9),
        arguments=b"prog\0-c\0two words\0",
        cgroup_name=f"cri-containerd-{ID}.scope".encode(),
        filename=b"./bin/../prog",
        environment=b"SECRET=1\0",
    )
    assert executed(record, flags=0x4000) == Process(
        exec_id=IDS.of(41, 1000, 5),
        pid=41,
        uid=8,
        cwd="/work",
        binary="/work/prog",
        arguments='-c "two words"',
        flags="execve clone",
        start_time=WALL_OFFSET_NS + 1105,
        auid=9,
        docker=ID[:31],
        parent_exec_id=PARENT.exec_id,
        tid=41,
        in_init_tree=False,
    )


def test_exec_of_a_thread_bears_the_leaders_pid():
    image = executed(execution(41, 1000, 5, tid_before=44))
    assert (image.pid, image.tid) == (41, 41)


@pytest.mark.parametrize(
    ("record", "flags", "cwd", "binary", "arguments"),
    [
        ({"cwd": b""}, "execve rootcwd", "/", "/usr/bin/prog", "--flag"),
        ({"cwd": b"", "filename": b"x"}, "execve rootcwd", "/", "/x", "--flag"),
        ({"flags": ExecFlag.NO_CWD, "filename": b"a/x"}, "execve nocwd", "", "a/x", "--flag"),
        ({"flags": ExecFlag.CWD_ERROR}, "execve errorCWD", "", "/usr/bin/prog", "--flag"),
        (
            {"flags": ExecFlag.CWD_TRUNCATED, "cwd": b"/deep/down"},
            "execve rootcwd errorPathResolutionCwd",
            "/",
            "/usr/bin/prog",
            "--flag",
        ),
        ({"arguments": b""}, "execve", "/work", "/usr/bin/prog", ""),
        ({"arguments": b"prog\0"}, "execve", "/work", "/usr/bin/prog", ""),
        ({"arguments": b"prog\0a\0\0"}, "execve", "/work", "/usr/bin/prog", "a "),
        ({"arguments": b"prog\0a\0\0", "cwd": b"/"}, "execve rootcwd", "/", "/usr/bin/prog", "a"),
        (
            {"flags": ExecFlag.ARGUMENTS_ERROR, "arguments": b"", "arguments_size": 40},
            "execve truncArgs errorArgs",
            "/work",
            "/usr/bin/prog",
            "",
        ),
        (
            {"flags": ExecFlag.FILENAME_ERROR, "filename": b""},
            "execve errorFilename",
            "/work",
            "",
            "--flag",
        ),
    ],
)
def test_exec_in_special_cases(record, flags, cwd, binary, arguments):
    if "flags" in record:
        record |= {"flags": int(record["flags"])}
    image = executed(execution(41, 1000, 5, **record))
    assert (image.flags, image.cwd, image.binary, image.arguments) == (
        flags,
        cwd,
        binary,
        arguments,
    )


def test_long_filename():
    image = executed(execution(41, 1000, 5, filename=b"/" + b"d" * 255))
    assert image.binary == "/" + "d" * 255
    assert image.flags == "execve dataFilename"


@pytest.mark.parametrize(
    ("size", "flags"), [(1024 - 64 - 13 - 1, "execve"), (1024 - 64 - 13, "execve dataArgs")]
)
def test_arguments_that_upstream_sends_apart(size: int, flags: str):
    argument = b"x" * (size - 1) + b"\0"  # the program's name does not count
    image = executed(execution(41, 1000, 5, arguments=b"a program\0" + argument))
    assert image.flags == flags
    assert image.arguments == "x" * (size - 1)


def test_arguments_in_pieces():
    build = builder()
    build.chunks.add(piece(41, 1000, 5, 0, b"prog\0" + b"x" * 2000))
    record = execution(41, 1000, 5, arguments=b"x\0end\0", arguments_before=2005)
    image = build.executed(record, PARENT, 0, in_tree=False)
    assert image.arguments == "x" * 2001 + " end"
    assert image.flags == "execve dataArgs"


def test_arguments_of_which_a_piece_is_lost():
    record = execution(41, 1000, 5, arguments=b"x\0end\0", arguments_before=2005)
    image = executed(record)
    assert image.arguments == "x end"
    assert "truncArgs" in image.flags


def test_environment():
    record = execution(41, 1000, 5, environment=b"A=1\0B=2\0")
    assert executed(record).environment_variables == ()
    shown = executed(record, environment=True)
    assert shown.environment_variables == (EnvVar("A", "1"), EnvVar("B", "2"))
    shown = executed(record, environment=True, environment_names=frozenset({"B"}))
    assert shown.environment_variables == (EnvVar("B", "2"),)
    assert shown.flags == "execve"


def test_environment_that_is_not_whole():
    record = execution(41, 1000, 5, environment=b"B=2\0", environment_before=50)
    assert executed(record).flags == "execve"
    assert executed(record, environment=True).flags == "execve errorEnvs"


def test_credentials_and_namespaces_only_on_demand():
    record = execution(41, 1000, 5)
    plain = executed(record)
    assert (plain.cap, plain.process_credentials, plain.ns) == (None, None, None)
    full = executed(record, credentials=True, namespaces=True)
    assert full.cap is not None
    assert full.process_credentials is not None
    assert full.process_credentials.euid == 0
    assert full.ns is not None
    assert full.ns.uts is not None
    assert full.ns.uts.is_host


def test_binary_properties_only_in_the_exec_event():
    record = execution(41, 1000, 5, links=0)
    build = builder(credentials=True)
    image = build.executed(record, PARENT, 0, in_tree=False)
    assert image.binary_properties is None
    event = build.for_exec_event(record, image)
    assert event.binary_properties == BinaryProperties(file=FileProperties(InodeProperties(77, 0)))
    assert event.refcnt == 1
    assert event.replaced(binary_properties=None, refcnt=0) == image


def test_ordinary_binaries_have_no_properties():
    record = execution(41, 1000, 5)
    image = executed(record)
    assert builder(credentials=True).for_exec_event(record, image) is image
    assert builder().for_exec_event(execution(41, 1000, 5, links=0), image) is image


def test_user_name_of_host_processes_only(tmp_path: Path):
    (tmp_path / "passwd").write_text("web:x:33:33::/:\n")
    users = UserNames(tmp_path / "passwd")
    credentials = ROOT._replace(euid=33)
    image = executed(execution(41, 1000, 5, credentials=credentials), users=users)
    assert image.user == UserRecord("web")
    inside = HOST._replace(mnt=1)
    record = execution(41, 1000, 5, credentials=credentials, namespaces=inside)
    assert executed(record, users=users).user is None


def scanned(**other) -> ScannedProcess:
    fields = {
        "key": ImageKey(41, 1000, 5),
        "exact": True,
        "parent": ImageKey(40, 900, 4),
        "nspid": 41,
        "pid_ns_level": 0,
        "kernel_thread": False,
        "comm": b"comm",
        "credentials": ROOT._replace(euid=8),
        "namespaces": HOST,
        "executable": b"/usr/bin/prog",
        "arguments": b"name\0a b\0c\0",
        "cwd": b"/work",
        "place": CgroupPlace((ID[:31],)),
    }
    return ScannedProcess(**(fields | other))


def test_scanned():
    assert builder().scanned(scanned(), PARENT) == Process(
        exec_id=IDS.of(41, 1000, 5),
        pid=41,
        uid=8,
        cwd="/work",
        binary="/usr/bin/prog",
        arguments=' "a b" c',
        flags="procFS",
        start_time=WALL_OFFSET_NS + 1000,
        auid=0xFFFFFFFF,
        docker=ID[:31],
        parent_exec_id=PARENT.exec_id,
        tid=41,
        in_init_tree=False,
    )


def test_scanned_process_that_wrote_over_its_arguments():
    assert builder().scanned(scanned(arguments=b"prog: title"), PARENT).arguments == ""
    padded = scanned(arguments=b"prog\0busy" + b"\0" * 50)
    assert builder().scanned(padded, PARENT).arguments == "busy"


def test_scanned_process_whose_file_may_not_be_read():
    process = builder().scanned(scanned(executable=b"", arguments=b"/bin/x\0a\0"), PARENT)
    assert (process.binary, process.arguments) == ("/bin/x", "a")


def test_scanned_thread_of_the_kernel():
    process = builder().scanned(
        scanned(kernel_thread=True, executable=b"", arguments=b"", cwd=b"", comm=b"kworker/0:1"),
        PARENT,
    )
    assert (process.binary, process.arguments, process.cwd) == ("[kworker/0:1]", "", "")
    assert process.flags == "procFS"


@pytest.mark.parametrize(
    ("other", "flags"),
    [
        ({"cwd": b"/"}, "procFS rootcwd"),
        ({"cwd": b""}, "procFS errorCWD"),
        ({"nspid": 1, "pid_ns_level": 2}, "procFS inInitTree"),
        ({"arguments": b"x\0" * MAX_STRING_BYTES}, "procFS truncArgs"),
    ],
)
def test_scanned_flags(other, flags):
    assert builder().scanned(scanned(**other), PARENT).flags == flags


def test_scanned_without_what_cannot_be_read():
    process = builder(credentials=True, namespaces=True).scanned(
        scanned(credentials=None, executable=b"", arguments=b""), PARENT
    )
    assert (process.uid, process.auid, process.cap, process.binary) == (None, None, None, "")


def test_unknown():
    process = builder().unknown(ImageKey(41, 1000, 5), PARENT)
    assert process == Process(
        exec_id=IDS.of(41, 1000, 5),
        pid=41,
        flags="unknown",
        start_time=WALL_OFFSET_NS + 1000,
        parent_exec_id=PARENT.exec_id,
        tid=41,
    )


def test_known_by_id():
    process = builder().known_by_id(IDS.of(41, 1000, 5), PARENT)
    assert (process.pid, process.flags, process.parent_exec_id) == (41, "unknown", PARENT.exec_id)
