import subprocess
from pathlib import Path

import pytest

from tests.kernels.guest import (
    Cgroups,
    Disks,
    Hardware,
    Job,
    job_settings,
    kernel_arguments,
    qemu_command,
)
from tests.kernels.kernel import KERNELS, BootFiles

FILES = BootFiles(Path("/c/vmlinuz"), Path("/c/initramfs"), Path("/c/modules"))
DISKS = Disks(Path("/r/root"), Path("/c/modules"), Path("/s/pro,ject"), Path("/s/exchange"))


def command(**hardware):
    return qemu_command(
        ("/q/loader", "/q/qemu"),
        KERNELS["6.1"],
        FILES,
        Hardware(**hardware),
        DISKS,
        Path("/o/console"),
        Path("/s,t/compile"),
    )


def option(words, name):
    return words[words.index(name) + 1]


def read_by_shell(settings, expression):
    script = f"{settings}\nprintf '%s\\n' {expression}"
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("ls | wc -l; echo 'a b'",), "ls | wc -l; echo 'a b'"),
        (("printf", "%s", "it's $HOME"), """printf %s 'it'"'"'s $HOME'"""),
    ],
)
def test_a_single_word_is_a_line_for_the_shell_and_several_are_arguments(words, line):
    settings = job_settings(Job(words, 60), kernel=KERNELS["5.10"], project=Path("/a b"))
    assert read_by_shell(settings, '"$COMMAND"') == [line]


def test_settings_survive_the_shell():
    job = Job(("true",), 60, Cgroups.HYBRID, {"A": "x y", "B": "$(false) '\""})
    settings = job_settings(job, kernel=KERNELS["5.10"], project=Path("/home/a b/osmia"))
    assert read_by_shell(settings, '"${ENVIRONMENT[@]}"') == ["A=x y", "B=$(false) '\""]
    assert read_by_shell(settings, '"$PROJECT" "$CGROUP" "$HOST" "$TIME_LIMIT_S"') == [
        "/home/a b/osmia",
        "hybrid",
        "osmia-5-10",
        "60",
    ]


def test_kernel_command_line():
    assert "oops=panic" in kernel_arguments(KERNELS["6.1"]).split()
    # BPF LSM is there only if its name is in the list of modules.
    (lsm,) = [word for word in kernel_arguments(KERNELS["5.10"]).split() if word[:4] == "lsm="]
    assert "bpf" in lsm.removeprefix("lsm=").split(",")


def test_only_the_exchange_disk_keeps_what_is_written():
    words = command()
    drives = [words[at + 1] for at, word in enumerate(words) if word == "-drive"]
    assert ["snapshot=on" in drive for drive in drives] == [True, True, True, False]
    assert "file=/s/pro,,ject," in drives[2]
    assert option(words, "-chardev") == "socket,id=compile,path=/s,,t/compile"


def test_emulation_unless_asked_otherwise():
    assert option(command(cpus=3), "-accel") == "tcg,thread=multi"
    assert option(command(cpus=3), "-smp") == "3"
    assert option(command(kvm=True), "-accel") == "kvm"
    assert Hardware(kvm=True).slowdown < Hardware().slowdown


def test_counting_instructions_takes_one_cpu():
    words = command(cpus=4, count_instructions=True)
    assert option(words, "-icount") == "shift=0,sleep=on"
    assert option(words, "-smp") == "1"
    assert option(words, "-accel") == "tcg,thread=single"
    assert "-icount" not in command()
