"""Arguments of the network, by raw tracepoints that every kernel has: packets, devices, sockets."""

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


CONNECTING = """
tracepoints:
- subsystem: sock
  event: inet_sock_set_state
  raw: true
  args: [{{index: 0, type: sock}}, {{index: 2, type: int}}]
  selectors:
  - matchPIDs: [{{operator: In, values: [{pid}]}}]
    matchArgs:
    - {{index: 2, operator: Equal, values: ["{syn_sent}"]}}
    - {{index: 0, operator: {operator}, values: [{value}]}}
"""
SYN_SENT = 2


@pytest.mark.parametrize(
    ("operator", "value", "matches"),
    [
        ("DAddr", "127.0.0.0/8", True),
        ("DAddr", "'::1'", False),
        ("NotDAddr", "10.0.0.0/8", True),
        ("NotDAddr", "127.0.0.9", False),
        ("SAddr", "127.0.0.8", True),
        ("SAddr", "127.0.0.9", False),
        ("NotSAddr", "127.0.0.9", True),
        ("NotSAddr", "127.0.0.0/8", False),
        ("DPort", "'9'", True),
        ("DPort", "'1:8', '10:99'", False),
        ("NotDPort", "'1:8'", True),
        ("NotDPort", "'9'", False),
        ("SPort", "'1024:65535'", True),
        ("SPort", "'9'", False),
        ("NotSPort", "'9'", True),
        ("NotSPort", "'1024:65535'", False),
        ("DPortPriv", "", True),
        ("NotDPortPriv", "", False),
        ("SPortPriv", "", False),
        ("NotSportPriv", "", True),
        ("Protocol", "IPPROTO_TCP", True),
        ("Protocol", "'17'", False),
        ("Family", "AF_INET", True),
        ("Family", "AF_INET6, AF_UNIX", False),
        ("State", "TCP_CLOSE", True),
        ("State", "TCP_ESTABLISHED, TCP_LISTEN", False),
    ],
)
def test_sockets_by_each_operator(node, operator, value, matches):
    node.add(CONNECTING.format(pid=os.getpid(), syn_sent=SYN_SENT, operator=operator, value=value))
    with socket.socket() as client:
        client.bind(("127.0.0.8", 0))
        port = client.getsockname()[1]
        assert client.connect_ex(("127.0.0.9", 9)) != 0
    events = node.own()
    assert len(events) == matches
    for event in events:
        sock = event.args[0].value
        assert (sock.saddr, sock.sport) == ("127.0.0.8", port)
        assert (sock.daddr, sock.dport) == ("127.0.0.9", 9)
        assert (sock.family, sock.protocol) == ("AF_INET", "IPPROTO_TCP")
        # Told before it is changed.
        assert sock.state == "TCP_CLOSE"


def test_sockets_of_ipv6(node):
    value = "'::/64'"
    node.add(CONNECTING.format(pid=os.getpid(), syn_sent=SYN_SENT, operator="DAddr", value=value))
    with socket.socket(socket.AF_INET6) as client:
        assert client.connect_ex(("::1", 9)) != 0
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", 9)) != 0
    (event,) = node.own()
    sock = event.args[0].value
    assert (sock.family, sock.daddr, sock.dport) == ("AF_INET6", "::1", 9)
