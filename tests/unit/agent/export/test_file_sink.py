from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmia_agent.export import FileSink
from tests.unit.agent.export.file_size_limit import SMALL_BYTES, small_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def line(number: int, size: int = 20) -> bytes:
    text = b'{"n":%d,"x":"' % number
    return text + b"x" * (size - len(text) - 3) + b'"}\n'


def numbers(content: bytes) -> list[int]:
    return [json.loads(text)["n"] for text in content.splitlines()]


def backups(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.name.startswith("x-"))


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "x.log"
    for first in (0, 3):
        with closing(FileSink(path)) as sink:
            assert sink.write([line(first), line(first + 1)]) == 2
            assert sink.write([line(first + 2)]) == 1
    assert numbers(path.read_bytes()) == [0, 1, 2, 3, 4, 5]


def test_permissions_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    before = os.umask(0o077)
    try:
        with closing(FileSink(path, permissions=0o664)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o664
    finally:
        os.umask(before)
    with closing(FileSink(path, permissions=0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        FileSink(tmp_path)


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        FileSink(tmp_path / "file" / "x.log")


def test_a_line_that_would_exceed_the_size_rotates_first(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with closing(FileSink(path, max_bytes=100, compress=False, max_backups=0)) as sink:
        assert sink.write([line(number) for number in range(12)]) == 12
    assert [numbers(old.read_bytes()) for old in backups(tmp_path)] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
    ]
    assert numbers(path.read_bytes()) == [10, 11]


def test_a_line_longer_than_the_file_may_be_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with closing(FileSink(path, max_bytes=100, compress=False, max_backups=0)) as sink:
        assert sink.write([line(0), line(1, 500), line(2)]) == 3
    assert [numbers(old.read_bytes()) for old in backups(tmp_path)] == [[0], [1]]
    assert numbers(path.read_bytes()) == [2]


def test_size_of_zero_is_a_hundred_megabytes(tmp_path: Path) -> None:
    with closing(FileSink(tmp_path / "x.log", max_bytes=0)) as sink:
        assert sink.write([line(0, 11_000_000), line(1)]) == 2
    assert backups(tmp_path) == []


def test_rotated_files_are_compressed_and_thinned_out(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with closing(FileSink(path, max_bytes=100, max_backups=2)) as sink:
        sink.write([line(number) for number in range(25)])
    kept = backups(tmp_path)
    assert [old.suffix for old in kept] == [".gz", ".gz"]
    assert [numbers(gzip.decompress(old.read_bytes())) for old in kept] == [
        [10, 11, 12, 13, 14],
        [15, 16, 17, 18, 19],
    ]
    assert all(stat.S_IMODE(old.stat().st_mode) == 0o600 for old in kept)


def test_interval_rotates_what_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("osmia_agent.export.file_sink.time.monotonic", lambda: now)
    interval = timedelta(seconds=60)
    with closing(FileSink(tmp_path / "x.log", interval=interval, compress=False)) as sink:
        sink.write([line(0)])
        sink.maintain()
        assert backups(tmp_path) == []
        now += 60
        sink.maintain()
        assert len(backups(tmp_path)) == 1
        now += 60
        sink.maintain()
        assert len(backups(tmp_path)) == 1
        sink.write([line(1)])
        now += 59
        sink.maintain()
        assert len(backups(tmp_path)) == 1
        now += 1
        sink.maintain()
        assert len(backups(tmp_path)) == 2


@pytest.mark.parametrize("mishap", ["deleted", "renamed", "replaced", "emptied"])
def test_a_file_that_someone_else_handles_is_followed(tmp_path: Path, mishap: str) -> None:
    path, moved = tmp_path / "x.log", tmp_path / "moved"
    with closing(FileSink(path, max_bytes=100)) as sink:
        sink.write([line(number) for number in range(4)])
        match mishap:
            case "deleted":
                path.unlink()
            case "renamed":
                path.rename(moved)
            case "replaced":
                (tmp_path / "other").write_bytes(line(7))
                (tmp_path / "other").rename(path)
            case "emptied":
                os.truncate(path, 0)
        assert sink.write([line(8), line(9)]) == 2
    assert numbers(path.read_bytes()) == ([7, 8, 9] if mishap == "replaced" else [8, 9])
    assert backups(tmp_path) == []
    if mishap == "renamed":
        assert numbers(moved.read_bytes()) == [0, 1, 2, 3]


def test_a_directory_that_someone_deletes_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "d" / "x.log"
    with closing(FileSink(path)) as sink:
        sink.write([line(0)])
        path.unlink()
        path.parent.rmdir()
        assert sink.write([line(1)]) == 1
    assert numbers(path.read_bytes()) == [1]


def test_a_torn_line_of_a_killed_agent_does_not_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(line(0) + line(1)[:-7])
    with closing(FileSink(path)) as sink:
        sink.write([line(2)])
    assert numbers(path.read_bytes()) == [0, 2]
    assert "the last line was not complete and has been cut off" in caplog.text


def test_no_torn_line_when_the_disk_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.log"
    fitting = SMALL_BYTES // 100
    lines = [line(number, 100) for number in range(fitting + 20)]
    with small_files(), closing(FileSink(path)) as sink:
        assert sink.write(lines) == fitting
        assert sink.write(lines) == 0
        assert numbers(path.read_bytes()) == list(range(fitting))
        os.truncate(path, 0)
        assert sink.write([line(7)]) == 1
    assert numbers(path.read_bytes()) == [7]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_torn_line_that_cannot_be_cut_off_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    path = tmp_path / "x.log"
    with small_files(), closing(FileSink(path)) as sink:
        monkeypatch.setattr("osmia_agent.export.file_sink.os.ftruncate", fail)
        assert sink.write([line(0, SMALL_BYTES - 10), line(1, 100)]) == 1
        torn = path.read_bytes()
        assert not torn.endswith(b"\n")
        os.truncate(path, SMALL_BYTES - 5)
        assert sink.write([b"{}\n"]) == 1
    assert path.read_bytes().endswith(b"\n{}\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_counts_and_goes_on_when_there_is_space(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = small_disk / "x.log"
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (40 << 10))
    with closing(FileSink(path, compress=False)) as sink:
        written = [
            sink.write([line(10 * batch + n, 100) for n in range(10)]) for batch in range(60)
        ]
        assert 0 < sum(written) < 600
        assert written[-1] == 0
        lost_from = sum(written)
        filler.unlink()
        assert sink.write([line(1000)]) == 1
    assert numbers(path.read_bytes()) == [*range(lost_from), 1000]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "No space left on device" in caplog.messages[0]


def test_a_rotation_that_fails_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    path = tmp_path / "x.log"
    with closing(FileSink(path, max_bytes=100)) as sink:
        monkeypatch.setattr("osmia_agent.export.file_sink.Path.rename", fail)
        assert sink.write([line(number) for number in range(12)]) == 12
    assert numbers(path.read_bytes()) == list(range(12))
    assert backups(tmp_path) == []
    assert "cannot rotate" in caplog.text


def test_devices_and_pipes_are_not_rotated(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with closing(FileSink(path, max_bytes=10)) as sink:
        assert sink.write([line(0), line(1)]) == 2
        assert numbers(os.read(reader, 1000)) == [0, 1]
    os.close(reader)
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_without_reader_is_an_error_not_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        FileSink(tmp_path / "pipe")


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_symbolic_link_keeps_leading_to_the_file(tmp_path: Path, is_dangling: bool) -> None:
    target = tmp_path / "x.log"
    if not is_dangling:
        target.touch()
    link = tmp_path / "link"
    link.symlink_to(target)
    with closing(FileSink(link, max_bytes=30, compress=False)) as sink:
        sink.write([line(0), line(1)])
    assert numbers(link.read_bytes()) == [1]
    assert len(backups(tmp_path)) == 1


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(18, 90), max_size=8), max_size=8),
    max_bytes=st.integers(1, 200),
)
def test_every_line_is_in_exactly_one_file_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]], max_bytes: int
) -> None:
    directory = tmp_path_factory.mktemp("files")
    count = 0
    sink = FileSink(directory / "x.log", max_bytes=max_bytes, compress=False, max_backups=0)
    with closing(sink):
        for batch in sizes:
            lines = [line(count + place, size) for place, size in enumerate(batch)]
            count += len(lines)
            assert sink.write(lines) == len(lines)
    files = [*backups(directory), directory / "x.log"]
    contents = [path.read_bytes() for path in files]
    assert numbers(b"".join(contents)) == list(range(count))
    assert all(len(text) <= max_bytes or text.count(b"\n") == 1 for text in contents)
