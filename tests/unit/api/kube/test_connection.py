"""Finding server and credentials, and saying what is wrong with them."""

from __future__ import annotations

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from osmia_api.kube.connection import (
    Connection,
    ConnectionConfigError,
    find_connection,
    read_kubeconfig,
)

if TYPE_CHECKING:
    from pathlib import Path


def kubeconfig(directory: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    content = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.org:6443/", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path = directory / "config"
    path.write_text(yaml.safe_dump(content))
    return path


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_data_and_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("authority")
    user = {"client-certificate-data": encoded("mine"), "client-key-data": encoded("key")}
    path = kubeconfig(tmp_path, user, **{"certificate-authority": "ca.pem"})
    found = read_kubeconfig(path)
    assert (found.server, found.namespace) == ("https://example.org:6443", "ns")
    assert (found.ca_data, found.certificate, found.key) == ("authority", "mine", "key")
    assert "key" not in repr(found).replace("key=", "")


def test_tokens(tmp_path: Path) -> None:
    assert read_kubeconfig(kubeconfig(tmp_path, {"token": "t"})).token.get() == "t"
    file = tmp_path / "token"
    file.write_text("first\n")
    source = read_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"})).token
    assert source.get() == "first"
    file.write_text("second\n")
    assert source.get() == "first"
    source.refused()
    assert source.get() == "second"
    source.refused()
    file.unlink()
    with pytest.raises(ConnectionConfigError, match=r"token: .*No such file"):
        source.get()


def plugin(directory: Path, status: dict[str, Any]) -> dict[str, Any]:
    script = directory / "plugin"
    calls = directory / "calls"
    answer = json.dumps({"status": status})
    script.write_text(
        f"#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO $MORE $1\" >>{calls}\necho '{answer}'\n"
    )
    script.chmod(stat.S_IRWXU)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "args": ["argument"],
            "env": [{"name": "MORE", "value": "more"}],
        }
    }


def test_token_of_a_command(tmp_path: Path) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = plugin(tmp_path, {"token": "t", "expirationTimestamp": later})
    source = read_kubeconfig(kubeconfig(tmp_path, user)).token
    assert [source.get(), source.get()] == ["t", "t"]
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "ExecCredential" in call
    assert call.endswith("more argument")


def test_a_token_of_a_command_that_has_expired(tmp_path: Path) -> None:
    user = plugin(tmp_path, {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"})
    source = read_kubeconfig(kubeconfig(tmp_path, user)).token
    assert [source.get(), source.get()] == ["t", "t"]
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_command_that_gives_no_token(tmp_path: Path) -> None:
    source = read_kubeconfig(kubeconfig(tmp_path, plugin(tmp_path, {}))).token
    with pytest.raises(ConnectionConfigError, match=r"user\.exec: .*plugin gave no token"):
        source.get()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not valid YAML"),
        ("", "current-context: required, but absent"),
        ("current-context: x", 'contexts: there is none named "x"'),
        ("{current-context: x, contexts: [{name: x}]}", "clusters: there is none named null"),
    ],
)
def test_unusable_files(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConnectionConfigError) as caught:
        read_kubeconfig(path)
    assert str(caught.value).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("user", "cluster", "problem"),
    [
        ({}, {"server": "example.org"}, "cluster.server: must be a URL"),
        ({}, {"proxy-url": "http://p"}, "cluster.proxy-url: proxies are not supported"),
        ({}, {"certificate-authority-data": "%"}, "certificate-authority-data: must be base64"),
        ({"client-key": "none"}, {}, "client-key: "),
        ({"exec": {"command": "x"}}, {}, "user.exec: needs a command and apiVersion"),
    ],
)
def test_unusable_entries(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConnectionConfigError) as caught:
        read_kubeconfig(kubeconfig(tmp_path, user, **cluster))
    assert problem in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match=r"kubeconfig: .*No such file"):
        find_connection(str(tmp_path / "none"))


def test_in_a_pod(tmp_path: Path) -> None:
    for name, text in (("ca.crt", "authority"), ("namespace", "osmia\n"), ("token", "t\n")):
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = find_connection("", environment, tmp_path)
    assert (found.server, found.namespace) == ("https://[fd00::1]:6443", "osmia")
    assert found.token.get() == "t"
    with pytest.raises(ConnectionConfigError, match="service account of this Pod"):
        find_connection("", environment, tmp_path / "none")


def test_outside_a_pod(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    assert find_connection("", {"KUBECONFIG": f"{path}:/other"}).namespace == "ns"


def test_certificates_that_are_none() -> None:
    with pytest.raises(ConnectionConfigError, match="certificates of https://a"):
        Connection("https://a", ca_data="nonsense").ssl_context()
