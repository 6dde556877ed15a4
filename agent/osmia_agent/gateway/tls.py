"""TLS of the API's port: certificates come from files, and are read anew when these change."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_agent.gateway.setup import TlsFiles

_log = logging.getLogger(__name__)

_Fingerprint = tuple[tuple[int, int, int], ...]


class CertificateReloader:
    """Gives gRPC its credentials, and new certificates at the first handshake after a change.

    New files that do not fit together (a key without its certificate, for a moment) are not taken:
    the ones before stay in use.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises OSError or ValueError if they cannot be used."""
        self._files = files
        self._seen = _fingerprint(files)
        self._current = _configuration(files)
        self._is_troubled = False

    def credentials(self) -> Any:
        """Return credentials for a port."""
        return grpc.dynamic_ssl_server_credentials(
            self._current,
            self._changed,
            require_client_authentication=self._files.requires_client,
        )

    def _changed(self) -> Any:
        """Return a new configuration, or None while nothing has changed; for any thread."""
        try:
            seen = _fingerprint(self._files)
            if seen == self._seen:
                return None
            configuration = _configuration(self._files)
            if _fingerprint(self._files) != seen:
                return None  # they are being written at this moment
        except (OSError, ValueError) as error:
            if not self._is_troubled:
                _log.warning("new certificates are not used: %s", error)
            self._is_troubled = True
            return None
        self._seen, self._current, self._is_troubled = seen, configuration, False
        _log.info("certificates of the gRPC API were read anew")
        return configuration


def _fingerprint(files: TlsFiles) -> _Fingerprint:
    stats = [path.stat() for path in _all(files)]
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in stats)


def _all(files: TlsFiles) -> Sequence[Path]:
    return [Path(each) for each in (files.certificate, files.key, *files.client_authorities)]


def _configuration(files: TlsFiles) -> Any:
    # gRPC takes anything, and then fails at each handshake.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ValueError(f"{files.certificate} and {files.key}: {reason}") from None
    authorities = [Path(each) for each in files.client_authorities]
    for path in authorities:
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as error:
            raise ValueError(f"{path}: {error.reason}") from None
    roots = b"\n".join(path.read_bytes() for path in authorities)
    return grpc.ssl_server_certificate_configuration(
        [(Path(files.key).read_bytes(), Path(files.certificate).read_bytes())], roots or None
    )
