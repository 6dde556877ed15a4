from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.settings import kinds, values
from osmia_api.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True"])
def test_true_spellings(text: str) -> None:
    assert values.parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False"])
def test_false_spellings(text: str) -> None:
    assert values.parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "yes", "no", "on", "tRUE", " true"])
def test_other_spellings_of_booleans_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        values.parse_bool(text)


@given(st.timedeltas(timedelta(0), timedelta(days=9)))
def test_shown_duration_is_read_back(duration: timedelta) -> None:
    whole = timedelta(seconds=int(duration.total_seconds()))
    assert parse_duration(kinds.show_duration(whole)) == whole


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("4096", 4096), ("512K", 524288), ("4M", 4194304), ("1G", 1 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert values.parse_size(text) == size
    assert values.parse_size(kinds.show_size(size)) == size


@pytest.mark.parametrize("text", ["", "-1", "4 M", "4m", "4MB", "1.5G", "M"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        values.parse_size(text)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("600", 0o600),
        ("0640", 0o640),
        ("0o644", 0o644),
        ("0", 0o600),
        ("444", 0o644),
        ("666", 0o664),
        ("777", 0o664),
        ("4755", 0o644),
    ],
)
def test_permissions_never_lock_the_owner_out_nor_let_others_write(text: str, mode: int) -> None:
    assert values.parse_permissions(text) == mode


@pytest.mark.parametrize("text", ["", "rw", "8", "-600", "0x180", "6 00"])
def test_permissions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="octal"):
        values.parse_permissions(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":2112", ("", 2112)),
        ("localhost:2112", ("localhost", 2112)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:2112", ("::1", 2112)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
    ],
)
def test_listen_addresses(text: str, address: tuple[str, int]) -> None:
    assert values.parse_listen_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "2112", "localhost", "::1:80", ":65536", ":http", "a b:1", "[]:1"]
)
def test_listen_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        values.parse_listen_address(text)


def test_lists_drop_blanks_and_empty_words() -> None:
    assert values.parse_list(" a, b,,c ") == ("a", "b", "c")
    assert values.parse_list("") == ()


PARSERS = (
    values.parse_bool,
    values.parse_int,
    parse_duration,
    values.parse_size,
    values.parse_permissions,
    values.parse_listen_address,
)


@given(st.sampled_from(PARSERS), st.text())
def test_parsers_give_a_value_or_a_short_value_error(
    parse: Callable[[str], object], text: str
) -> None:
    complaint = ""
    try:
        parse(text)
    except ValueError as error:
        complaint = str(error)
    assert len(complaint) < 600
    assert "\n" not in complaint


def test_what_is_shown_is_short_and_on_one_line() -> None:
    assert values.shown("a\nb") == r"'a\nb'"
    assert len(values.shown("x" * 10_000)) < 100
