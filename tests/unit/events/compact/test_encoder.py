from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.compact import SHOWN_FIELDS, CompactEncoder, NoCompactFormError
from osmia_events.json_decoder import JsonDecoder, decode
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import (
    EVENT_BODIES,
    Capabilities,
    Event,
    KprobeArgument,
    KprobeFile,
    KprobeLinuxBinprm,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessLoader,
    ProcessLsm,
    ProcessThrottle,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
    RateLimitInfo,
    StackTraceEntry,
    Test,
    ThrottleType,
)
from tests.strategies import broken_texts, events, every_field, texts

CURL = Process(
    binary="/usr/bin/curl",
    arguments="https://ebpf.io/applications/#tetragon",
    pod=Pod(namespace="default", name="xwing"),
)
HOST = Process(binary="/usr/bin/curl", arguments="cilium.io")
WHO = "my-node /usr/bin/curl"
XWING = "default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon"
PRIVILEGED = Process(binary="/bin/a", cap=Capabilities(effective=tuple(range(22))))


def line(body: Any, *, node_name: str = "my-node", **options: bool) -> str:
    return CompactEncoder(**options).encode(Event(body, node_name))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ProcessExec(CURL), f"🚀 process {XWING}"),
        (ProcessExit(CURL, status=60), f"💥 exit    {XWING} 60"),
        (ProcessExec(HOST), f"🚀 process {WHO} cilium.io"),
        (ProcessExit(HOST, signal="SIGKILL", status=9), f"💥 exit    {WHO} cilium.io SIGKILL"),
        (ProcessExit(HOST), f"💥 exit    {WHO} cilium.io 0"),
        (ProcessExec(Process()), "🚀 process my-node  "),
        (ProcessExec(Process(binary="/a b", arguments="c d")), '🚀 process my-node "/a b" "c d"'),
        (ProcessThrottle(ThrottleType.THROTTLE_START, "a b"), '🧬 throttle START "a b"'),
        (ProcessThrottle(ThrottleType.THROTTLE_STOP, "c"), "🧬 throttle STOP  c"),
        (ProcessThrottle(7, "c"), "🧬 throttle  c"),
        (ProcessLoader(HOST, "/lib/x.so"), f"🧬 loader  {WHO} /lib/x.so"),
        (ProcessLoader(HOST, "/lib/x.so", b"\x0a\xff"), f"🧬 loader  {WHO} 0aff /lib/x.so"),
        (
            ProcessKprobe(
                HOST, function_name="__x64_sys_setuid", args=(KprobeArgument("int_arg", 0),)
            ),
            f"🔑 setuid  {WHO} 0",
        ),
        (ProcessKprobe(HOST, function_name="__x64_sys_clock_settime"), f"⏰ clock_settime {WHO}"),
        (ProcessKprobe(HOST, function_name="tcp_connect"), f"🔌 connect {WHO} "),
        (ProcessKprobe(HOST, function_name="commit_creds"), f"❓ syscall {WHO} commit_creds"),
        (
            ProcessTracepoint(HOST, subsys="raw_syscalls", event="sys_enter"),
            f"☎  syscall {WHO} unknown",
        ),
        (ProcessTracepoint(HOST, subsys="sched", event="x"), f"⁉\ufe0f tracepoint {WHO} sched x"),
        (
            ProcessUprobe(HOST, path="/bin/bash", symbol="readline"),
            f"🕵\ufe0f uprobe  {WHO} /bin/bash readline",
        ),
        (
            ProcessUsdt(HOST, path="/a b", provider="p", name="n"),
            f'🕵\ufe0f usdt    {WHO} "/a b" p n',
        ),
        (ProcessLsm(HOST, function_name="file_open"), f"🔒 LSM     {WHO} file_open"),
        (Test(), "TEST EVENT"),
    ],
)
def test_lines(body: Any, expected: str) -> None:
    assert line(body) == expected + "\n"


