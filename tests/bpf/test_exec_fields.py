"""Arguments, paths, credentials, namespaces and environment of real programs."""

import ctypes
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from osmia_agent.kernel.privileges import effective_capabilities

ECHO = "/bin/echo"
NOBODY = 65534
REPLACED = "\N{REPLACEMENT CHARACTER}"


def run(*command, **options):
    """Run a program to its end and return its pid."""
    options.setdefault("stdout", subprocess.DEVNULL)
    process = subprocess.Popen(command, **options)
    process.wait()
    return process.pid


def process_of(agent, *command, **options):
    return agent.one_life(run(*command, **options))[0]["process"]


def fork_and(action):
    """Run `action`, which execs, in a child; return its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open("/dev/null", os.O_WRONLY)
            os.dup2(null, 1)
            action()
        finally:
            os._exit(99)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) != 99, "the child did not exec"
    return pid


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["a"], "a"),
        ([], ""),
        (["a b", "c"], ' "a b" c'),
        (["a", "", "b"], "a  b"),
        (["tab\there", "line\nbreak", 'quo"te'], 'tab\there line\nbreak quo"te'),
        ([b"\xff\xfe", b"ok\xc3\xa4", b"\xc3"], f"{REPLACED} okä {REPLACED}"),
        (["\x01\x1b[31m"], "\x01\x1b[31m"),
        (["日本語 テキスト"], ' "日本語 テキスト"'),
    ],
)
def test_arguments(agent, arguments, shown):
    process = process_of(agent, ECHO, *arguments)
    assert process.get("arguments", "") == shown


def test_one_long_argument(agent):
    text = "y" * 100_000
    process = process_of(agent, ECHO, text, "end")
    assert process["arguments"] == f"{text} end"
    assert process["flags"] == "execve clone dataArgs"


def test_many_arguments(agent):
    arguments = [f"argument-{number}" for number in range(5000)]
    process = process_of(agent, ECHO, *arguments)
    assert process["arguments"] == " ".join(arguments)


@pytest.mark.parametrize("size", [4000, 4085, 4086, 4087, 8190, 8191, 8192, 12_300, 131_000])
def test_arguments_around_the_sizes_of_pieces(agent, size):
    text = ("0123456789" * (size // 10 + 1))[:size]
    assert process_of(agent, ECHO, text)["arguments"] == text


def test_256_kib_are_whole_and_more_is_truncated(agent):
    arguments = ["z" * 65_000] * 4
    process = process_of(agent, ECHO, *arguments)
    assert process["arguments"] == " ".join(arguments)
    assert "truncArgs" not in process["flags"]
    process = process_of(agent, ECHO, *["w" * 100_000] * 8)
    assert "truncArgs" in process["flags"].split()
    assert len(process["arguments"]) >= 256 * 1024
    assert set(process["arguments"]) == {"w", " "}


def test_no_arguments_at_all(agent, programs):
    execs, _ = agent.life(run(programs / "lifecycles", "without_arguments", ECHO))
    assert execs[-1]["process"]["binary"] == ECHO
    assert "arguments" not in execs[-1]["process"]


def test_script(agent, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh -e\n:\n")
    script.chmod(0o755)
    process = process_of(agent, script, "one", "two")
    assert process["binary"] == str(script)
    assert process["arguments"] == f"-e {script} one two"


def test_relative_and_unclean_paths(agent, tmp_path):
    shutil.copy(ECHO, tmp_path / "own")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("own")
    for path in ("./own", "sub/../own", ".//own"):
        assert process_of(agent, path, cwd=tmp_path)["binary"] == str(tmp_path / "own")
    assert process_of(agent, "./link", cwd=tmp_path)["binary"] == str(tmp_path / "link")


def test_deleted_binary(agent, tmp_path):
    own = tmp_path / "own"
    shutil.copy("/bin/sleep", own)
    process = subprocess.Popen([own, "0.1"])
    own.unlink()
    process.wait()
    executed, exited = agent.one_life(process.pid)
    assert executed["process"]["binary"] == str(own)
    assert exited["process"]["binary"] == str(own)


def memfd_program():
    descriptor = os.memfd_create("program", 0)
    os.write(descriptor, Path(ECHO).read_bytes())
    return descriptor


def test_memfd(full_agent):
    descriptor = memfd_program()
    pid = fork_and(lambda: os.execve(descriptor, ["own", "from memory"], {}))
    executed, _ = full_agent.one_life(pid)
    process = executed["process"]
    assert process["binary"] == f"/dev/fd/{descriptor}"
    assert process["arguments"] == ' "from memory"'
    inode = process["binary_properties"]["file"]["inode"]
    assert inode["number"] == str(os.fstat(descriptor).st_ino)
    assert inode["links"] == 0
    os.close(descriptor)


def test_execveat(agent, tmp_path):
    shutil.copy(ECHO, tmp_path / "own")
    folder = os.open(tmp_path, os.O_RDONLY)
    libc = ctypes.CDLL(None)
    arguments = (ctypes.c_char_p * 3)(b"own", b"at", None)
    environment = (ctypes.c_char_p * 1)(None)
    pid = fork_and(lambda: libc.syscall(322, folder, b"own", arguments, environment, 0))
    executed, _ = agent.one_life(pid)
    assert executed["process"]["binary"] == f"/dev/fd/{folder}/own"
    os.close(folder)


def test_working_directories(agent, tmp_path):
    assert process_of(agent, ECHO, cwd="/")["cwd"] == "/"
    assert "rootcwd" in process_of(agent, ECHO, cwd="/")["flags"]
    assert process_of(agent, ECHO, cwd="/proc/self")["cwd"].startswith("/proc/")
    odd = tmp_path / "with space\nand line"
    odd.mkdir()
    assert process_of(agent, ECHO, cwd=odd)["cwd"] == str(odd)


@pytest.mark.parametrize(("component", "depth"), [("d", 1500), ("n" * 255, 15), ("x" * 40, 90)])
def test_deep_working_directory(agent, tmp_path, component, depth):
    path = tmp_path
    before = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            Path(component).mkdir()
            os.chdir(component)
            path = path / component
        process = process_of(agent, ECHO)
        if len(str(path)) <= 4095:
            assert process["cwd"] == str(path)
        else:
            assert process["cwd"] == "/"
            assert process["flags"] == "execve rootcwd clone errorPathResolutionCwd"
    finally:
        os.fchdir(before)
        os.close(before)
        subprocess.run(["rm", "-rf", tmp_path / component], check=True)


def test_a_working_directory_too_deep_for_a_path(agent, tmp_path):
    before = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        for _ in range(20):
            Path("l" * 250).mkdir()
            os.chdir("l" * 250)
        process = process_of(agent, ECHO)
        assert process["cwd"] == "/"
        assert process["flags"] == "execve rootcwd clone errorPathResolutionCwd"
    finally:
        os.fchdir(before)
        os.close(before)
        subprocess.run(["rm", "-rf", tmp_path / ("l" * 250)], check=True)


def test_deleted_working_directory(agent, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    pid = fork_and(lambda: (os.chdir(gone), gone.rmdir(), os.execv(ECHO, [ECHO])))
    executed, _ = agent.one_life(pid)
    assert executed["process"]["cwd"] == f"{gone} (deleted)"


def test_chroot(agent, tmp_path, programs):
    (tmp_path / "sub").mkdir()
    shutil.copy(programs / "exit_zero", tmp_path / "program")

    def enter():
        os.chroot(tmp_path)
        os.chdir("/sub")
        os.execv("/program", ["program", "in"])

    executed, _ = agent.one_life(fork_and(enter))
    assert executed["process"]["binary"] == "/program"
    assert executed["process"]["cwd"] == "/sub"


def test_mount_points_in_the_working_directory(agent, tmp_path):
    inner = tmp_path / "mount" / "inner"
    (tmp_path / "mount").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path / "mount"], check=True)
    try:
        inner.mkdir()
        assert process_of(agent, ECHO, cwd=inner)["cwd"] == str(inner)
    finally:
        subprocess.run(["umount", tmp_path / "mount"], check=True)


def test_long_file_name_of_the_binary(agent, tmp_path):
    folder = tmp_path / ("f" * 200) / ("g" * 200)
    folder.mkdir(parents=True)
    shutil.copy(ECHO, folder / "own")
    process = process_of(agent, folder / "own")
    assert process["binary"] == str(folder / "own")
    assert "dataFilename" in process["flags"].split()


def test_user_and_capabilities(full_agent):
    def become_nobody():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.execv(ECHO, [ECHO])

    process = full_agent.one_life(fork_and(become_nobody))[0]["process"]
    assert process["uid"] == NOBODY
    assert process["process_credentials"] == dict.fromkeys(
        ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid"), NOBODY
    )
    assert "effective" not in process["cap"]
    assert process["user"]["name"] == pwd.getpwuid(NOBODY).pw_name
    root = process_of(full_agent, ECHO)
    assert root["user"]["name"] == "root"
    assert {"CAP_BPF", "DAC_OVERRIDE"} <= set(root["cap"]["effective"])
    assert len(root["cap"]["effective"]) == effective_capabilities().bit_count()


def test_set_user_id_program(full_agent, tmp_path):
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp") and folder != Path("/"):
            folder.chmod(0o755)
    own = tmp_path / "own"
    shutil.copy(ECHO, own)
    own.chmod(0o6755)

    def run_as_nobody():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.execv(own, [own])

    process = full_agent.one_life(fork_and(run_as_nobody))[0]["process"]
    assert process["uid"] == 0
    properties = process["binary_properties"]
    assert properties["setuid"] == 0
    assert properties["setgid"] == 0
    assert "PRIVILEGES_RAISED_EXEC_FILE_SETUID" in properties["privileges_changed"]
    assert "PRIVILEGES_RAISED_EXEC_FILE_SETGID" in properties["privileges_changed"]
    # Run by root, whose identity it does not change, there is nothing to report.
    assert "binary_properties" not in process_of(full_agent, own)


def test_namespaces(full_agent):
    process = process_of(full_agent, ECHO)
    names = ("uts", "ipc", "mnt", "pid", "pid_for_children", "net", "cgroup", "user")
    for name in names:
        inode = Path(f"/proc/self/ns/{name}").stat().st_ino
        assert process["ns"][name]["inum"] == inode
        # Threads of the kernel are always in the first namespaces, and always readable.
        is_host = inode == Path(f"/proc/2/ns/{name}").stat().st_ino
        assert process["ns"][name].get("is_host", False) is is_host
    inside = full_agent.life(run("unshare", "--uts", "--mount", ECHO))[0][-1]["process"]
    assert inside["binary"] == ECHO
    for name in ("uts", "mnt"):
        assert inside["ns"][name]["inum"] != process["ns"][name]["inum"]
        assert "is_host" not in inside["ns"][name]
    assert "user" not in inside


def test_new_pid_namespace(full_agent):
    pid = run("unshare", "--fork", "--pid", "/bin/sh", "-c", "/bin/echo; /bin/true")
    full_agent.life(pid)
    inside = [
        event["process_exec"]
        for event in full_agent.events()
        if event.get("process_exec", {}).get("parent", {}).get("pid") == pid
    ]
    (shell,) = (body["process"] for body in inside)
    assert shell["binary"] == "/bin/sh"
    assert shell["in_init_tree"] is True
    assert shell["flags"] == "execve clone inInitTree"
    children = [
        event["process_exec"]["process"]
        for event in full_agent.events()
        if event.get("process_exec", {}).get("parent", {}).get("exec_id") == shell["exec_id"]
    ]
    assert [child["in_init_tree"] for child in children] == [True] * len(children)


def test_environment(full_agent, agent):
    long_value = "v" * 20_000
    environment = {"ONE": "1", "EMPTY": "", "WITH": "a=b", "LONG": long_value}
    process = process_of(full_agent, ECHO, env=environment)
    shown = {entry["Key"]: entry.get("Value", "") for entry in process["environment_variables"]}
    assert shown == environment
    assert "environment_variables" not in process_of(agent, ECHO, env=environment)


def test_cluster_name_and_nothing_by_default(full_agent, agent):
    pid = run(ECHO, "envelope")
    full_agent.one_life(pid)
    assert full_agent.events()[-1]["cluster_name"] == "test-cluster"
    executed, _ = agent.one_life(pid)
    for name in ("cap", "ns", "process_credentials", "user", "environment_variables", "pod"):
        assert name not in executed["process"]
    assert "ancestors" not in executed
    assert "cluster_name" not in agent.events()[-1]
