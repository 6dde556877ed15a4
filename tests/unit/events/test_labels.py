from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.labels import SelectorError, parse_selector

WEB = {"app": "web", "tier": "front", "replicas": "3", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ("", True),
        ("   ", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app=db", False),
        ("app!=web", False),
        ("app!=db", True),
        ("absent!=db", True),
        ("app", True),
        ("absent", False),
        ("!app", False),
        ("!absent", True),
        ("! absent", True),
        ("app in (db,web)", True),
        ("app in ( db , web )", True),
        ("app in (db)", False),
        ("absent in (db)", False),
        ("app notin (db)", True),
        ("app notin (web)", False),
        ("absent notin (web)", True),
        ("app in (,web)", True),
        ("empty in (,web)", True),
        ("empty in ()", True),
        ("app in ()", False),
        ("app in (db,,x)", False),
        ("empty in (db,,x)", True),
        ("empty=", True),
        ("empty", True),
        ("app=", False),
        ("app!=", True),
        ("replicas>2", True),
        ("replicas>3", False),
        ("replicas<4", True),
        ("app>2", False),
        ("absent<2", False),
        ("app=web,tier=front", True),
        ("app=web,tier in (back)", False),
        ("app=web,!absent,tier,replicas>1", True),
        ("in in (in)", False),
        ("app=in", False),
    ],
)
def test_selects(selector: str, selects: bool) -> None:
    assert parse_selector(selector).matches(WEB) is selects


def test_the_words_in_and_notin_may_be_keys_and_values() -> None:
    assert parse_selector("in=notin").matches({"in": "notin"})
    assert parse_selector("notin in (in)").matches({"notin": "in"})


def test_keys_may_have_a_dns_prefix() -> None:
    labels = {"app.kubernetes.io/name": "web"}
    assert parse_selector("app.kubernetes.io/name=web").matches(labels)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("app=web,", "found the end, expected a label key"),
        (",app", 'found ",", expected a label key'),
        ("app in web", "found \"web\", expected '('"),
        ("app in (web", "found the end, expected ',' or ')'"),
        ("app in (a b)", "found \"b\", expected ',' or ')'"),
        ("app web", 'found "web", expected one of in, notin, =, ==, !=, >, <'),
        ("!app=web", "found \"=\", expected ',' or the end"),
        ("app=web)", "found \")\", expected ',' or the end"),
        ("app=!web", 'found "!", expected a value'),
        ("replicas>many", "'>' needs an integer, not \"many\""),
        ("replicas<", "'<' needs an integer, not \"\""),
        ("k8s:app=web", 'not a label key ([prefix/]name): "k8s:app"'),
        ("any:app", 'not a label key ([prefix/]name): "any:app"'),
        ("a/b/c", 'the prefix of a label key must be a DNS name: "a/b/c"'),
        ("Upper.io/a", 'the prefix of a label key must be a DNS name: "Upper.io/a"'),
        ("/a", 'the prefix of a label key must be a DNS name: "/a"'),
        ("a" * 64, f'not a label key ([prefix/]name): "{"a" * 64}"'),
    ],
)
def test_refuses(selector: str, message: str) -> None:
    with pytest.raises(SelectorError) as error:
        parse_selector(selector)
    assert str(error.value) == message


@pytest.mark.parametrize("value", ["-a", "a-", "a" * 64, "ü"])
def test_refuses_values_that_no_label_can_have(value: str) -> None:
    with pytest.raises(SelectorError, match="not a label value"):
        parse_selector(f"app={value}")


@given(st.text(alphabet="ab=!(),<> inot\t\n1é-_./\ud800"))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    try:
        selector = parse_selector(text)
    except SelectorError as error:
        str(error).encode()  # can be written to a log
    else:
        assert selector.matches({"a": "b"}) in (True, False)
