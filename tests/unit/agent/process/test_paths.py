from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.flags import flags_text
from osmia_agent.process.paths import absolute, clean, working_directory
from osmia_bpf.records import ExecFlag


@pytest.mark.parametrize(
    ("raw", "flags", "cwd", "shown"),
    [
        (b"/home/u", 0, "/home/u", ""),
        (b"/tmp/gone (deleted)", 0, "/tmp/gone (deleted)", ""),
        (b"/a b\xff\xff", 0, "/a b\ufffd", ""),
        (b"/", 0, "/", "rootcwd"),
        (b"", 0, "/", "rootcwd"),
        (b"/half", ExecFlag.CWD_TRUNCATED, "/", "rootcwd errorPathResolutionCwd"),
        (b"/x", ExecFlag.CWD_ERROR, "", "errorCWD"),
        (b"/x", ExecFlag.NO_CWD, "", "nocwd"),
        (b"/x", ExecFlag.NO_CWD | ExecFlag.CWD_ERROR, "", "nocwd"),
        (b"/x", ExecFlag.ARGUMENTS_ERROR, "/x", ""),
    ],
)
def test_working_directory(raw: bytes, flags: int, cwd: str, shown: str):
    path, bits = working_directory(raw, int(flags))
    assert (path, flags_text(bits)) == (cwd, shown)


@pytest.mark.parametrize(
    ("filename", "cwd", "binary"),
    [
        ("/usr/bin/ls", "/home", "/usr/bin/ls"),
        ("/usr/../bin//ls", "/home", "/usr/../bin//ls"),  # as given to execve
        ("./ls", "/home", "/home/ls"),
        ("../bin/./ls", "/home/u", "/home/bin/ls"),
        ("../../../ls", "/a", "/ls"),
        ("ls", "/", "/ls"),
        ("ls", "", "ls"),
        ("../ls", "", "../ls"),
        ("a/", "/home", "/home/a"),
        ("", "/home", ""),
        ("/dev/fd/3", "/", "/dev/fd/3"),
    ],
)
def test_absolute(filename: str, cwd: str, binary: str):
    assert absolute(filename, cwd) == binary


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", "."),
        (".", "."),
        ("/", "/"),
        ("//a", "/a"),
        ("/..", "/"),
        ("a/..", "."),
        ("../../a", "../../a"),
        ("a/../../b", "../b"),
        ("/a/b/../../..", "/"),
        ("...", "..."),
    ],
)
def test_clean(path: str, cleaned: str):
    assert clean(path) == cleaned


@given(st.lists(st.sampled_from(["/", ".", "..", "a", "b"]), max_size=12).map("".join))
def test_clean_is_stable_and_leaves_nothing_to_clean(path: str):
    cleaned = clean(path)
    assert clean(cleaned) == cleaned
    assert cleaned.startswith("/") == path.startswith("/")
    names = cleaned.strip("/").split("/")
    assert "" not in names or cleaned == "/"
    assert "." not in names or cleaned == "."
    if cleaned.startswith("/"):
        assert ".." not in names