def test_the_documented_lines_of_curl_in_pod_xwing() -> None:
    exec_line = (
        '{"process_exec":{"process":{"pid":52699,"uid":0,"cwd":"/","binary":"/usr/bin/curl",'
        '"arguments":"https://ebpf.io/applications/#tetragon","flags":"execve rootcwd",'
        '"pod":{"namespace":"default","name":"xwing"}}},"node_name":"gke-john-632",'
        '"time":"2023-10-06T22:03:57.700326678Z"}'
    )
    exit_line = exec_line.replace("process_exec", "process_exit").replace(
        "}}},", '}},"status":60},'
    )
    encoder = CompactEncoder()

    assert [encoder.encode(decode(each)) for each in (exec_line, exit_line)] == [
        "🚀 process default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon\n",
        "💥 exit    default/xwing /usr/bin/curl https://ebpf.io/applications/#tetragon 60\n",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "unknown event type"),
        (RateLimitInfo(1), "unknown event type"),
        (ProcessExec(), "missing process info"),
        (ProcessKprobe(function_name="tcp_connect"), "missing process info"),
    ],
)
def test_events_without_a_compact_form(body: Any, reason: str) -> None:
    with pytest.raises(NoCompactFormError, match=f"^{reason}$"):
        line(body)


def test_colours() -> None:
    expected = (
        "\x1b[34m💥 exit   \x1b[0m \x1b[32mdefault/xwing\x1b[0m \x1b[35m/usr/bin/curl\x1b[0m"
        " \x1b[36mhttps://ebpf.io/applications/#tetragon\x1b[0m \x1b[31m60\x1b[0m"
    )

    # Longer than 120 bytes: one blank and the empty trailer, which has colours nevertheless.
    assert line(ProcessExit(CURL, status=60), color=True) == f"{expected} \x1b[35m\x1b[0m\n"


def test_with_colours_every_line_of_a_process_is_padded_to_its_trailer() -> None:
    text = line(ProcessExec(Process(binary="/b")), color=True, node_name="é").rstrip("\n")
    head = "\x1b[34m🚀 process\x1b[0m \x1b[32mé\x1b[0m \x1b[35m/b\x1b[0m \x1b[36m\x1b[0m"

    assert text.startswith(head)
    # The width counts the line's bytes and the trailer's nine characters of escape codes.
    padding = 120 - len(head.encode()) - len("\x1b[35m\x1b[0m")
    assert text == head + " " + " " * padding + "\x1b[35m\x1b[0m"


def test_a_throttle_has_no_trailer() -> None:
    assert line(ProcessThrottle(1, "c"), color=True) == (
        "\x1b[31m🧬 throttle\x1b[0m \x1b[31mSTART\x1b[0m c\n"
    )
    assert line(ProcessThrottle(2, "c"), color=True) == (
        "\x1b[31m🧬 throttle\x1b[0m \x1b[32mSTOP \x1b[0m c\n"
    )


def test_the_trailer_depends_on_the_number_of_effective_capabilities() -> None:
    head = "🚀 process my-node /bin/a "
    trailer = "🛑 CAP_SYS_ADMIN"
    fewer = Process(binary="/bin/a", cap=Capabilities(effective=(21,) * 21))

    padding = " " * (120 - len(head.encode()) - len(trailer))
    assert line(ProcessExec(PRIVILEGED)) == f"{head} {padding}{trailer}\n"
    assert line(ProcessExec(fewer)) == f"{head}\n"


def test_a_long_line_has_one_blank_before_its_trailer() -> None:
    process = PRIVILEGED.replaced(arguments="x" * 200)

    assert line(ProcessExec(process)).endswith("x 🛑 CAP_SYS_ADMIN\n")


def test_timestamps_have_nine_digits_and_start_in_1970() -> None:
    encoder = CompactEncoder(timestamps=True)

    assert (
        encoder.encode(Event(Test(), time=1_000_000_000))
        == "1970-01-01T00:00:01.000000000Z TEST EVENT\n"
    )
    assert encoder.encode(Event(Test())) == "1970-01-01T00:00:00.000000000Z TEST EVENT\n"


KERNEL = (StackTraceEntry(address=0xFFF0, offset=0x10, symbol="do_sys"), StackTraceEntry())
USER = (
    StackTraceEntry(offset=0x20, module="/bin/a b"),
    StackTraceEntry(address=1, offset=2, symbol="main", module="/bin/c"),
)


