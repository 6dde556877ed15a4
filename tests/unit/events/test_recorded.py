from __future__ import annotations

import pytest

from osmia_events.decode_error import DecodeError
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.recorded import read_events

EVENT = Event(body=ProcessExec(process=Process(pid=1)))


def test_lines_objects_and_events_are_events() -> None:
    line = '{"process_exec": {"process": {"pid": 1}}}'
    body = {"processExec": {"process": {"pid": 1}}}
    assert list(read_events([line, b"", line.encode(), " \n", body, EVENT])) == [EVENT] * 4


def test_an_error_names_the_line() -> None:
    with pytest.raises(DecodeError, match=r"^line 2: "):
        list(read_events(["{}", "{"]))
