"""Calls that are made while another one of the same function is under way."""

import ctypes
import json
import os
import socket

import pytest

from tests.bpf.policy.test_hooks import LIBC

REGISTERS = {"index": 0, "type": "uint64", "source": "pt_regs", "resolve": "ip"}
_libc = ctypes.CDLL(None)
_COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_libc.bsearch.restype = ctypes.c_void_p


def search(count, compare):
    """Search an array of one number by the C library; return whether it is found."""
    number = ctypes.c_int(7)
    at = ctypes.addressof(number)
    found = _libc.bsearch(
        ctypes.c_void_p(at),
        ctypes.c_void_p(at),
        ctypes.c_size_t(count),
        ctypes.c_size_t(4),
        compare,
    )
    return bool(found)


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
@pytest.mark.parametrize(("operator", "count"), [("NotEqual", 1), ("Equal", 0)])
def test_a_function_of_a_library_within_itself(node, operator, count):
    """The inner search, of nothing, finds nothing; the outer one finds what it looks for."""
    hook = {
        "path": LIBC,
        "symbols": ["bsearch"],
        "args": [{"index": 2, "type": "int"}],
        "return": True,
        "returnArg": {"index": 0, "type": "uint64"},
        "selectors": [
            {
                "matchPIDs": [{"operator": "In", "values": [os.getpid()]}],
                "matchReturnArgs": [{"operator": operator, "values": ["0"]}],
            }
        ],
    }
    node.add(json.dumps({"uprobes": [hook]}))
    inner = []

    def compare(_left, _right):
        inner.append(search(0, nothing))
        return 0

    nothing = _COMPARE(lambda _left, _right: 0)
    assert search(1, _COMPARE(compare))
    assert inner == [False]
    assert [event.args[0].value for event in node.own()] == [count]
    assert node.sink.end_calls({os.getpid()}) == []


@pytest.mark.parametrize("data", [[], [REGISTERS]], ids=["fentry", "kprobe"])
def test_a_function_of_the_kernel_within_itself(node, needs, data):
    """A packet to this machine is received, and answered, before the call that sends it returns.

    With a register among its data the hook is a kprobe.
    """
    needs("kprobes", *(["fentry"] if not data else []))
    hook = {
        "call": "ip_local_out",
        "syscall": False,
        "args": [{"index": 2, "type": "skb"}],
        "data": data,
        "return": True,
        "returnArg": {"index": 0, "type": "int"},
        "selectors": [{"matchPIDs": [{"operator": "In", "values": [os.getpid()]}]}],
    }
    node.add(json.dumps({"kprobes": [hook]}))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pass
    events = node.own()
    assert node.sink.end_calls({os.getpid()}) == []
    if not events:
        pytest.skip("this kernel's compiler has put the function into its callers")
    to_server = [event for event in events if event.args[0].value.dport == port]
    to_client = [event for event in events if event.args[0].value.sport == port]
    assert to_server
    assert to_client
    assert all(event.return_.value == 0 for event in events)
