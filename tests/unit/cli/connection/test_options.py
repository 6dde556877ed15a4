from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from osmia_cli.connection.options import (
    add_connection_options,
    connection_options,
    connection_settings,
)
from osmia_cli.connection.settings import ConnectionSettings

if TYPE_CHECKING:
    from pathlib import Path


def settings_of(*arguments: str) -> ConnectionSettings:
    """Run `arguments` of a program with one command and a group of another."""
    seen = []

    @click.group(params=connection_options())
    def program() -> None: ...

    @program.command("list")
    @click.pass_context
    def list_(context: click.Context) -> None:
        seen.append(connection_settings(context))

    @program.group()
    def policy() -> None: ...

    policy.add_command(list_)
    add_connection_options(list_)
    add_connection_options(policy)
    result = CliRunner().invoke(program, arguments)
    if result.exit_code:
        raise click.ClickException(result.output)
    return seen[0]


def test_defaults_are_the_contracts() -> None:
    assert settings_of("list") == ConnectionSettings(
        server_address="", timeout_s=30.0, retries=1, max_recv_size=10_485_760
    )
    assert not settings_of("list").wants_tls


def test_they_stand_before_and_behind_the_command() -> None:
    settings = settings_of(
        *("--server-address", "a:1", "--timeout", "3s", "--tls-skip-verify", "policy"),
        *("list", "--server-address=b:2", "--retries=0"),
    )
    assert settings == ConnectionSettings(
        server_address="b:2", timeout_s=3.0, retries=0, tls_skip_verify=True
    )
    assert settings.wants_tls


def test_files_of_authorities_are_a_list(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a", "b", "c")]
    for file in files:
        file.touch()
    first, second = f"{files[0]},{files[1]}", str(files[2])
    settings = settings_of("list", "--tls-ca-cert-files", first, "--tls-ca-cert-files", second)
    assert settings.tls_ca_cert_files == tuple(files)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["list", "--timeout", "3"], "'3' is not a duration like 30s"),
        (["list", "--timeout=-3s"], "'-3s' is negative"),
        (["list", "--max-recv-size", "0"], "0 is not in the range x>=1"),
        (["--tls-cert-file", "/nowhere/x.pem", "list"], "'/nowhere/x.pem' does not exist"),
        (["--tls-ca-cert-files", "/nowhere/x.pem", "list"], "'/nowhere/x.pem' does not exist"),
    ],
)
def test_mistakes_name_the_option(arguments: list[str], complaint: str) -> None:
    with pytest.raises(click.ClickException) as error:
        settings_of(*arguments)
    assert complaint in str(error.value)


def test_they_may_be_environment_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = tmp_path / "ca"
    authority.touch()
    monkeypatch.setenv("OSMIA_CLI_SERVER_ADDRESS", "a:1")
    monkeypatch.setenv("OSMIA_CLI_RETRIES", "3")
    monkeypatch.setenv("OSMIA_CLI_TLS_CA_CERT_FILES", str(authority))
    monkeypatch.setenv("OSMIA_SERVER_ADDRESS", "the agent's own")
    expected = {"retries": 3, "tls_ca_cert_files": (authority,)}
    assert settings_of("list") == ConnectionSettings(server_address="a:1", **expected)
    # What is typed wins, wherever it stands.
    typed = ConnectionSettings(server_address="b:2", **expected)
    assert settings_of("--server-address", "b:2", "list") == typed
    assert settings_of("list", "--server-address", "b:2") == typed
    monkeypatch.setenv("OSMIA_CLI_RETRIES", "many")
    with pytest.raises(click.ClickException, match="'many' is not a valid integer"):
        settings_of("list")
