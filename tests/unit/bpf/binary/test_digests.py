"""A file has the digests that it has, in any spelling."""

import hashlib

import pytest

from osmia_bpf.binary.digests import has_one_of


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    return file


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_digests(path, algorithm):
    right = f"{algorithm}:{hashlib.new(algorithm, b'content').hexdigest()}"
    wrong = f"{algorithm}:{hashlib.new(algorithm, b'other').hexdigest()}"
    assert has_one_of(path, [wrong, right.upper()])
    assert not has_one_of(path, [wrong])


def test_a_file_without_build_id(path):
    assert not has_one_of(path, ["build-id:00ff"])


def test_a_file_that_is_not_there(path):
    with pytest.raises(FileNotFoundError):
        has_one_of(path.parent / "no", ["sha1:00"])
