from __future__ import annotations

import pytest

from osmia_events.cel import CelError, CelEvaluationError, activation, compile_expression
from osmia_events.model import ProcessExec


def evaluate(expression: str) -> bool:
    return compile_expression(expression).evaluate(activation(ProcessExec()))


@pytest.mark.parametrize(
    "expression",
    [
        "ip('10.0.0.1').family() == 4",
        "ip('::1').family() == 6",
        "ip('10.0.0.1') == ip('10.0.0.1')",
        "ip('2001:DB8:0::1') == ip('2001:db8::1')",
        "ip('10.0.0.1') != ip('10.0.0.2')",
        "string(ip('2001:DB8:0::1')) == '2001:db8::1'",
        "isIP('10.0.0.1') && isIP('::1')",
        "!isIP('10.0.0') && !isIP('') && !isIP('010.0.0.1') && !isIP('10.0.0.1/8')",
        "!isIP('fe80::1%eth0') && !isIP('::ffff:1.2.3.4')",
        "ip.isCanonical('2001:db8::1')",
        "!ip.isCanonical('2001:DB8::1')",
        "ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified()",
        "ip('127.1.2.3').isLoopback() && ip('::1').isLoopback()",
        "!ip('10.0.0.1').isLoopback()",
        "ip('224.0.0.5').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast()",
        "!ip('224.0.1.5').isLinkLocalMulticast() && !ip('ff05::1').isLinkLocalMulticast()",
        "ip('169.254.1.1').isLinkLocalUnicast() && ip('fe80::1').isLinkLocalUnicast()",
        "ip('10.0.0.1').isGlobalUnicast() && ip('2001:db8::1').isGlobalUnicast()",
        "!ip('255.255.255.255').isGlobalUnicast() && !ip('ff02::1').isGlobalUnicast()",
        "isCIDR('10.0.0.0/8') && isCIDR('10.1.2.3/8') && isCIDR('::/0')",
        "!isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')",
        "!isCIDR('10.0.0.0/255.0.0.0') && !isCIDR('10.0.0.0/+8') && !isCIDR('::ffff:1.2.3.4/96')",
        "cidr('10.0.0.0/8').containsIP('10.255.0.1')",
        "cidr('10.0.0.0/8').containsIP(ip('10.255.0.1'))",
        "!cidr('10.0.0.0/8').containsIP('11.0.0.1')",
        "!cidr('10.0.0.0/8').containsIP('::1')",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
        "cidr('10.0.0.0/8').containsCIDR(cidr('10.0.0.0/8'))",
        "!cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')",
        "!cidr('::/0').containsCIDR('10.0.0.0/8')",
        "cidr('10.1.2.3/8').ip() == ip('10.1.2.3')",
        "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        "cidr('10.1.2.3/8') != cidr('10.0.0.0/8')",
        "cidr('10.1.2.3/8').prefixLength() == 8",
        "string(cidr('10.1.2.3/8')) == '10.1.2.3/8'",
        "type(ip('::1')) == net.IP",
    ],
)
def test_holds(expression: str) -> None:
    assert evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "ip('10.0.0').family() == 4",
        "ip.isCanonical('10.0.0')",
        "cidr('10.0.0.0/8').containsIP('x')",
        "cidr('10.0.0.0').prefixLength() == 8",
    ],
)
def test_what_does_not_parse_is_an_error_of_evaluation(expression: str) -> None:
    with pytest.raises(CelEvaluationError):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    ["ip(1).family() == 4", "cidr('::/0') == ip('::')", "ip('::').containsIP('::')", "'::'.isIP()"],
)
def test_types_are_checked(expression: str) -> None:
    with pytest.raises(CelError):
        compile_expression(expression)
