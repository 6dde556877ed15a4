from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.fieldmask import MaskCompiler, canonical_name, path_tree
from osmia_events.model import (
    Container,
    Kind,
    KprobeArgument,
    KprobeSkb,
    KprobeSock,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
    wire_fields,
)
from tests.strategies import bodies, every_field

TIME = 1_700_000_000_123_456_789


def masked(value: Any, paths: str, *, keep: bool) -> Any:
    return MaskCompiler(keep=keep).message_mask(type(value), path_tree(paths.split(",")))(value)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("exec_id", "exec_id"),
        ("execId", "exec_id"),
        ("ExecId", "exec_id"),
        ("process_", "process"),
        ("_process", "process"),
        ("exec__id", "exec_id"),
        ("Key", "key"),
        ("KeySize", "key_size"),
        ("arg0", "arg0"),
        ("", ""),
    ],
)
def test_names_have_one_canonical_form(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_the_longer_path_counts() -> None:
    assert path_tree(["a", "a.b", "c"]) == {"a": {"b": {}}, "c": {}}
    assert path_tree(["a.b", "a", "c"]) == {"a": {"b": {}}, "c": {}}


EXEC = ProcessExec(
    process=Process(
        exec_id="e",
        pid=5,
        binary="/bin/x",
        start_time=TIME,
        in_init_tree=True,
        pod=Pod(namespace="n", name="p", pod_labels={"a": "b"}, container=Container(id="i")),
    ),
    parent=Process(pid=1, binary="/bin/p"),
    ancestors=(Process(pid=2, binary="/a"), Process(pid=3, binary="/b")),
)


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ("process.pid", ProcessExec(Process(pid=5))),
        ("process.pid,process.binary", ProcessExec(Process(pid=5, binary="/bin/x"))),
        ("process", ProcessExec(EXEC.process)),
        ("process,process.pid", ProcessExec(Process(pid=5))),
        ("process.Pid,Parent.Binary", ProcessExec(Process(pid=5), Process(binary="/bin/p"))),
        ("process_.execId", ProcessExec(Process(exec_id="e"))),
        ("process.unknown", ProcessExec(Process())),
        ("unknown", ProcessExec()),
        ("node_name", ProcessExec()),
        ("process.pid.value", ProcessExec(Process(pid=5))),
        ("process.pid.value.x", ProcessExec(Process(pid=5))),
        ("process.pid.unknown", ProcessExec(Process(pid=0))),
        ("process.uid.unknown", ProcessExec(Process())),
        ("process.in_init_tree.unknown", ProcessExec(Process(in_init_tree=False))),
        ("process.binary.x", ProcessExec(Process(binary="/bin/x"))),
        ("process.pod.pod_labels.a", ProcessExec(Process(pod=Pod(pod_labels={"a": "b"})))),
        ("process.pod.container.name", ProcessExec(Process(pod=Pod(container=Container())))),
        ("process.start_time", ProcessExec(Process(start_time=TIME))),
        (
            "process.start_time.seconds",
            ProcessExec(Process(start_time=TIME - 123_456_789)),
        ),
        ("process.start_time.nanos", ProcessExec(Process(start_time=123_456_789))),
        ("process.start_time.unknown", ProcessExec(Process(start_time=0))),
        (
            "ancestors.binary",
            ProcessExec(ancestors=(Process(binary="/a"), Process(binary="/b"))),
        ),
    ],
)
def test_keeping(paths: str, kept: ProcessExec) -> None:
    assert masked(EXEC, paths, keep=True) == kept


def without(**changes: Any) -> ProcessExec:
    assert EXEC.process is not None
    return ProcessExec(EXEC.process.replaced(**changes), EXEC.parent, EXEC.ancestors)


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        ("process.pid", without(pid=None)),
        ("process.pid,process.binary", without(pid=None, binary="")),
        ("process", ProcessExec(None, EXEC.parent, EXEC.ancestors)),
        ("process,process.pid", without(pid=None)),
        ("process.unknown", EXEC),
        ("unknown", EXEC),
        ("process.pid.value", without(pid=0)),
        ("process.pid.value.x", EXEC),
        ("process.pid.unknown", EXEC),
        ("process.binary.x", EXEC),
        ("process.pod.pod_labels.a", EXEC),
        ("process.start_time.seconds", without(start_time=123_456_789)),
        ("process.start_time.nanos", without(start_time=TIME - 123_456_789)),
        ("parent,ancestors", ProcessExec(EXEC.process)),
    ],
)
def test_dropping(paths: str, left: ProcessExec) -> None:
    assert masked(EXEC, paths, keep=False) == left


