from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from osmia_events.regex import RegexError, compile_pattern
from osmia_events.regex_literals import required_literals


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (r"--password(?:\s+|=)(\S*)", {"--password"}),
        (r"token=([a-f0-9]+)", {"token="}),
        (r"(?:--password|-p)(?:\s+|=)(\S*)", {"-p"}),
        (r"(?P<name>secret|passw(?:or)?d)=(.*)", {"secret", "passw"}),
        (r"(?<name>key)", {"key"}),
        (r"ab*cde", {"cde"}),
        (r"abc?", {"ab"}),
        (r"abc{2,3}d", {"abc"}),
        (r"x{0}yy", {"yy"}),
        (r"x{0,3}?yy", {"yy"}),
        (r"(ab)+c??", {"ab"}),
        (r"(ab){0,1}c", {"c"}),
        (r"\.pgpass:(\w+)", {".pgpass:"}),
        (r"^\s*[[:alpha:]]]foo$", {"foo"}),
        (r"[^]]abc[\]x]", {"abc"}),
        (r"a{b}cd", {"cd"}),
        ("é=secret", {"=secret"}),
    ],
)
def test_what_every_match_holds(pattern: str, literals: set[str]) -> None:
    assert required_literals(pattern) == literals


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        r"(\S+)",
        r"a|b|",
        r"(?i)password=(\S+)",
        r"(?:(?i)password)=(\S+)",
        r"\Qa+b\E(\S+)",
        r"\x41bc",
        r"\pLabc",
        r"[\Q]\E]abc",
        "|".join(f"word{number}" for number in range(9)),
    ],
)
def test_patterns_of_which_nothing_is_said(pattern: str) -> None:
    assert required_literals(pattern) is None


_pieces = st.sampled_from(
    [
        *"abc-=^$.|*+?()[]{}\\ é",
        *(
            r"\s",
            r"\S",
            r"\b",
            r"\.",
            r"\-",
            r"\]",
            r"\(",
            r"\n",
            r"\z",
            r"\x41",
            r"\pL",
            r"\Q",
            r"\E",
        ),
        *("(?:", "(?i)", "(?s:", "(?P<n>", "[^", "[]", "[:alpha:]", "[[:digit:]]", "[a-c]", "[^b]"),
        *(
            "{0}",
            "{1}",
            "{2,}",
            "{0,2}",
            "{,2}",
            "{1",
            "*?",
            "+?",
            "??",
            "ab",
            "=a",
            "(a|b)",
            "(ab)?",
        ),
    ]
)
_patterns = st.lists(_pieces, min_size=1, max_size=8).map("".join)
_texts = st.text("abcABC-=[](){}.|*+?^$\\ \né1:dgist", max_size=12)


def _is_read(pattern: str) -> bool:
    try:
        compile_pattern(pattern)
    except RegexError:
        return False
    return required_literals(pattern) is not None


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(_patterns.filter(_is_read), st.lists(_texts, min_size=1, max_size=20))
@example("[[:]a", [":a", "xa", "[a"])
@example("a|b{2}", ["b"])
@example("[[:x]a", [":a", "xa", "[a"])
def test_no_match_without_a_literal(pattern: str, texts: list[str]) -> None:
    literals = required_literals(pattern)
    for text in texts:
        if literals is not None and compile_pattern(pattern).search(text):
            assert any(each in text for each in literals), (pattern, text)


@given(st.data())
def test_no_text_made_for_a_pattern_lacks_its_literals(data: st.DataObject) -> None:
    atoms = st.sampled_from(["a", "bc", "=", r"\.", r"[a-c]", r"[^b]", r"\S", r"\s", r"."])
    patterns = st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=4).map("".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "+?"])).map(
                lambda each: f"({each[0]}){each[1]}"
            ),
        ),
        max_leaves=12,
    )
    pattern = data.draw(patterns)
    literals = required_literals(pattern)
    assume(literals is not None)
    text = data.draw(st.from_regex(pattern))
    assume(compile_pattern(pattern).search(text) is not None)
    assert any(each in text for each in literals)


def test_a_pattern_that_nests_too_deeply_to_be_read() -> None:
    assert required_literals("(" * 900 + "abc" + ")" * 900) is None
