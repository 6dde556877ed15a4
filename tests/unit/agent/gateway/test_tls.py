from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_agent.gateway.setup import TlsFiles
from osmia_agent.gateway.tls import CertificateReloader
from tests.server.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("one")


def put(folder: Path, key: bytes, certificate: bytes, authority: bytes) -> TlsFiles:
    paths = [folder / name for name in ("tls.crt", "tls.key", "ca.crt")]
    for path, content in zip(paths, (certificate, key, authority), strict=True):
        path.write_bytes(content)
    crt, key_path, ca = map(str, paths)
    return TlsFiles(crt, key_path, (ca,), requires_client=True)


def test_only_a_change_is_told_and_only_once(tmp_path: Path, authority: Authority) -> None:
    reloader = CertificateReloader(put(tmp_path, *authority.issue("a"), authority.pem))
    assert reloader._changed() is None
    put(tmp_path, *authority.issue("b"), authority.pem)
    assert reloader._changed() is not None
    assert reloader._changed() is None


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "ca.crt"])
def test_what_cannot_be_used_is_not_taken_and_told_once(
    tmp_path: Path, authority: Authority, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = put(tmp_path, *authority.issue("a"), authority.pem)
    reloader = CertificateReloader(files)
    good = (tmp_path / broken).read_bytes()
    (tmp_path / broken).write_text("this is none")
    for _ in range(3):
        assert reloader._changed() is None
    (message,) = [each.message for each in caplog.records]
    assert message.startswith("new certificates are not used: ")
    assert broken in message
    (tmp_path / broken).unlink()
    assert reloader._changed() is None
    (tmp_path / broken).write_bytes(good)
    assert reloader._changed() is not None


def test_files_that_do_not_fit_together_or_are_not_there_are_told(
    tmp_path: Path, authority: Authority
) -> None:
    files = put(tmp_path, authority.issue("a")[0], authority.issue("b")[1], authority.pem)
    with pytest.raises(ValueError, match=r"tls\.crt and .*tls\.key: KEY_VALUES_MISMATCH"):
        CertificateReloader(files)
    (tmp_path / "tls.key").unlink()
    with pytest.raises(FileNotFoundError):
        CertificateReloader(files)