SOCK = KprobeSock(saddr="10.0.0.1", daddr="10.0.0.2")
KPROBE = ProcessKprobe(
    function_name="f",
    args=(
        KprobeArgument("sock_arg", SOCK, "socket"),
        KprobeArgument("string_arg", "text"),
        KprobeArgument("skb_arg", KprobeSkb(hash=1)),
        KprobeArgument("bytes_arg", b"x"),
    ),
    return_=KprobeArgument("int_arg", 3),
    tags=("a", "b"),
)


def kept_args(*values: Any) -> ProcessKprobe:
    kinds = ("sock_arg", "string_arg", "skb_arg", "bytes_arg")
    return ProcessKprobe(
        args=tuple(KprobeArgument(kind, value) for kind, value in zip(kinds, values, strict=True))
    )


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ("args", ProcessKprobe(args=KPROBE.args)),
        ("args.sock_arg", ProcessKprobe(args=(KprobeArgument(),) * 4)),
        ("args.arg", kept_args(SOCK, "text", KprobeSkb(hash=1), b"x")),
        ("args.arg.int_arg", kept_args(KprobeSock(), "", KprobeSkb(), b"")),
        ("args.arg.sock_arg", kept_args(SOCK, "", KprobeSkb(), b"")),
        ("args.arg.sock_arg.saddr", kept_args(KprobeSock(saddr="10.0.0.1"), "", KprobeSkb(), b"")),
        ("args.arg.string_arg.x", kept_args(KprobeSock(), "text", KprobeSkb(), b"")),
        (
            "args.label",
            ProcessKprobe(args=(KprobeArgument(label="socket"), *(KprobeArgument(),) * 3)),
        ),
        ("return", ProcessKprobe(return_=KPROBE.return_)),
        ("return.arg.string_arg", ProcessKprobe(return_=KprobeArgument("int_arg", 0))),
        ("tags", ProcessKprobe(tags=("a", "b"))),
        ("tags.x", ProcessKprobe(tags=("a", "b"))),
    ],
)
def test_keeping_through_the_oneof_of_arguments(paths: str, kept: ProcessKprobe) -> None:
    assert masked(KPROBE, paths, keep=True) == kept


def test_dropping_through_the_oneof_of_arguments() -> None:
    def first(paths: str) -> KprobeArgument:
        left: KprobeArgument = masked(KPROBE, paths, keep=False).args[0]
        return left

    assert first("args.arg") == KprobeArgument(label="socket")
    assert first("args.label") == KprobeArgument("sock_arg", SOCK)
    assert first("args.sock_arg") == KPROBE.args[0]
    assert first("args.arg.int_arg") == KPROBE.args[0]
    assert first("args.arg.sock_arg") == KprobeArgument("sock_arg", KprobeSock(), "socket")
    assert first("args.arg.sock_arg.saddr,args.label") == KprobeArgument(
        "sock_arg", KprobeSock(daddr="10.0.0.2")
    )
    assert masked(KPROBE, "return", keep=False).return_ is None


def test_each_process_is_masked_once() -> None:
    compiler = MaskCompiler(keep=True)
    mask = compiler.message_mask(ProcessExec, path_tree(["process.pid", "parent.pid"]))
    assert mask(EXEC).process is mask(EXEC).process
    process = Process(pid=9, binary="x")
    both = mask(ProcessExec(process, process))
    assert both.process is both.parent
    other = MaskCompiler(keep=True).message_mask(ProcessExec, path_tree(["process.binary"]))
    assert other(ProcessExec(process)).process == Process(binary="x")
    assert process == Process(pid=9, binary="x")


@pytest.mark.parametrize("field", wire_fields(Process), ids=lambda field: str(field.name))
def test_every_field_of_a_process_can_be_kept_and_dropped(field: Any) -> None:
    process = every_field(Process)
    kept = masked(ProcessExec(process), f"process.{field.name}", keep=True).process
    value = getattr(process, field.attribute)
    assert kept == Process(**{field.attribute: value})
    left = masked(ProcessExec(process), f"process.{field.name}", keep=False).process
    assert left == process.replaced(**{field.attribute: getattr(Process(), field.attribute)})
    if field.kind is not Kind.MESSAGE:
        assert masked(ProcessExec(process), f"process.{field.name}.x", keep=False) == ProcessExec(
            process
        )


_PATHS = st.lists(
    st.sampled_from(
        ["process", "process.pid", "process.pod.name", "parent", "args", "args.arg", "path"]
    ),
    min_size=1,
).map(",".join)


@given(bodies(), _PATHS)
def test_keeping_and_dropping_a_path_divide_the_event(body: Any, paths: str) -> None:
    kept = masked(body, paths, keep=True)
    assert masked(kept, paths, keep=True) == kept
    left = masked(body, paths, keep=False)
    assert masked(left, paths, keep=False) == left
