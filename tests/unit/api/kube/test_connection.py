"""Finding server and credentials, and saying what is wrong with them."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes.config.incluster_config import InClusterConfigLoader

from osmia_api.kube import connection
from osmia_api.kube.connection import ConnectionConfigError, find_connection

if TYPE_CHECKING:
    from osmia_api.kube.connection import Connection


def kubeconfig(directory: Path, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    here = {"cluster": "c", "user": "u", "namespace": "ns"}
    content = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": here},
            {"name": "there", "context": {**here, "namespace": "elsewhere"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.org:6443/", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path = directory / "config"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def authorization(found: Connection) -> str | None:
    return found.configuration.get_api_key_with_prefix("BearerToken")


def test_data_and_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("authority")
    user = {"client-certificate-data": encoded("mine"), "client-key-data": encoded("key")}
    found = find_connection(kubeconfig(tmp_path, user, **{"certificate-authority": "ca.pem"}))
    configuration = found.configuration
    assert (configuration.host, found.namespace) == ("https://example.org:6443", "ns")
    files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    assert [Path(file or "").read_text() for file in files] == ["authority", "mine", "key"]
    assert configuration.retries is False
    assert repr(found) == "Connection(namespace='ns')"


def test_another_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    assert find_connection(path, "there").namespace == "elsewhere"
    with pytest.raises(ConnectionConfigError, match=r"object with name nowhere in .*contexts"):
        find_connection(path, "nowhere")


def test_tokens_are_read_again_when_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    found = find_connection(kubeconfig(tmp_path, {"tokenFile": "token"}))
    assert authorization(found) == "Bearer first"
    file.write_text("second")
    found.renew()
    assert authorization(found) == "Bearer second"
    file.unlink()
    with pytest.raises(ConnectionConfigError, match=r"No such file"):
        found.renew()


def test_token_of_a_command(tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t"},
    }
    script.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    script.chmod(stat.S_IRWXU)
    user = {"exec": {"apiVersion": answer["apiVersion"], "command": str(script)}}
    assert authorization(find_connection(kubeconfig(tmp_path, user))) == "Bearer t"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not valid YAML"),
        ("", "file is empty"),
        ("contexts: []", "Expected key current-context"),
        ("{current-context: x, contexts: [], users: []}", "object with name x in"),
        ("{current-context: x, contexts: 7}", "not the structure of a kubeconfig"),
        ("[]", "not the structure of a kubeconfig"),
    ],
)
def test_unusable_files(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConnectionConfigError) as caught:
        find_connection(str(path))
    assert str(caught.value).startswith(f"kubeconfig {path}: ")
    assert problem in str(caught.value)


def test_secrets_stay_out_of_messages(tmp_path: Path) -> None:
    # The library names an entry by its whole content.
    user = {"auth-provider": {"name": "oidc", "config": {"client-secret": "hidden"}}}
    with pytest.raises(ConnectionConfigError, match="id-token") as caught:
        find_connection(kubeconfig(tmp_path, user))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ({"certificate-authority-data": "abc"}, "base64 of PEM"),
        ({"certificate-authority": "none"}, "File does not exist"),
    ],
)
def test_unusable_entries(tmp_path: Path, cluster: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConnectionConfigError, match=problem):
        find_connection(kubeconfig(tmp_path, {}, **cluster))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match=r"kubeconfig .*/none: .*No configuration"):
        find_connection(str(tmp_path / "none"))


def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    with pytest.raises(ConnectionConfigError, match="service account of this Pod"):
        find_connection("", "", environment)
    for name, text in (("ca.crt", "authority"), ("namespace", "osmia\n"), ("token", "t")):
        (tmp_path / name).write_text(text)

    def load(configuration: Any) -> None:
        InClusterConfigLoader(
            str(tmp_path / "token"), str(tmp_path / "ca.crt"), environ=environment
        ).load_and_set(configuration)

    monkeypatch.setattr(connection, "load_incluster_config", load)
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    found = find_connection("", "", environment)
    assert (found.configuration.host, found.namespace) == ("https://[fd00::1]:6443", "osmia")
    assert authorization(found) == "bearer t"
