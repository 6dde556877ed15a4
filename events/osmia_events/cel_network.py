"""Kubernetes' CEL functions on IP addresses and networks.

`ip()`, `isIP()`, `ip.isCanonical()`, `cidr()`, `isCIDR()` and the members of what they return.
CEL holds an address or network as a message with its canonical text, so that `==` compares them.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from ipaddress import ip_interface as _ip_interface
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, message_factory

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool

Address = IPv4Address | IPv6Address
Network = IPv4Interface | IPv6Interface

_PREFIX_LENGTH = re.compile(r"/(?:0|[1-9][0-9]{0,2})", re.ASCII)
_IP, _CIDR = "net.IP", "net.CIDR"


def network_extension(pool: DescriptorPool, *, checking: bool) -> cel.CelExtension:
    """Declare the functions, and their types in the pool.

    When it calls functions, the library does not tell one message type from another: there can
    be but one `string(message)`. So what checks types declares more than what evaluates.
    """
    functions = _functions(pool)
    if checking:
        overload = cel.Overload("cidr_to_string", cel.Type.STRING, [cel.Type(_CIDR)])
        functions.append(cel.FunctionDecl("string", [overload]))
    return cel.CelExtension("network", functions)


def _functions(pool: DescriptorPool) -> list[cel.FunctionDecl]:
    pool.Add(_file())
    types = {name: _ValueType(pool, name) for name in (_IP, _CIDR)}
    ip, cidr = types[_IP], types[_CIDR]
    text, truth, number = cel.Type.STRING, cel.Type.BOOL, cel.Type.INT

    def function(name: str, *overloads: cel.Overload) -> cel.FunctionDecl:
        return cel.FunctionDecl(name, overloads)

    def overload(name: str, result: Any, parameters: list[Any], impl: Any) -> cel.Overload:
        return cel.Overload(name, result, parameters, impl=impl)

    def member(name: str, result: Any, parameters: list[Any], impl: Any) -> cel.Overload:
        return cel.Overload(name, result, parameters, is_member=True, impl=impl)

    def property_of_ip(name: str, result: Any, value_of: Any) -> cel.FunctionDecl:
        return function(
            name, member(f"ip_{name}", result, [ip.type], lambda each: value_of(ip.address(each)))
        )

    return [
        function(
            "ip",
            overload("string_to_ip", ip.type, [text], lambda each: ip.value(parse_ip(each))),
            member("cidr_ip", ip.type, [cidr.type], lambda each: ip.value(cidr.network(each).ip)),
        ),
        function("isIP", overload("is_ip", truth, [text], lambda each: _parses(parse_ip, each))),
        function(
            "ip.isCanonical",
            overload("ip_is_canonical", truth, [text], lambda each: str(parse_ip(each)) == each),
        ),
        property_of_ip("family", number, lambda address: address.version),
        property_of_ip("isUnspecified", truth, lambda address: address.is_unspecified),
        property_of_ip("isLoopback", truth, lambda address: address.is_loopback),
        property_of_ip("isLinkLocalMulticast", truth, is_link_local_multicast),
        property_of_ip("isLinkLocalUnicast", truth, lambda address: address.is_link_local),
        property_of_ip("isGlobalUnicast", truth, is_global_unicast),
        function(
            "cidr",
            overload(
                "string_to_cidr", cidr.type, [text], lambda each: cidr.value(parse_cidr(each))
            ),
        ),
        function(
            "isCIDR", overload("is_cidr", truth, [text], lambda each: _parses(parse_cidr, each))
        ),
        function(
            "containsIP",
            member(
                "cidr_contains_ip_string",
                truth,
                [cidr.type, text],
                lambda outer, each: parse_ip(each) in cidr.network(outer).network,
            ),
            member(
                "cidr_contains_ip",
                truth,
                [cidr.type, ip.type],
                lambda outer, each: ip.address(each) in cidr.network(outer).network,
            ),
        ),
        function(
            "containsCIDR",
            member(
                "cidr_contains_cidr_string",
                truth,
                [cidr.type, text],
                lambda outer, each: contains(cidr.network(outer), parse_cidr(each)),
            ),
            member(
                "cidr_contains_cidr",
                truth,
                [cidr.type, cidr.type],
                lambda outer, each: contains(cidr.network(outer), cidr.network(each)),
            ),
        ),
        function(
            "masked",
            member(
                "cidr_masked",
                cidr.type,
                [cidr.type],
                lambda each: cidr.value(_ip_interface(cidr.network(each).network)),
            ),
        ),
        function(
            "prefixLength",
            member(
                "cidr_prefix_length",
                number,
                [cidr.type],
                lambda each: cidr.network(each).network.prefixlen,
            ),
        ),
        function(
            "string",
            overload("ip_to_string", text, [ip.type], lambda each: each.text),
        ),
    ]


def parse_ip(text: str) -> Address:
    """Parse an address as Kubernetes does: no zone, no IPv4 within IPv6. Raises ValueError."""
    address = ip_address(text)
    _check(address, text)
    return address


def parse_cidr(text: str) -> Network:
    """Parse `address/bits`; bits of the host may be set. Raises ValueError."""
    if not _PREFIX_LENGTH.fullmatch(text[text.find("/") :]):
        raise ValueError(f"not a network in CIDR notation: {text!r}")
    network = _ip_interface(text)
    _check(network.ip, text)
    return network


def is_link_local_multicast(address: Address) -> bool:
    """Say whether an address is in 224.0.0.0/24 or in an ff?2::/16."""
    if isinstance(address, IPv4Address):
        return address.packed[:3] == b"\xe0\0\0"
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 2


def is_global_unicast(address: Address) -> bool:
    """Say whether an address is unicast beyond its link; private ones are."""
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address == IPv4Address("255.255.255.255")
    )


def contains(outer: Network, inner: Network) -> bool:
    """Say whether a network lies within another."""
    return (
        outer.version == inner.version
        and outer.network.prefixlen <= inner.network.prefixlen
        and inner.ip in outer.network
    )


class _ValueType:
    """A type of values that CEL code can hold and compare but not look into."""

    def __init__(self, pool: DescriptorPool, name: str) -> None:
        self.type = cel.Type(name)
        self._message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def value(self, parsed: Address | Network) -> Any:
        return self._message(text=str(parsed))

    def address(self, value: Any) -> Address:
        return ip_address(value.text)

    def network(self, value: Any) -> Network:
        return _ip_interface(value.text)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="osmia/net.proto", package="net", syntax="proto3"
    )
    for name in (_IP, _CIDR):
        file.message_type.add(name=name.removeprefix("net.")).field.add(
            name="text",
            number=1,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    return file


def _check(address: Address, text: str) -> None:
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"an address with a zone is not allowed: {text!r}")
        if address.ipv4_mapped is not None:
            raise ValueError(f"an IPv4 address within IPv6 is not allowed: {text!r}")


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
