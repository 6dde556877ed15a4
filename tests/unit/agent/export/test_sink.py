from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.export.sink import whole_lines


@given(st.lists(st.binary(min_size=1, max_size=9)), st.integers(0, 99))
def test_whole_lines_are_all_that_fit(lines: list[bytes], size: int) -> None:
    count, total = whole_lines(lines, size)
    assert total == sum(map(len, lines[:count])) <= size
    assert count == len(lines) or total + len(lines[count]) > size