@pytest.mark.parametrize(
    ("kernel", "user", "expected"),
    [
        ((), (), ""),
        (KERNEL, (), "Kernel:\n   0xfff0: do_sys+0x10\n   0x0: +0x0\n"),
        ((), USER, 'User:\n   0x0: ("/bin/a b"+0x20)\n   0x1: main (/bin/c+0x2)\n'),
    ],
)
def test_stack_traces(
    kernel: tuple[StackTraceEntry, ...], user: tuple[StackTraceEntry, ...], expected: str
) -> None:
    kprobe = ProcessKprobe(
        HOST, function_name="f", kernel_stack_trace=kernel, user_stack_trace=user
    )

    assert line(kprobe, stack_traces=True) == "❓ syscall my-node /usr/bin/curl f\n" + expected
    assert line(kprobe) == "❓ syscall my-node /usr/bin/curl f\n"


def test_colours_of_stack_traces_hold_the_end_of_the_line() -> None:
    kprobe = ProcessKprobe(
        HOST, function_name="f", kernel_stack_trace=KERNEL[:1], user_stack_trace=USER[1:]
    )

    text = line(kprobe, stack_traces=True, color=True)

    assert text.partition("\n")[2] == (
        "Kernel:\n\x1b[32m   0xfff0:\x1b[0m\x1b[34m do_sys\x1b[0m+\x1b[33m0x10\n\x1b[0m"
        "User:\n\x1b[32m   0x1:\x1b[0m\x1b[34m main\x1b[0m\x1b[33m (/bin/c+0x2)\n\x1b[0m"
    )


BINPRM = KprobeArgument("linux_binprm_arg", KprobeLinuxBinprm(path="/bin/x"))
FILE = KprobeArgument("file_arg", KprobeFile(path="/etc/y"))


@pytest.mark.parametrize(
    ("hook", "arguments", "expected"),
    [
        ("bprm_check_security", (BINPRM,), "   /bin/x sha256:ab\n"),
        ("bprm_committed_creds", (BINPRM,), "   /bin/x sha256:ab\n"),
        ("bprm_committing_creds", (BINPRM,), "   /bin/x sha256:ab\n"),
        ("bprm_creds_for_exec", (BINPRM,), "   /bin/x sha256:ab\n"),
        ("bprm_creds_from_file", (BINPRM,), "   /bin/x sha256:ab\n"),
        ("file_open", (FILE,), "   /etc/y sha256:ab\n"),
        ("file_ioctl", (FILE,), "   /etc/y sha256:ab\n"),
        ("file_lock", (FILE,), "   /etc/y sha256:ab\n"),
        ("file_post_open", (FILE,), "   /etc/y sha256:ab\n"),
        ("file_receive", (FILE,), "   /etc/y sha256:ab\n"),
        ("mmap_file", (FILE,), "   /etc/y sha256:ab\n"),
        ("file_open", (BINPRM,), ""),
        ("file_open", (), ""),
        ("inode_create", (FILE,), ""),
    ],
)
def test_ima_hashes(hook: str, arguments: tuple[KprobeArgument, ...], expected: str) -> None:
    lsm = ProcessLsm(HOST, function_name=hook, args=arguments, ima_hash="sha256:ab")

    assert line(lsm, ima_hash=True).partition("\n")[2] == expected
    assert line(lsm).partition("\n")[2] == ""


@given(events(texts | broken_texts), st.booleans())
def test_no_text_injects_escapes_or_lines(event: Event, color: bool) -> None:
    encoder = CompactEncoder(color=color, timestamps=True, stack_traces=True, ima_hash=True)
    try:
        text = encoder.encode(event)
    except NoCompactFormError:
        return

    visible = re.sub(r"\x1b\[(3[1-6]|0)m", "", text) if color else text
    lines = visible.split("\n")
    assert lines.pop() == ""
    assert all(each.isprintable() for each in lines)
    assert len(lines) <= 1 + 2 + 4 + 1  # the event, two titles, two frames of each stack, a hash


def shown(event: Event, *, color: bool) -> str:
    encoder = CompactEncoder(color=color, timestamps=True, stack_traces=True, ima_hash=True)
    try:
        return encoder.encode(event)
    except NoCompactFormError as error:
        return str(error)


decode_shown_fields = JsonDecoder(selection=SHOWN_FIELDS).decode


@given(events(), st.booleans())
def test_no_other_fields_are_shown_than_those_said_to_be(event: Event, color: bool) -> None:
    line = JsonEncoder().encode(event)

    assert shown(decode_shown_fields(line), color=color) == shown(event, color=color)


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_no_other_fields_of_a_full_event_are_shown(name: str) -> None:
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])
    line = JsonEncoder().encode(event)

    assert shown(decode_shown_fields(line), color=True) == shown(event, color=True)
