"""Expressions become the C that means the same, or an error that says what is wrong."""

import pytest

from osmia_bpf.policy.expressions import expression_test
from osmia_bpf.policy.hook import Argument
from osmia_bpf.policy.problems import HookError, Place
from osmia_bpf.policy.types import TYPES
from tests.unit.bpf.policy.c_program import run

ARGUMENTS = [Argument(TYPES[name], 0, "", "0") for name in ("int32", "uint64", "string", "int8")]


def read(text):
    used = {}
    return expression_test(text, ARGUMENTS, used, Place(("values", 0))), used


def test_the_values_that_it_looks_at():
    assert set(read("arg0 == 1 && (arg3 < 2 || arg0 > 3)")[1]) == {"0", "3"}


def test_compiled(tmp_path):
    cases = {
        "arg0 + 2147483647 < 0": 1,
        "-arg0 == -1": 1,
        "arg1 - 1 == 18446744073709551615": 1,
        "int32(arg1) == 0 && uint32(arg0) == 1": 1,
        "not(arg0) == -2": 1,
        "and(arg0, 2) != 0": 0,
        "1 + 2 == 3": 1,
        "true && !false": 1,
        "arg0 == 0x1": 1,
        "arg1 < 1u": 1,
        "arg3 == -128": 1,
        "(arg0 == 1) != (arg1 == 1)": 1,
    }
    lines = ["s64 v0 = 1, v3 = -128; u64 v1 = 0;"]
    lines += [f'printf("%d ", {read(text)[0]});' for text in cases]
    assert run(tmp_path, "", "\n".join(lines)) == [str(value) for value in cases.values()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("arg0", "is a number, not a condition"),
        ("arg0 ==", "ends too early"),
        ("arg0 == 1 arg1", "unexpected 'arg1'"),
        ("arg9 == 1", "arg9: the hook has 4 args"),
        ("arg2 == 1", "arg2 is a string, not a number"),
        ("arg0 == arg1", "not int32 and uint64"),
        ("arg0 == 4294967296", "is not a number of type int32"),
        ("arg1 == -1", "is not a number of type uint64"),
        ("pid == 1", "unknown name 'pid'"),
        ("arg0 && true", "&& is for conditions"),
        ("!arg0", "! is for conditions"),
        ("arg0 == 'x'", "unexpected"),
        ("and(arg0) == 1", "takes 2 values"),
        ("(" * 60 + "true" + ")" * 60, "nested deeper"),
        ("true || " * 200 + "true", "longer than 1000"),
    ],
)
def test_what_is_no_expression(text, message):
    with pytest.raises(HookError, match="values") as caught:
        read(text)
    assert message in str(caught.value)
