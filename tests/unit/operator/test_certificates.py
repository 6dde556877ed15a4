"""Certificates of the webhook."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from osmia_operator.certificates import (
    VALID,
    CertificateError,
    build_secret,
    ensure_certificates,
    make_certificates,
    read_certificates,
)
from osmia_operator.webhook import load
from tests.unit.api.kube.http_server import Answer, Server

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def secret(host: str = "here", expires: datetime = NOW + VALID) -> dict[str, Any]:
    made = make_certificates(host, NOW)
    manifest = build_secret(made, "ns", "s", host, expires)
    manifest["metadata"]["resourceVersion"] = "1"
    return manifest


def ensured(*answers: Answer) -> tuple[bytes, list[str]]:
    server = Server(*answers)
    found = ensure_certificates(server.client(), "ns", "s", "here", NOW)
    server.close()
    return found.certificate, [request.method for request in server.requests]


@pytest.mark.parametrize("host", ["osmia.ns.svc", "127.0.0.1", "::1"])
def test_self_made(host: str) -> None:
    made = make_certificates(host, NOW)
    load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), made)
    certificate = x509.load_pem_x509_certificate(made.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert host in str(names.value)


def test_made_where_there_are_none() -> None:
    _, methods = ensured(Answer(404, {"reason": "NotFound"}), Answer(body={}))
    assert methods == ["GET", "POST"]


def test_used_where_there_are() -> None:
    existing = secret()
    certificate, methods = ensured(Answer(body=existing))
    assert methods == ["GET"]
    assert certificate == read_certificates(existing).certificate


@pytest.mark.parametrize(
    "existing", [secret(expires=NOW + timedelta(days=1)), secret("elsewhere"), secret()]
)
def test_made_anew_in_time(existing: dict[str, Any]) -> None:
    soon = existing["metadata"]["annotations"]["osmia.dev/expires"] < "2026-02"
    other = existing["metadata"]["annotations"]["osmia.dev/host"] != "here"
    _, methods = ensured(Answer(body=existing), Answer(body={}))
    assert methods == (["GET", "PUT"] if soon or other else ["GET"])


def test_those_of_others_are_never_changed() -> None:
    existing = secret("elsewhere")
    del existing["metadata"]["annotations"]
    assert ensured(Answer(body=existing))[1] == ["GET"]


def test_another_replica_was_faster() -> None:
    existing = secret()
    certificate, methods = ensured(
        Answer(404, {"reason": "NotFound"}),
        Answer(409, {"reason": "AlreadyExists"}),
        Answer(body=existing),
    )
    assert methods == ["GET", "POST", "GET"]
    assert certificate == read_certificates(existing).certificate


def test_unusable() -> None:
    with pytest.raises(CertificateError, match=r"Secret s: tls\.key missing in data"):
        read_certificates({"metadata": {"name": "s"}, "data": {"tls.crt": "YQ=="}})
    with pytest.raises(CertificateError, match="not base64"):
        read_certificates({"metadata": {"name": "s"}, "data": {"tls.crt": "%", "tls.key": "%"}})
    one, other = make_certificates("a", NOW), make_certificates("a", NOW)
    with pytest.raises(CertificateError, match="do not fit"):
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), one._replace(key=other.key))
