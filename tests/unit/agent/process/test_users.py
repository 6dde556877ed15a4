from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from osmia_agent.process.users import UserNames

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def name(users: UserNames, uid: int) -> str | None:
    user = users.get(uid)
    return user.name if user else None


def test_lines_good_and_broken(tmp_path: Path):
    passwd = tmp_path / "passwd"
    passwd.write_bytes(
        b"root:x:0:0:root:/root:/bin/sh\n"
        b"toor:x:0:0::/root:/bin/sh\n"
        b"\n"
        b"# a comment\n"
        b"cut:x\n"
        b"word:x:one:1::/:\n"
        b":x:5:5::/:\n"
        b"+::::::\n"
        b"huge:x:" + b"9" * 5000 + b":1::/:\n"
        b"minus:x:-1:1::/:\n"
        b"bad\xff\xfe:x:7:7::/:\n"
        b"last:x:65534:65534::/:/bin/false"
    )
    users = UserNames(passwd)
    assert name(users, 0) == "root"
    assert name(users, 5) is None
    assert name(users, 7) == "bad\ufffd"
    assert name(users, 65534) == "last"
    assert name(users, 1) is None


def test_follows_changes(tmp_path: Path):
    passwd = tmp_path / "passwd"
    passwd.write_text("alice:x:1000:1000::/:\n")
    users = UserNames(passwd)
    (tmp_path / "new").write_text("bob:x:1000:1000::/:\n")
    (tmp_path / "new").rename(passwd)
    assert name(users, 1000) == "alice"
    users.refresh()
    assert name(users, 1000) == "bob"


def test_file_that_goes_away_leaves_the_names(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    passwd = tmp_path / "passwd"
    passwd.write_text("alice:x:1000:1000::/:\n")
    users = UserNames(passwd)
    passwd.unlink()
    with caplog.at_level(logging.WARNING):
        users.refresh()
        users.refresh()
    assert name(users, 1000) == "alice"
    assert [record.getMessage() for record in caplog.records] == [
        f"user names: {passwd}: No such file or directory"
    ]
    passwd.write_text("carol:x:1000:1000::/:\n")
    users.refresh()
    assert name(users, 1000) == "carol"


def test_no_file(tmp_path: Path):
    assert UserNames(tmp_path / "none").get(0) is None
