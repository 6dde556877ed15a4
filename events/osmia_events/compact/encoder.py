"""Events as lines for people: the compact form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events.compact.colour import Colour, Paint, colourful, plain
from osmia_events.compact.kprobes import Headline, describe
from osmia_events.compact.quote import escaped, quoted
from osmia_events.compact.raw_syscalls import describe_sys_enter
from osmia_events.model import (
    Capabilities,
    Event,
    EventBody,
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
    Test,
    ThrottleType,
)
from osmia_events.rfc3339 import format_ns_full
from osmia_events.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_FIELDS = Selection(
    {
        Event: ("node_name", "time"),
        ProcessExec: ("process",),
        ProcessExit: ("process", "signal", "status"),
        ProcessKprobe: (
            "process",
            "function_name",
            "args",
            "kernel_stack_trace",
            "user_stack_trace",
        ),
        ProcessTracepoint: ("process", "subsys", "event", "args"),
        ProcessLoader: ("process", "path", "buildid"),
        ProcessUprobe: ("process", "path", "symbol"),
        ProcessUsdt: ("process", "path", "provider", "name"),
        ProcessLsm: ("process", "function_name", "args", "ima_hash"),
        Process: ("binary", "arguments", "pod", "cap"),
        Pod: ("namespace", "name"),
        Capabilities: ("effective",),
    }
)
"""What the compact form shows of events; all that an encoder looks at."""

_LINE_WIDTH = 120
# Upstream looks at the place of an entry in the list where it means the capability's number, 21.
_ENTRIES_FOR_TRAILER = 22
_IMA_KINDS = {
    "bprm_check_security": "linux_binprm_arg",
    "bprm_committed_creds": "linux_binprm_arg",
    "bprm_committing_creds": "linux_binprm_arg",
    "bprm_creds_for_exec": "linux_binprm_arg",
    "bprm_creds_from_file": "linux_binprm_arg",
    "file_ioctl": "file_arg",
    "file_lock": "file_arg",
    "file_open": "file_arg",
    "file_post_open": "file_arg",
    "file_receive": "file_arg",
    "mmap_file": "file_arg",
}


class NoCompactFormError(ValueError):
    """An event that the compact form cannot show: of another type, or without its process."""


class CompactEncoder:
    """Writes events in the compact form, line by line, upstream's bytes.

    What upstream prints as it comes (names of pods and functions, addresses) is printed with
    escapes where it holds characters that are not printable.
    """

    def __init__(
        self,
        *,
        color: bool = False,
        timestamps: bool = False,
        stack_traces: bool = False,
        ima_hash: bool = False,
    ) -> None:
        self._paint = colourful if color else plain
        self._timestamps = timestamps
        self._stack_traces = stack_traces
        self._ima_hash = ima_hash

    def encode(self, event: Event) -> str:
        r"""Return the lines of an event, each with its `\n`. Raises NoCompactFormError."""
        text = self._line(event) + "\n"
        if self._timestamps:
            text = f"{format_ns_full(event.time or 0)} {text}"
        if self._stack_traces and isinstance(event.body, ProcessKprobe):
            text += self._stack_trace(event.body)
        if self._ima_hash and isinstance(event.body, ProcessLsm):
            text += self._ima_line(event.body)
        return text

    def _line(self, event: Event) -> str:
        body = event.body
        describe_body = _HEADLINES.get(type(body))
        if body is None or describe_body is None:
            return self._line_without_process(body)
        process = body.process
        if process is None:
            raise NoCompactFormError("missing process info")
        headline = describe_body(body, self._paint)
        name = self._paint(Colour.BLUE, f"{headline.emoji} {headline.word:<7}")
        line = f"{name} {self._process(event.node_name, process)}"
        if headline.detail is not None:
            line = f"{line} {headline.detail}"
        return self._with_trailer(line, process)

    def _line_without_process(self, body: EventBody | None) -> str:
        match body:
            case ProcessThrottle():
                return self._throttle(body)
            case Test():
                return "TEST EVENT"
            case _:
                raise NoCompactFormError("unknown event type")

    def _process(self, node_name: str, process: Process) -> str:
        pod = process.pod
        where = quoted(node_name) if pod is None else escaped(f"{pod.namespace}/{pod.name}")
        binary = self._paint(Colour.MAGENTA, quoted(process.binary))
        return f"{self._paint(Colour.GREEN, where)} {binary}"

    def _with_trailer(self, line: str, process: Process) -> str:
        """Append the capability, or with colours its empty place, at the end of the line.

        The line's length counts in bytes, the trailer's in characters, as upstream.
        """
        cap = process.cap
        privileged = cap is not None and len(cap.effective) >= _ENTRIES_FOR_TRAILER
        trailer = self._paint(Colour.MAGENTA, "\U0001f6d1 CAP_SYS_ADMIN" if privileged else "")
        if not trailer:
            return line
        width = max(0, _LINE_WIDTH - len(line.encode("utf-8", "replace")))
        return f"{line} {trailer:>{width}}"

    def _throttle(self, throttle: ProcessThrottle) -> str:
        kind = ""
        if throttle.type == ThrottleType.THROTTLE_START:
            kind = self._paint(Colour.RED, "START")
        elif throttle.type == ThrottleType.THROTTLE_STOP:
            kind = self._paint(Colour.GREEN, "STOP ")
        name = self._paint(Colour.RED, f"\U0001f9ec {'throttle':<7}")
        return f"{name} {kind} {quoted(throttle.cgroup)}"

    def _stack_trace(self, kprobe: ProcessKprobe) -> str:
        paint = self._paint
        text = "Kernel:\n" if kprobe.kernel_stack_trace else ""
        for entry in kprobe.kernel_stack_trace:
            address = paint(Colour.GREEN, f"   0x{entry.address:x}:")
            symbol = paint(Colour.BLUE, f" {quoted(entry.symbol)}")
            text += address + symbol + "+" + paint(Colour.YELLOW, f"0x{entry.offset:x}\n")
        text += "User:\n" if kprobe.user_stack_trace else ""
        for entry in kprobe.user_stack_trace:
            address = paint(Colour.GREEN, f"   0x{entry.address:x}:")
            symbol = paint(Colour.BLUE, f" {quoted(entry.symbol)}") if entry.symbol else ""
            place = f" ({quoted(entry.module)}+0x{entry.offset:x})\n"
            text += address + symbol + paint(Colour.YELLOW, place)
        return text

    def _ima_line(self, lsm: ProcessLsm) -> str:
        kind = _IMA_KINDS.get(lsm.function_name)
        if (
            not lsm.ima_hash
            or not lsm.args
            or lsm.args[0].kind != kind
            or not lsm.args[0].value.path
        ):
            return ""
        path = self._paint(Colour.GREEN, f"   {escaped(lsm.args[0].value.path)}")
        return path + self._paint(Colour.BLUE, f" {escaped(lsm.ima_hash)}\n")


def _exec(body: ProcessExec, paint: Paint) -> Headline:
    return Headline("\U0001f680", "process", _arguments(body.process, paint))


def _exit(body: ProcessExit, paint: Paint) -> Headline:
    end = paint(Colour.RED, escaped(body.signal) or str(body.status))
    return Headline("\U0001f4a5", "exit", f"{_arguments(body.process, paint)} {end}")


def _arguments(process: Process | None, paint: Paint) -> str:
    return paint(Colour.CYAN, "" if process is None else quoted(process.arguments))


def _kprobe(body: ProcessKprobe, paint: Paint) -> Headline:
    return describe(body.function_name, body.args, paint)


def _tracepoint(body: ProcessTracepoint, _paint: Paint) -> Headline:
    if body.subsys == "raw_syscalls" and body.event == "sys_enter":
        # This emoji has two spaces after it.
        return Headline("\u260e ", "syscall", describe_sys_enter(body.args))
    return Headline("\u2049\ufe0f", "tracepoint", f"{escaped(body.subsys)} {escaped(body.event)}")


def _loader(body: ProcessLoader, paint: Paint) -> Headline:
    build = f"{body.buildid.hex()} " if body.buildid else ""
    return Headline("\U0001f9ec", "loader", build + paint(Colour.YELLOW, quoted(body.path)))


def _uprobe(body: ProcessUprobe, _paint: Paint) -> Headline:
    detail = f"{quoted(body.path)} {quoted(body.symbol)}"
    return Headline("\U0001f575\ufe0f", "uprobe", detail)


def _usdt(body: ProcessUsdt, _paint: Paint) -> Headline:
    detail = f"{quoted(body.path)} {quoted(body.provider)} {quoted(body.name)}"
    return Headline("\U0001f575\ufe0f", "usdt", detail)


def _lsm(body: ProcessLsm, _paint: Paint) -> Headline:
    return Headline("\U0001f512", "LSM", escaped(body.function_name))


_HEADLINES: dict[type, Callable[[Any, Paint], Headline]] = {
    ProcessExec: _exec,
    ProcessExit: _exit,
    ProcessKprobe: _kprobe,
    ProcessTracepoint: _tracepoint,
    ProcessLoader: _loader,
    ProcessUprobe: _uprobe,
    ProcessUsdt: _usdt,
    ProcessLsm: _lsm,
}
