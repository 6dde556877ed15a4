from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.regex import PatternSet, RegexError, compile_pattern, well_formed


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("^(foo", 'missing closing ): "^(foo"'),
        ("foo)", 'unexpected ): "foo)"'),
        ("[a", 'missing closing ]: "[a"'),
        ("(?=a)", 'invalid or unsupported Perl syntax: "(?=" in "(?=a)"'),
        ("(?<!a)b", 'invalid or unsupported Perl syntax: "(?<!" in "(?<!a)b"'),
        (r"(a)\1", r'invalid escape sequence: "\\1" in "(a)\\1"'),
        (r"a\Z", r'invalid escape sequence: "\\Z" in "a\\Z"'),
        (r"a\C", r'invalid escape sequence: "\\C" in "a\\C"'),
        ("a++", 'invalid nested repetition operator: "++" in "a++"'),
        ("(?>a)", 'invalid or unsupported Perl syntax: "(?>" in "(?>a)"'),
        ("x{1001}", 'invalid repeat count: "{1001}" in "x{1001}"'),
        ("(a{100}){100}", 'invalid repeat count: "{100}" in "(a{100}){100}"'),
        ("*", 'missing argument to repetition operator: "*"'),
        ("\\", 'trailing backslash at end of expression: "\\\\"'),
        ("(?P<é>a)", 'invalid named capture: "é" in "(?P<é>a)"'),
        ("\ud800", 'invalid UTF-8: "\ufffd"'),
    ],
)
def test_refuses_what_go_refuses_and_says_why(pattern: str, message: str) -> None:
    with pytest.raises(RegexError) as error:
        compile_pattern(pattern)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("c$", "abc\n", False),
        (r"c\z", "abc", True),
        (r"\d", "\u0663", False),
        (r"\w", "é", False),
        (r"^\w\b", "aé", True),
        (r"\pL", "é", True),
        (r"\Qa.b\E", "a.b", True),
        (r"\Qa.b\E", "axb", False),
        (r"\Q\C\E", r"\C", True),
        ("[[:alpha:]]", "1a", True),
        ("(?<n>a)", "a", True),
        ("(?U)a+", "aa", True),
        ("^x{,5}$", "x{,5}", True),
        ("(?i)É", "é", True),
        (r"\v", "\n", False),
        (r"\v", "\v", True),
        (r"[\pL\pN]{1000}", "é" * 1000, True),
        ("", "", True),
        ("a\x00b", "xa\x00b", True),
        (".", "\ud800", True),
    ],
)
def test_searches_as_go_does(pattern: str, text: str, matches: bool) -> None:
    assert PatternSet([pattern]).search(text) is matches
    assert PatternSet([pattern]).search_name(text) is matches
    assert PatternSet([pattern]).matching(text) == [0][:matches]


def test_sets_tell_which_patterns_match_in_order() -> None:
    big = r"[\pL\pN]{200}"
    patterns = PatternSet(["a", big, "^b", "zz", big, "c$"])
    assert patterns.matching("bac") == [0, 2, 5]
    assert patterns.matching("b" + "é" * 200) == [1, 2, 4]
    assert patterns.matching("") == []
    assert PatternSet([]).matching("a") == []
    assert not PatternSet([]).search("a")


def test_remembered_names_are_bounded_and_right() -> None:
    patterns = PatternSet(["7$"])
    for number in range(5000):
        assert patterns.search_name(str(number)) is str(number).endswith("7")
    assert len(patterns._known) <= 1024
    assert not patterns.search_name("x" * 1000)


@pytest.mark.parametrize(
    "pattern", ["(x+x+)+y", "(a|a)*$b", "(.*)*=", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_patterns_that_blow_up_backtracking_engines_end_at_once(pattern: str) -> None:
    text = "x" * 100_000
    # A backtracking engine would need centuries, and the test would never end.
    assert PatternSet([pattern, "^x"]).search(text)


@given(st.text(), st.text())
def test_any_pattern_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        patterns = PatternSet([pattern])
    except RegexError as error:
        str(error).encode()  # can be written to a log
    else:
        assert patterns.search(text) is bool(patterns.matching(text))


@given(st.text(alphabet=st.characters(codec=None)))
def test_well_formed_keeps_the_length_and_what_is_valid(text: str) -> None:
    assert len(well_formed(text)) == len(text)
    well_formed(text).encode()
    assert well_formed(well_formed(text)) == well_formed(text)
