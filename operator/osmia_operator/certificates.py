"""Certificates of the webhook: those in a Secret, as cert-manager writes them, or self-made ones.

Self-made ones are kept in the same Secret, so that all replicas of the operator serve with them,
and are made anew some time before they expire. A Secret that somebody else has written is never
changed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.kube.client import KubeClient

EXPIRY_ANNOTATION = "osmia.dev/expires"
"""On self-made certificates: when they end."""
HOST_ANNOTATION = "osmia.dev/host"
VALID = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


class CertificateError(ValueError):
    """A Secret without usable certificates; the message names it and what is missing."""


class Certificates(NamedTuple):
    """What a server needs, in PEM."""

    certificate: bytes
    key: bytes
    ca: bytes
    """What a client has to trust."""


def make_certificates(host: str, now: datetime) -> Certificates:
    """Make a certificate for a host, name or address, that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "osmia-operator webhook")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of machines differ
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Certificates(pem, key_pem, pem)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def ensure_certificates(
    client: KubeClient, namespace: str, secret: str, host: str, now: datetime
) -> Certificates:
    """Read the Secret; make certificates where there is none, or self-made ones are of no more use.

    Raises ApiError and CertificateError.
    """
    try:
        existing = client.get(SECRETS, secret, namespace)
    except ApiError as error:
        if not error.is_not_found:
            raise
        existing = None
    if existing is not None and not _is_to_be_renewed(existing, host, now):
        return read_certificates(existing)
    made = make_certificates(host, now)
    manifest = build_secret(made, namespace, secret, host, now + VALID)
    try:
        if existing is None:
            client.create(SECRETS, manifest, namespace)
        else:
            manifest["metadata"]["resourceVersion"] = existing["metadata"]["resourceVersion"]
            client.replace(SECRETS, manifest, namespace)
    except ApiError as error:
        if not error.is_conflict:
            raise
        return read_certificates(client.get(SECRETS, secret, namespace))  # another was faster
    return made


def read_certificates(secret: Mapping[str, Any]) -> Certificates:
    """Take certificates out of a Secret. Raises CertificateError."""
    name, data = secret["metadata"]["name"], secret.get("data") or {}
    missing = [each for each in ("tls.crt", "tls.key") if not data.get(each)]
    if missing:
        raise CertificateError(f"Secret {name}: {' and '.join(missing)} missing in data")
    try:
        certificate, key, ca = (
            base64.b64decode(data.get(each) or "", validate=True)
            for each in ("tls.crt", "tls.key", "ca.crt")
        )
    except binascii.Error:
        raise CertificateError(f"Secret {name}: data is not base64") from None
    return Certificates(certificate, key, ca or certificate)


def build_secret(
    made: Certificates, namespace: str, name: str, host: str, expires: datetime
) -> dict[str, Any]:
    """Build the Secret that keeps self-made certificates."""
    content = {"tls.crt": made.certificate, "tls.key": made.key, "ca.crt": made.ca}
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {EXPIRY_ANNOTATION: expires.isoformat(), HOST_ANNOTATION: host},
        },
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in content.items()},
    }


def _is_to_be_renewed(secret: Mapping[str, Any], host: str, now: datetime) -> bool:
    annotations = secret["metadata"].get("annotations") or {}
    expiry = annotations.get(EXPIRY_ANNOTATION)
    if expiry is None:
        return False
    try:
        ends = datetime.fromisoformat(expiry).astimezone(UTC)
    except ValueError:
        return True
    return ends - now < RENEW_BEFORE or annotations.get(HOST_ANNOTATION) != host
