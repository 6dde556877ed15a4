from __future__ import annotations

from osmia_events.decode_error import DecodeError


def test_the_text_names_the_place_if_there_is_one() -> None:
    error = DecodeError("a string is needed, not null", "process_exec.process.cwd")

    assert str(error) == "process_exec.process.cwd: a string is needed, not null"
    assert (error.path, error.reason) == (
        "process_exec.process.cwd",
        "a string is needed, not null",
    )
    assert str(DecodeError("not valid UTF-8")) == "not valid UTF-8"
