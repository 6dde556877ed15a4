"""How much of texts and buffers an event carries."""

import ctypes
import json
import os
from pathlib import Path

import pytest

from osmia_bpf.policy.facts import KernelFacts
from osmia_events.model import KprobeTruncatedBytes
from tests.bpf.policy.test_hooks import LIBC

TEXT_BYTES = 4096
_libc = ctypes.CDLL(None)


@pytest.fixture
def sink():
    with Path(os.devnull).open("wb") as file:
        yield file.fileno()


def of_format(event, descriptor, *args):
    """A policy on calls with this descriptor, its arguments by their fields in the format."""
    hook = {
        "subsystem": "syscalls",
        "event": event,
        "args": [*args, {"index": 5, "type": "int"}],
        "selectors": [
            {
                "matchPIDs": [{"operator": "In", "values": [os.getpid()]}],
                "matchArgs": [
                    {"args": [len(args)], "operator": "Equal", "values": [str(descriptor)]}
                ],
            }
        ],
    }
    return json.dumps({"tracepoints": [hook]})


def of_library(**hook):
    """A policy on reads of this process by the C library."""
    selector = {"matchPIDs": [{"operator": "In", "values": [os.getpid()]}]}
    whole = {"path": LIBC, "symbols": ["read"], "selectors": [selector], **hook}
    return json.dumps({"uprobes": [whole]})


@pytest.mark.parametrize("size", [TEXT_BYTES, TEXT_BYTES + 1])
def test_as_many_as_a_hook_may_have(node, sink, size):
    """All of the largest size: none may come at the place of another."""
    buffers = [
        {"index": 6, "type": "char_buf", "sizeArgIndex": 8},
        {"index": 6, "type": "string"},
        {"index": 6, "type": "char_buf", "sizeArgIndex": 8},
        {"index": 6, "type": "string"},
    ]
    node.add(of_format("sys_enter_write", sink, *buffers))
    data = b"".join(b"%05d " % number for number in range(1000))[:size]
    os.write(sink, data)
    ((*found, _descriptor),) = [[argument.value for argument in event.args] for event in node.own()]
    expected = data if size <= TEXT_BYTES else KprobeTruncatedBytes(data[:TEXT_BYTES], size)
    text = data[:TEXT_BYTES].decode()
    assert found == [expected, text, expected, text]


def test_five_buffers(node):
    """With nothing else among the arguments."""
    buffer = {"index": 1, "type": "char_buf", "sizeArgIndex": 3}
    node.add(of_library(args=[buffer] * 5))
    data = ctypes.create_string_buffer(b"ab" * TEXT_BYTES)
    _libc.read(-1, data, TEXT_BYTES)
    (event,) = node.own()
    assert [argument.value for argument in event.args] == [b"ab" * (TEXT_BYTES // 2)] * 5


@pytest.mark.parametrize("size", [TEXT_BYTES, TEXT_BYTES + 100])
@pytest.mark.parametrize("operator", ["Equal", "Prefix", "Postfix", "SubString"])
def test_long_texts_are_compared(node, size, operator):
    """As far as they are read."""
    text = "".join(f"{number:04} " for number in range(1000))[:size]
    read = text[:TEXT_BYTES]
    value = read[-50:] if operator in {"Postfix", "SubString"} else read
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_access",
        "args": [{"index": 5, "type": "string"}],
        "selectors": [{"matchArgs": [{"index": 0, "operator": operator, "values": [value]}]}],
    }
    node.add(json.dumps({"tracepoints": [hook]}))
    os.access(text, os.R_OK)
    (event,) = node.own()
    assert event.args[0].value == read
    os.access(f"x{text[1 : TEXT_BYTES - 2]}x", os.R_OK)
    assert not node.own()


def test_many_searches_at_once(node):
    """As many as one hook may have, of as much as each may be for."""
    if not KernelFacts.running().has_may_goto:
        pytest.skip("before Linux 6.9 the verifier follows each turn of each search")
    values = (["a" * 50, "b" * 50], ["Q" * 99], [f"abc{number:03}" for number in range(16)])
    operators = ("SubString", "SubStringIgnCase", "SubString")
    fields = (5, 6, 7)
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_mount",
        "args": [{"index": field, "type": "string"} for field in fields],
        "selectors": [
            {
                "matchArgs": [
                    {"args": [at], "operator": operator, "values": texts}
                    for at, (operator, texts) in enumerate(zip(operators, values, strict=True))
                ]
            }
        ],
    }
    node.add(json.dumps({"tracepoints": [hook]}))
    good = ["-" + "b" * 50, "q" * 99 + "-", "--abc015"]
    bad = ["-" + "b" * 49, "q" * 98 + "-", "--abc016"]
    for at in range(4):
        texts = [bad[n] if n == at else good[n] for n in range(3)]
        _libc.mount(*[text.encode() for text in texts], 0, None)
        assert len(node.own()) == (at == 3)


@pytest.mark.parametrize("pieces", [1, 9, 65, 1000])
def test_vectors_of_many_pieces(node, sink, pieces):
    vector = {"index": 6, "type": "char_iovec", "sizeArgIndex": 8}
    node.add(of_format("sys_enter_writev", sink, vector))
    texts = [b"%03d" % number for number in range(pieces)]
    os.writev(sink, texts)
    (event,) = node.own()
    value, whole = event.args[0].value, b"".join(texts)
    if isinstance(value, KprobeTruncatedBytes):
        # Kernels that let no program loop as long as it likes: what is there, and that more is.
        assert pieces > 64
        assert value.bytes_arg == whole[: 3 * 64]
        assert value.orig_size > len(value.bytes_arg)
    else:
        assert value == whole


def test_a_vector_that_is_longer_than_a_text(node, sink):
    vector = {"index": 6, "type": "char_iovec", "sizeArgIndex": 8}
    node.add(of_format("sys_enter_writev", sink, vector))
    os.writev(sink, [b"a" * 4000, b"", b"b" * 1000, b"c"])
    (event,) = node.own()
    assert event.args[0].value == KprobeTruncatedBytes(b"a" * 4000 + b"b" * 96, 5001)


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_what_a_function_returns_is_the_size(node):
    """Where the policy names no argument with the size."""
    node.add(
        of_library(
            args=[
                {"index": 0, "type": "int"},
                {"index": 1, "type": "char_buf", "returnCopy": True},
            ],
            **{"return": True, "returnArg": {"index": 0, "type": "int64"}},
        )
    )
    data = ctypes.create_string_buffer(b"left from before")
    reader, writer = os.pipe()
    os.write(writer, b"news")
    assert _libc.read(reader, data, len(data)) == 4
    assert _libc.read(-1, data, len(data)) == -1
    os.close(reader)
    os.close(writer)
    found = {event.args[0].value: event.args[1].value for event in node.own()}
    assert (found[reader], found[-1]) == (b"news", b"")
