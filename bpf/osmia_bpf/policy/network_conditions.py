"""Conditions on sockets, packets and addresses, as C."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, get_args

from osmia_api.tracing_policy.selectors import ArgumentOperator
from osmia_bpf.policy import names
from osmia_bpf.policy.decision import interval_test
from osmia_bpf.policy.numbers import intervals
from osmia_bpf.policy.operators import check_operator
from osmia_bpf.policy.problems import shown
from osmia_bpf.policy.text_tests import negated
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_api.tracing_policy.selectors import ArgumentSelector
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.types import ArgumentType

_MAX_PORT = (1 << 16) - 1
_PRIVILEGED_PORTS = 1024

_FIELDS = {
    "SAddr": "source",
    "DAddr": "destination",
    "SPort": "source_port",
    "DPort": "destination_port",
    "SPortPriv": "source_port",
    "DPortPriv": "destination_port",
    "Protocol": "protocol",
    "Family": "family",
    "State": "state",
}
_OF_FAMILY = {
    Family.SOCK: frozenset(_FIELDS.values()),
    Family.SKB: frozenset(_FIELDS.values()) - {"state"},
    Family.SOCKADDR: frozenset({"source", "source_port", "family"}),
}
_OF_UNIX = frozenset({"family"})
_ALIASES: dict[str, Mapping[str, int]] = {
    "protocol": names.PROTOCOL_NUMBERS,
    "family": names.FAMILY_NUMBERS,
    "state": names.STATE_NUMBERS,
}


def _kind(operator: str) -> str:
    """Return what an operator looks at: its name without what turns it round."""
    return operator.removeprefix("Not").replace("SportPriv", "SPortPriv")


def network_test(type_: ArgumentType, value: str, entry: ArgumentSelector, place: Place) -> str:
    """Return the test of a value's struct, to which `value` (C) points. Raises `HookError`."""
    fields = _OF_UNIX if type_.name == "sockaddr_un" else _OF_FAMILY[type_.family]
    known = [name for name in get_args(ArgumentOperator) if _FIELDS.get(_kind(name)) in fields]
    check_operator(entry, type_, known, place)
    kind = _kind(entry.operator)
    field = _FIELDS[kind]
    if field in {"source", "destination"}:
        member = "address" if type_.family is Family.SOCKADDR else field
        test = _addresses(f"{value}->{member}", f"{value}->family", entry.values, place)
    else:
        member = "port" if type_.family is Family.SOCKADDR and "port" in field else field
        if kind.endswith("Priv"):
            if entry.values:
                (place / "values").fail(f"{entry.operator} takes no values")
            test = f"{value}->{member} < {_PRIVILEGED_PORTS}"
        else:
            given = intervals(entry.values, place, names=_ALIASES.get(field), high=_MAX_PORT)
            test = interval_test(f"(u64){value}->{member}", given, signed=False)
    return negated(test, entry.operator)


def _addresses(bytes_: str, family: str, values: Sequence[str], place: Place) -> str:
    tests = []
    for at, text in enumerate(values):
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
            if "%" in text:  # a zone, which the kernel's structs do not tell
                raise ValueError(text)
        except ValueError:
            (place / "values" / at).fail(f"{shown(text)} is not an IP address or CIDR")
        size = network.max_prefixlen // 8
        words = []
        for offset in range(0, size, 4):
            mask = network.netmask.packed[offset : offset + 4]
            if any(mask):
                wanted = network.network_address.packed[offset : offset + 4]
                words.append(
                    f"(*(u32 *)({bytes_} + {offset}) & {int.from_bytes(mask, 'little'):#x})"
                    f" == {int.from_bytes(wanted, 'little'):#x}"
                )
        number_of_family = names.FAMILY_NUMBERS["AF_INET" if size == 4 else "AF_INET6"]
        tests.append("(" + " && ".join([f"{family} == {number_of_family}", *words]) + ")")
    if not tests:
        (place / "values").fail("at least one address is needed")
    return " || ".join(tests)
