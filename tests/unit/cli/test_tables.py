from __future__ import annotations

from osmia_cli.tables import align, to_json


def test_columns_begin_where_the_widest_cell_lets_them() -> None:
    assert align([("A", "B"), ("long", "x"), ("", "y")]) == ["A      B", "long   x", "       y"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert align([("a\x1b[31mb", "\u202e")]) == ["a\\x1b[31mb   \\u202e"]


def test_no_rows() -> None:
    assert align([]) == []


def test_json_is_one_line() -> None:
    assert to_json({"a": ["ü", 1]}) == '{"a":["ü",1]}'
