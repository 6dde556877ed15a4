from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from osmia_agent.process.arguments import environment, joined, without_program_name
from osmia_events.model import EnvVar


def area(arguments: list[bytes]) -> bytes:
    return b"".join(argument + b"\0" for argument in arguments)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], ""),
        ([b"-a", b"b"], "-a b"),
        ([b"-c", b"curl https://ebpf.io"], '-c "curl https://ebpf.io"'),
        ([b"a b", b"c"], ' "a b" c'),
        ([b"", b"", b"a b"], ' "a b"'),
        ([b"", b"b"], "b"),
        ([b"a", b"", b"b"], "a  b"),
        ([b'say "hi"', b"x"], ' "say "hi"" x'),
        ([b'"', b"'", b"\\"], "\" ' \\"),
        ([b"a\nb", b"c\td", b"\x01"], "a\nb c\td \x01"),
        ([b"\xff\xfe", b"\xff"], "\ufffd \ufffd"),
        ([b" "], ' " "'),
        ([b"", b""], ""),
    ],
)
def test_joined(arguments: list[bytes], shown: str):
    assert joined(area(arguments), cwd_follows=True).rstrip(" ") == shown.rstrip(" ")
    assert joined(area(arguments), cwd_follows=False) == shown


def test_empty_arguments_at_the_end_leave_spaces_if_the_directory_follows():
    assert joined(area([b"a", b"", b""]), cwd_follows=True) == "a  "
    assert joined(area([b"a", b"", b""]), cwd_follows=False) == "a"


def test_cut_off_area():
    assert joined(b"a\0b c", cwd_follows=True) == 'a "b c"'


def model(arguments: list[bytes], *, cwd_follows: bool) -> str:
    """The rules said one at a time: slow, and in another way."""
    while arguments and not cwd_follows and not arguments[-1]:
        arguments = arguments[:-1]
    line = ""
    for raw in arguments:
        argument = ""
        invalid = False
        for sign in raw.decode(errors="surrogateescape"):
            is_byte = "\udc80" <= sign <= "\udcff"
            if not is_byte:
                argument += sign
            elif not invalid:
                argument += "\ufffd"
            invalid = is_byte
        if " " in argument:
            line += f' "{argument}"'
        elif not line:
            line = argument
        else:
            line += " " + argument
    return line


ARGUMENT = st.lists(
    st.sampled_from([b" ", b"a", b'"', b"\xff", b"\xc3\xa9", b"\xe2\x82", b"\n", b"\xef\xbf\xbd"]),
    max_size=4,
).map(b"".join) | st.binary(max_size=8).map(lambda raw: raw.replace(b"\0", b""))


@given(arguments=st.lists(ARGUMENT, max_size=6), cwd_follows=st.booleans())
@example(arguments=[b"", b"", b"a", b"", b"b c", b""], cwd_follows=True)
def test_joined_is_what_the_rules_say(arguments: list[bytes], cwd_follows: bool):
    expected = model(arguments, cwd_follows=cwd_follows)
    assert joined(area(arguments), cwd_follows=cwd_follows) == expected


@pytest.mark.parametrize(
    ("raw", "rest"),
    [(b"", b""), (b"cut", b""), (b"prog\0", b""), (b"prog\0a\0", b"a\0"), (b"\0a\0", b"a\0")],
)
def test_without_program_name(raw: bytes, rest: bytes):
    assert without_program_name(raw) == rest


def test_environment():
    raw = b"HOME=/root\0EMPTY=\0EQUATION=a=b\0nothing\0=odd\0BAD=\xff\xff\0"
    assert environment(raw, None) == (
        EnvVar("HOME", "/root"),
        EnvVar("EMPTY", ""),
        EnvVar("EQUATION", "a=b"),
        EnvVar("invalid", "nothing"),
        EnvVar("", "odd"),
        EnvVar("BAD", "\ufffd"),
    )


def test_environment_of_certain_names_only():
    raw = b"HOME=/root\0HOMES=/x\0home=/y\0nothing\0HOME=again\0"
    names = frozenset({"HOME", "invalid"})
    assert environment(raw, names) == (EnvVar("HOME", "/root"), EnvVar("HOME", "again"))
    assert environment(raw, frozenset()) == ()


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\0"])
def test_no_environment(raw: bytes):
    assert environment(raw, None) == ()
