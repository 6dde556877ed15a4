"""What the running kernel offers: found by trying, not by its version.

Each feature is tried with the smallest program that shows it, attached and at once detached where
loading alone does not tell (some kernels load fentry programs and refuse to attach them).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import AttachType, BpfError, MapType, ProgramType
from osmia_bpf.binary.library import quiet_library
from osmia_bpf.btf import VMLINUX, Btf, BtfError, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TRACEPOINTS = Path("/sys/kernel/tracing/events")
_KPROBES = Path("/sys/bus/event_source/devices/kprobe")

# r0 = 0; exit
_RETURN_0 = bytes.fromhex("b7000000000000009500000000000000")
_UPROBE_FILE_BYTES = 4096
_CALL = 0x85
_HELPER_OVERRIDE_RETURN = 58
_HELPER_SEND_SIGNAL = 109

# Functions that every kernel of interest has, and that are called rarely.
_FUNCTION = "security_bprm_committing_creds"
_MODIFIED_FUNCTION = "security_path_mkdir"
_LSM_FUNCTION = "bpf_lsm_path_mkdir"


class Feature(NamedTuple):
    """One thing that a kernel may offer; `detail` says why not, or more about it."""

    name: str
    available: bool
    detail: str


PROBED_FUNCTIONS = (_FUNCTION, _MODIFIED_FUNCTION, _LSM_FUNCTION)
"""Functions whose type ids `attach_features` needs."""

# Return the type id of a kernel function; raise `BtfError` if there is none.
_TypeId = Callable[[str], int]


def probe(btf_path: Path = VMLINUX) -> list[Feature]:
    """Try every feature. Needs the privileges to load programs."""
    btf: Btf | None = None
    with contextlib.suppress(BtfError):
        btf = Btf.read(btf_path)
    features = [
        Feature(
            "btf",
            btf is not None,
            str(btf_path) if btf else f"{btf_path} cannot be read: no program can be compiled",
        ),
        _try("ring buffer", _ring_buffer),
        _try("tail calls", _tail_calls),
        *_plain_features(),
    ]
    if btf is not None:
        features.append(_try("task iterator", partial(_iterator, btf)))
        features += _traced_features(lambda name: btf.require(name, Kind.FUNC))
        features.append(_try("credentials at exec", partial(_credentials, btf)))
    return features


def attach_features(function_ids: Mapping[str, int]) -> list[Feature]:
    """Try the ways to attach programs; `function_ids` has the ids of `PROBED_FUNCTIONS`."""

    def type_id(name: str) -> int:
        if name not in function_ids:
            raise BtfError(f"this kernel has no func {name}")
        return function_ids[name]

    return [*_plain_features(), *_traced_features(type_id)]


def _try(name: str, attempt: Callable[[], str]) -> Feature:
    try:
        return Feature(name, available=True, detail=attempt())
    except BtfError as error:
        return Feature(name, available=False, detail=str(error))
    except OSError as error:
        return Feature(name, available=False, detail=str(error.strerror).partition("\n")[0])


def _plain_features() -> list[Feature]:
    attempts: dict[str, Callable[[], str]] = {
        "raw tracepoints": _raw_tracepoint,
        "tracepoints": _tracepoint,
        "kprobes": _kprobe,
        "kprobe_multi": _kprobe_multi,
        "uprobes": _uprobe,
        "override_return": partial(_helper, _HELPER_OVERRIDE_RETURN),
        "send_signal": partial(_helper, _HELPER_SEND_SIGNAL),
    }
    return [_try(name, attempt) for name, attempt in attempts.items()]


def _traced_features(type_id: _TypeId) -> list[Feature]:
    attempts: dict[str, Callable[[], str]] = {
        "fentry": partial(_traced, type_id, AttachType.TRACE_FENTRY, _FUNCTION),
        "fexit": partial(_traced, type_id, AttachType.TRACE_FEXIT, _FUNCTION),
        "fmod_ret": partial(_traced, type_id, AttachType.MODIFY_RETURN, _MODIFIED_FUNCTION),
        "lsm": partial(_lsm, type_id),
    }
    return [_try(name, attempt) for name, attempt in attempts.items()]


@contextlib.contextmanager
def _open(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _ring_buffer() -> str:
    with _open(bpf.create_map(MapType.RINGBUF, "probe", 0, 0, os.sysconf("SC_PAGESIZE"))):
        return ""


def _tail_calls() -> str:
    with _open(bpf.create_map(MapType.PROG_ARRAY, "probe", 4, 4, 1)):
        return ""


def _raw_tracepoint() -> str:
    with (
        _open(bpf.load_program(ProgramType.RAW_TRACEPOINT, "probe", _RETURN_0)) as program,
        _open(bpf.open_raw_tracepoint(program, "sched_process_exec")),
    ):
        return ""


def _library() -> ctypes.CDLL:
    return ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)


def _attached(fd: int) -> int:
    if fd < 0:
        code = ctypes.get_errno() or 1
        raise BpfError(code, os.strerror(code))
    return fd


def _tracepoint() -> str:
    if not _TRACEPOINTS.exists():
        raise BpfError(errno.ENOENT, f"{_TRACEPOINTS} is missing: mount tracefs")
    with (
        _open(bpf.load_program(ProgramType.TRACEPOINT, "probe", _RETURN_0)) as program,
        quiet_library(),
        _open(_attached(_library().bpf_attach_tracepoint(program, b"sched", b"sched_switch"))),
    ):
        return ""


def _kprobe() -> str:
    if not _KPROBES.exists():
        raise BpfError(errno.ENOENT, "the kernel is built without CONFIG_KPROBE_EVENTS")
    with (
        _open(bpf.load_program(ProgramType.KPROBE, "probe", _RETURN_0)) as program,
        quiet_library(),
        _open(
            _attached(
                _library().bpf_attach_kprobe(
                    program, 0, b"osmia_probe", _FUNCTION.encode(), ctypes.c_uint64(0), 0
                )
            )
        ),
    ):
        return ""


def _kprobe_multi() -> str:
    with _open(
        bpf.load_program(
            ProgramType.KPROBE, "probe", _RETURN_0, attach_type=AttachType.TRACE_KPROBE_MULTI
        )
    ) as program:
        symbol = ctypes.create_string_buffer(_FUNCTION.encode())
        symbols = (ctypes.c_uint64 * 1)(ctypes.addressof(symbol))
        with _open(bpf.create_kprobe_multi_link(program, ctypes.addressof(symbols), 1)):
            return ""


def _uprobe() -> str:
    # A uprobe writes a breakpoint into every mapping of its file, so the file is one that nobody
    # else can map.
    with (
        _open(bpf.load_program(ProgramType.KPROBE, "probe", _RETURN_0)) as program,
        _open(os.memfd_create("osmia-probe")) as file,
        quiet_library(),
    ):
        os.write(file, bytes(_UPROBE_FILE_BYTES))
        path = f"/proc/self/fd/{file}".encode()
        with _open(
            _attached(
                _library().bpf_attach_uprobe(
                    *(program, 0, b"osmia_probe", path, ctypes.c_uint64(0), -1, 0)
                )
            )
        ):
            return ""


def _helper(number: int) -> str:
    """Load a kprobe program that calls a helper with small numbers as arguments."""
    arguments = bytes.fromhex("b702000000000000")  # r2 = 0; r1 is the context
    if number == _HELPER_SEND_SIGNAL:
        arguments = bytes.fromhex("b701000000000000")  # r1 = 0: no signal
    call = bytes([_CALL, 0, 0, 0]) + number.to_bytes(4, sys.byteorder)
    code = arguments + call + _RETURN_0
    with _open(bpf.load_program(ProgramType.KPROBE, "probe", code)):
        return ""


def _iterator(btf: Btf) -> str:
    target = btf.require("bpf_iter_task", Kind.FUNC)
    with (
        _open(
            bpf.load_program(
                ProgramType.TRACING,
                "probe",
                _RETURN_0,
                attach_type=AttachType.TRACE_ITER,
                btf_id=target,
            )
        ) as program,
        _open(bpf.create_link(program, AttachType.TRACE_ITER)),
    ):
        return ""


def _traced(type_id: _TypeId, attach_type: AttachType, function: str) -> str:
    target = type_id(function)
    with (
        _open(
            bpf.load_program(
                ProgramType.TRACING, "probe", _RETURN_0, attach_type=attach_type, btf_id=target
            )
        ) as program,
        _open(bpf.open_raw_tracepoint(program)),
    ):
        return ""


def _lsm(type_id: _TypeId) -> str:
    target = type_id(_LSM_FUNCTION)
    with (
        _open(
            bpf.load_program(
                ProgramType.LSM,
                "probe",
                _RETURN_0,
                attach_type=AttachType.LSM_MAC,
                btf_id=target,
            )
        ) as program,
        _open(bpf.open_raw_tracepoint(program)),
    ):
        modules = Path("/sys/kernel/security/lsm")
        if modules.exists() and "bpf" not in modules.read_text().split(","):
            raise BpfError(errno.EOPNOTSUPP, "bpf is not among the active LSMs (boot option lsm=)")
        return ""


def _credentials(btf: Btf) -> str:
    if btf.tracepoint_arguments("sched_prepare_exec") is not None:
        return "tracepoint sched_prepare_exec"
    try:
        _traced(lambda name: btf.require(name, Kind.FUNC), AttachType.TRACE_FENTRY, _FUNCTION)
    except OSError:
        _kprobe()
        return f"kprobe {_FUNCTION}"
    return f"fentry {_FUNCTION}"
