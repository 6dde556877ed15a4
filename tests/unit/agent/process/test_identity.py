from __future__ import annotations

from binascii import b2a_base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from osmia_agent.process.identity import ExecId, ExecIds, parse


def test_form_of_the_contract():
    # The id of the mission's example.
    ids = ExecIds("gke-john-632-default-pool-7041cac0-9s95")
    assert ids.of(52699, 13548674321370, 3) == (
        "Z2tlLWpvaG4tNjMyLWRlZmF1bHQtcG9vbC03MDQxY2FjMC05czk1OjEzNTQ4Njc0MzIxMzczOjUyNjk5"
    )


def test_kernel():
    assert parse(ExecIds("node").kernel()) == ("node", 1, 0)


@given(
    node=st.text(st.characters(exclude_categories=()), max_size=70),
    tgid=st.integers(0, 2**22),
    start=st.integers(0, 2**63),
    count=st.integers(0, 2**32),
)
@example(node="a:b:1", tgid=1, start=0, count=0)
@example(node="\udcff", tgid=1, start=0, count=0)
def test_parse_is_the_inverse(node: str, tgid: int, start: int, count: int):
    try:
        node.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return  # no operating system gives a name that holds half of a pair
    # Bytes that form text after all come back as that text.
    named = node.encode(errors="surrogateescape").decode(errors="surrogateescape")
    assert parse(ExecIds(node).of(tgid, start, count)) == ExecId(named, start + count, tgid)


@given(st.text(max_size=200) | st.binary(max_size=60).map(repr))
@example("bm9kZTotMToy")  # node:-1:2
@example("bm9kZToxOg==")  # node:1:
@example("bm9kZToxOjI")  # no padding
@example("")
@example("é")
def test_anything_else_is_refused(garbage: str):
    try:
        parts = parse(garbage)
    except ValueError as error:
        assert "node:ktime:pid" in str(error)  # noqa: PT017 - most of the examples end here
    else:
        assert ExecIds(parts.node).of(parts.pid, parts.ktime_ns, 0)


def test_number_without_end_is_refused():
    with pytest.raises(ValueError, match="node:ktime:pid"):
        parse(b2a_base64(b"n:" + b"9" * 10_000 + b":1", newline=False).decode())
