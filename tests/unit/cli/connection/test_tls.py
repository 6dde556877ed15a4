from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import grpc
import pytest

from osmia_cli.connection.client import Client
from osmia_cli.connection.settings import ConnectionSettings
from tests.unit.cli.agent_server import AgentServer
from tests.unit.cli.connection.certificates import Pair, self_signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def server_pair(directory: Path) -> Pair:
    return self_signed(directory, "agent.example")


@pytest.fixture(scope="module")
def client_pair(directory: Path) -> Pair:
    return self_signed(directory, "client.example")


@pytest.fixture(scope="module")
def secured(server_pair: Pair) -> Iterator[AgentServer]:
    credentials = grpc.ssl_server_credentials([server_pair.texts])
    with AgentServer("localhost:0", credentials) as server:
        server.answers["GetVersion"] = {"version": "v1"}
        yield server


def version(server: AgentServer, **settings: Any) -> str:
    given = ConnectionSettings(server_address=server.address, timeout_s=20.0, retries=0, **settings)
    with Client(given) as client:
        answer: str = client.call("GetVersion", "get version").version
        return answer


def test_a_known_authority_and_name(secured: AgentServer, server_pair: Pair) -> None:
    ca = (server_pair.certificate,)
    assert version(secured, tls_ca_cert_files=ca, tls_server_name="agent.example") == "v1"


def test_another_name_is_refused(secured: AgentServer, server_pair: Pair) -> None:
    with pytest.raises(click.ClickException, match="no agent answers"):
        version(secured, tls_ca_cert_files=(server_pair.certificate,))


def test_another_authority_is_refused(secured: AgentServer, client_pair: Pair) -> None:
    with pytest.raises(click.ClickException, match="no agent answers"):
        version(
            secured,
            tls_ca_cert_files=(client_pair.certificate,),
            tls_server_name="agent.example",
        )


def test_any_certificate_is_taken_if_asked_for(secured: AgentServer) -> None:
    assert version(secured, tls_skip_verify=True) == "v1"


def test_several_authorities(secured: AgentServer, server_pair: Pair, client_pair: Pair) -> None:
    files = (client_pair.certificate, server_pair.certificate)
    assert version(secured, tls_ca_cert_files=files, tls_server_name="agent.example") == "v1"


@pytest.mark.parametrize("skip_verify", [False, True])
def test_a_client_shows_its_certificate(
    server_pair: Pair, client_pair: Pair, skip_verify: bool
) -> None:
    credentials = grpc.ssl_server_credentials(
        [server_pair.texts], client_pair.certificate.read_bytes(), require_client_auth=True
    )
    trust: dict[str, Any] = {"tls_skip_verify": True}
    if not skip_verify:
        trust = {
            "tls_ca_cert_files": (server_pair.certificate,),
            "tls_server_name": "agent.example",
        }
    own = {"tls_cert_file": client_pair.certificate, "tls_key_file": client_pair.key}
    with AgentServer("localhost:0", credentials) as server:
        server.answers["GetVersion"] = {"version": "v2"}
        assert version(server, **trust, **own) == "v2"
        with pytest.raises(click.ClickException, match="no agent answers"):
            version(server, **trust)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["tls_cert_file"], "--tls-cert-file and --tls-key-file go together"),
        (["tls_skip_verify", "tls_ca_cert_files"], "--tls-skip-verify excludes"),
    ],
)
def test_options_that_contradict_each_other(
    secured: AgentServer, server_pair: Pair, options: list[str], complaint: str
) -> None:
    values = {
        "tls_cert_file": server_pair.certificate,
        "tls_ca_cert_files": (server_pair.certificate,),
        "tls_skip_verify": True,
    }
    with pytest.raises(click.ClickException, match=complaint):
        version(secured, **{option: values[option] for option in options})


def test_a_local_socket_has_no_tls(tmp_path: Path) -> None:
    settings = ConnectionSettings(server_address=f"unix://{tmp_path}/s", tls_skip_verify=True)
    with pytest.raises(click.ClickException, match="local socket, without TLS"):
        Client(settings)


def test_nobody_there_to_show_a_certificate() -> None:
    settings = ConnectionSettings(server_address="localhost:1", tls_skip_verify=True)
    with pytest.raises(click.ClickException, match="localhost:1: Connection refused"):
        Client(settings)


def test_files_that_hold_something_else_are_named(
    tmp_path: Path, server_pair: Pair, client_pair: Pair
) -> None:
    other = tmp_path / "policy.yaml"
    other.write_text("spec: {}\n")
    refused = AgentServer("localhost:1")
    with pytest.raises(click.ClickException, match=r"^--tls-ca-cert-files: .*policy.yaml: no cert"):
        version(refused, tls_ca_cert_files=(server_pair.certificate, other))
    for certificate, key in (
        (other, server_pair.key),
        (server_pair.certificate, other),
        (server_pair.certificate, client_pair.key),
    ):
        with pytest.raises(click.ClickException, match="a certificate in PEM and its key are need"):
            version(refused, tls_cert_file=certificate, tls_key_file=key)


def test_certificates_are_asked_for_where_no_tls_is_spoken() -> None:
    with AgentServer("localhost:0") as plain, pytest.raises(click.ClickException) as error:
        version(plain, tls_skip_verify=True)
    assert str(error.value).startswith(f"{plain.address}: no TLS is spoken there: ")
