"""Certificates for tests, made by openssl."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Pair(NamedTuple):
    """Files of a certificate and its key."""

    certificate: Path
    key: Path

    @property
    def texts(self) -> tuple[bytes, bytes]:
        """Key and certificate, as gRPC takes them."""
        return self.key.read_bytes(), self.certificate.read_bytes()


def self_signed(directory: Path, name: str, *, days: int = 1) -> Pair:
    """Make a certificate for `name` that is its own authority."""
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", str(days), "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(pair.key), "-out", str(pair.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return pair
