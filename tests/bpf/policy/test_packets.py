"""Arguments of the network: packets and devices, from raw tracepoints that every kernel has."""

import os
import socket

import pytest

SENT = """
tracepoints:
- subsystem: net
  event: net_dev_start_xmit
  raw: true
  args: [{{index: 0, type: skb}}, {{index: 1, type: net_device}}]
  selectors:
  - matchPIDs: [{{operator: In, values: [{pid}]}}]
    matchArgs:
    - {{index: 0, operator: DPort, values: ["{port}"]}}
    - {{index: 0, operator: {operator}, values: [{value}]}}
"""


def send():
    """Send a datagram over the loopback device; return the ports that it came from and went to."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        yield receiver.getsockname()[1]
        sender.sendto(b"hello", receiver.getsockname())
        yield sender.getsockname()[1]


@pytest.mark.parametrize(
    ("operator", "value", "matches"),
    [
        ("DAddr", "127.0.0.0/8", True),
        ("DAddr", "10.0.0.0/8", False),
        ("NotDAddr", "10.0.0.0/8", True),
        ("NotDAddr", "127.0.0.1", False),
        ("SAddr", "127.0.0.1", True),
        ("SAddr", "127.0.0.2", False),
        ("NotSAddr", "127.0.0.2", True),
        ("NotSAddr", "127.0.0.0/8", False),
        ("SPort", "'1024:65535'", True),
        ("SPort", "'1:80'", False),
        ("NotSPort", "'1:80'", True),
        ("NotSPort", "'1024:65535'", False),
        ("DPortPriv", "", False),
        ("NotDPortPriv", "", True),
        ("SPortPriv", "", False),
        ("NotSportPriv", "", True),
        ("Protocol", "IPPROTO_UDP", True),
        ("Protocol", "IPPROTO_TCP", False),
        ("Family", "AF_INET", True),
        ("Family", "AF_INET6", False),
    ],
)
def test_packets_by_each_operator(node, operator, value, matches):
    steps = send()
    port = next(steps)
    node.add(SENT.format(pid=os.getpid(), port=port, operator=operator, value=value))
    source = next(steps)
    steps.close()
    events = node.own()
    assert len(events) == matches
    for event in events:
        packet, device = (argument.value for argument in event.args)
        assert (packet.saddr, packet.sport) == ("127.0.0.1", source)
        assert (packet.daddr, packet.dport) == ("127.0.0.1", port)
        assert (packet.protocol, packet.family) == ("IPPROTO_UDP", "AF_INET")
        assert device == "lo"
