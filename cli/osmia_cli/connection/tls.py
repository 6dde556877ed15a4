"""TLS to an agent, from the options."""

from __future__ import annotations

import logging
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import grpc

if TYPE_CHECKING:
    from osmia_cli.connection.settings import ConnectionSettings

_log = logging.getLogger(__name__)

Options = list[tuple[str, Any]]


def tls_credentials(
    settings: ConnectionSettings, address: str
) -> tuple[grpc.ChannelCredentials, Options]:
    """Return credentials for an address of TCP, and the options of the channel that go with them.

    Raises ClickException for options that contradict each other, or files that cannot be used.
    """
    if bool(settings.tls_cert_file) != bool(settings.tls_key_file):
        raise click.ClickException("--tls-cert-file and --tls-key-file go together: give both")
    if settings.tls_skip_verify and settings.tls_ca_cert_files:
        raise click.ClickException("--tls-skip-verify excludes --tls-ca-cert-files: give one")
    _check_files(settings)
    if settings.tls_skip_verify:
        roots: bytes | None
        roots, name = _whatever_is_shown(settings, address)
    else:
        roots, name = _authorities(settings), settings.tls_server_name
    credentials = grpc.ssl_channel_credentials(
        root_certificates=roots,
        private_key=_read(settings.tls_key_file, "--tls-key-file"),
        certificate_chain=_read(settings.tls_cert_file, "--tls-cert-file"),
    )
    return credentials, [("grpc.ssl_target_name_override", name)] if name else []


def _check_files(settings: ConnectionSettings) -> None:
    """Raise ClickException for files that hold something else: gRPC tells that in a log alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in settings.tls_ca_cert_files:
        _read(path, "--tls-ca-cert-files")
        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            raise click.ClickException(
                f"--tls-ca-cert-files: {path}: no certificate in PEM is in it"
            ) from None
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if certificate and key:
        _read(certificate, "--tls-cert-file")
        _read(key, "--tls-key-file")
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "an encrypted key cannot be used"
            raise click.ClickException(
                f"--tls-cert-file {certificate}, --tls-key-file {key}: a certificate in PEM and"
                f" its key are needed: {str(reason).replace('_', ' ').lower()}"
            ) from None


def _authorities(settings: ConnectionSettings) -> bytes | None:
    """Return the certificates that are given, else the system's, else None: gRPC's own."""
    if settings.tls_ca_cert_files:
        parts = [_read(path, "--tls-ca-cert-files") or b"" for path in settings.tls_ca_cert_files]
        return b"\n".join(parts)
    system = ssl.get_default_verify_paths().cafile
    for path in filter(None, (system, "/etc/ssl/certs/ca-certificates.crt")):
        with suppress(OSError):
            return Path(path).read_bytes()
    return None


def _whatever_is_shown(settings: ConnectionSettings, address: str) -> tuple[bytes, str]:
    """Return the certificate that the agent shows, and a name that it holds.

    gRPC for Python always verifies. So this certificate alone is trusted, under its own name.
    """
    host, _, port = address.rpartition(":")
    place = (host.strip("[]"), int(port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    if settings.tls_cert_file and settings.tls_key_file:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    timeout_s = settings.timeout_s or None
    try:
        context.verify_mode = ssl.CERT_NONE
        shown = _shown_certificate(context, place, timeout_s)
        # A certificate is taken apart only once it is trusted.
        context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(shown))
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
        names = _names(context, place, timeout_s)
    except ssl.SSLCertVerificationError as error:
        message = f"{address}: even --tls-skip-verify needs a certificate in force: "
        raise click.ClickException(message + error.verify_message) from None
    except ssl.SSLError as error:
        reason = (error.reason or "no handshake").replace("_", " ").lower()
        raise click.ClickException(f"{address}: no TLS is spoken there: {reason}") from None
    except OSError as error:
        raise click.ClickException(f"{address}: {error.strerror or error}") from None
    _log.debug("%s shows a certificate for %s", address, ", ".join(names))
    if not names:
        raise click.ClickException(f"{address}: its certificate holds no name: give a CA file")
    return ssl.DER_cert_to_PEM_cert(shown).encode(), settings.tls_server_name or names[0]


def _shown_certificate(
    context: ssl.SSLContext, place: tuple[str, int], timeout_s: float | None
) -> bytes:
    import socket  # noqa: PLC0415 - only for this option

    with (
        socket.create_connection(place, timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=place[0]) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def _names(context: ssl.SSLContext, place: tuple[str, int], timeout_s: float | None) -> list[str]:
    import socket  # noqa: PLC0415 - only for this option

    with (
        socket.create_connection(place, timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=place[0]) as secured,
    ):
        fields: dict[str, Any] = secured.getpeercert() or {}
    alternatives = [str(name) for _, name in fields.get("subjectAltName", ())]
    subject = [
        value for part in fields.get("subject", ()) for key, value in part if key == "commonName"
    ]
    return [name.replace("*", "any") for name in alternatives or subject]


def _read(path: Path | None, option: str) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{option}: {path}: {error.strerror}") from None
