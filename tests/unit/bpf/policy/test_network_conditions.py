import pytest

from osmia_api.tracing_policy.selectors import ArgumentSelector
from osmia_bpf.policy.network_conditions import network_test
from osmia_bpf.policy.problems import HookError, Place
from osmia_bpf.policy.types import TYPES


def written(operator, *values, type_="sock"):
    entry = ArgumentSelector(operator=operator, values=values)
    return network_test(TYPES[type_], "a0", entry, Place(("s",)))


def test_privileged_ports_take_no_values():
    assert written("DPortPriv") == "(a0->destination_port < 1024)"
    with pytest.raises(HookError, match=r"^s\.values: DPortPriv takes no values"):
        written("DPortPriv", "80")


@pytest.mark.parametrize("text", ["fe80::1%eth0", "10.0.0.0/33", "::/129", "1.2.3", "host", ""])
def test_what_is_no_address(text):
    with pytest.raises(HookError, match=r"^s\.values\[1\]: .* is not an IP address or CIDR"):
        written("SAddr", "10.0.0.1/8", text)


def test_operators_of_other_types_are_told_which_are_for_this_one():
    with pytest.raises(HookError, match=r"^s\.operator: SAddr .* sockaddr_un; those take Family$"):
        written("SAddr", "::1", type_="sockaddr_un")
