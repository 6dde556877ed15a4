from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.redaction_patterns import RedactionPatterns


@pytest.mark.parametrize(
    ("pattern", "text", "redacted"),
    [
        (r"--password(?:\s+|=)(\S*)", "--password=foo", "--password=*****"),
        (r"--password(?:\s+|=)(\S*)", "a --password foo b", "a --password ***** b"),
        (r"(?:SSHPASS=)+(\S+)", "SSHPASS=hunter2", "SSHPASS=*****"),
        (r"-(\w)=(\w+)", "-a=b -c=d", "-*****=***** -*****=*****"),
        ("(foo(bar))qux", "foobarqux", "*****qux"),
        ("foo(bar(qux))", "foobarqux", "foo*****"),
        ("(x)?y", "y xy", "y *****y"),
        ("(a*)", "baaac", "*****b*****c*****"),
        ("a()", "aba", "a*****ba*****"),
        ("(())", "", "**********"),
        ("(()a)", "a", "*****"),
        ("(=)", "a=b", "a*****b"),
        ("(é+)", "aéé\u20acé", "a*****\u20ac*****"),
        ("(?i)token=(.)", "TOKEN=é", "TOKEN=*****"),
        ("nothing(x)", "text", "text"),
    ],
)
def test_groups_are_replaced_as_upstream_does(pattern: str, text: str, redacted: str) -> None:
    assert RedactionPatterns([pattern]).redact(text) == redacted
    assert RedactionPatterns([pattern]).redact_bytes(text.encode()) == redacted.encode()


@pytest.mark.parametrize(
    ("pattern", "text", "redacted"),
    [
        (r"\B(\w+)", "abc", "a*****"),  # upstream: the found part alone does not match again
        (r"(\S+)$", "user secret", "user *****"),
        (r"\s(secret)\b", "a secret", "a *****"),
        (r"(?m)^pw:(.*)$", "x\npw:secret\ny", "x\npw:*****\ny"),
        (r"(?:(a)|(b))*", "ba", "**********"),  # upstream skips the group that starts earlier
        (r"x|^(y)|y", "ay", "a*****"),  # only the found part alone has the group
    ],
)
def test_what_upstream_leaves_is_redacted_too(pattern: str, text: str, redacted: str) -> None:
    assert RedactionPatterns([pattern]).redact(text) == redacted


def test_patterns_apply_in_order_each_to_what_is_left() -> None:
    assert RedactionPatterns(["a(b)", r"(\*+c)"]).redact("abc") == "a*****"
    assert RedactionPatterns([r"(\*+c)", "a(b)"]).redact("abc") == "a*****c"


def test_text_without_a_match_is_the_same_object() -> None:
    patterns = RedactionPatterns(["(a)", "(b)"])
    text, data = "x" * 1000, b"x" * 1000
    assert patterns.redact(text) is text
    assert patterns.redact_bytes(data) is data


def test_text_that_utf_8_cannot_hold_is_redacted_and_kept() -> None:
    patterns = RedactionPatterns([r"pw=(\S+)"])
    assert patterns.redact("\udc80 pw=a\ud800b c\udfff") == "\udc80 pw=***** c\udfff"


def test_bytes_that_are_no_text_are_redacted_and_kept() -> None:
    patterns = RedactionPatterns([r"pw=(\S+)"])
    assert patterns.redact_bytes(b"\xff\x00pw=a\xfe\xe9b c\x80") == b"\xff\x00pw=***** c\x80"


@pytest.mark.parametrize("pattern", ["((?:x+x+)+)y", "(a|a)*$b", "^((?:[a-z]+.)+)[A-Z]"])
def test_patterns_that_blow_up_backtracking_engines_end_at_once(pattern: str) -> None:
    text = "x" * 100_000
    assert RedactionPatterns([pattern]).redact(text) is text


@pytest.mark.parametrize(
    "pattern",
    [
        "a(b)",
        "^(b)",
        "(b)$",
        r"\A(b)",
        r"(b)\z",
        r"\b(b)\b",
        r"\B(b)",
        "(?s)a.(b)",
        "(?i-s:(B))",
        "(?-m:^)(b)",
    ],
)
@given(texts=st.lists(st.text(alphabet="ab \n"), min_size=1, max_size=3))
def test_a_text_that_has_to_be_redacted_is_never_passed_over(
    pattern: str, texts: list[str]
) -> None:
    patterns = RedactionPatterns([pattern])
    if any(patterns.redact(text) != text for text in texts):
        assert patterns.may_match(texts)


@given(st.text(alphabet="ab(|)*+?^$\\.[]", max_size=8), st.text(alphabet="ab*\n"))
def test_any_pattern_redacts_any_text(inner: str, text: str) -> None:
    try:
        patterns = RedactionPatterns([f"({inner})"])
    except ValueError:
        return
    redacted = patterns.redact(text)
    assert patterns.redact_bytes(text.encode()) == redacted.encode()
    assert redacted == text or "*****" in redacted


@given(
    st.lists(
        st.sampled_from(
            [
                "key=(a+)",
                r"(\*)a",
                "ab(b*)",
                "(?:--p|-p)[ =](.)",
                r"\ba(b)",
                "b(a)$",
                "^k(e)",
                "==()",
            ]
        ),
        min_size=1,
        max_size=4,
    ),
    st.text(alphabet="abkey=-p *\ud800é", max_size=30),
)
def test_what_is_redacted_does_not_depend_on_the_literals_of_patterns(
    patterns: list[str], text: str
) -> None:
    # Nothing is read of a pattern with flags, so every text is searched.
    searching = [f"(?-i:{pattern})" for pattern in patterns]
    redacted = RedactionPatterns(searching).redact(text)
    assert RedactionPatterns(patterns).redact(text) == redacted
    data = text.encode("utf-8", "surrogatepass")
    assert RedactionPatterns(patterns).redact_bytes(data) == RedactionPatterns(
        searching
    ).redact_bytes(data)
