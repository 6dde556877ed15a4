"""Where the API server is, and as whom to speak to it."""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_TOKEN_FILE_AGE_S = 60.0
_EXEC_TIMEOUT_S = 60.0
_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class ConnectionConfigError(ValueError):
    """Server or credentials cannot be found; the message names the file and the place in it."""


class TokenSource:
    """A bearer token that never changes; subclasses renew theirs."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def get(self) -> str:
        """Return the token, empty if there is none."""
        return self._token

    def refused(self) -> None:
        """Note that the server did not take the token."""


class FileToken(TokenSource):
    """A token in a file that Kubernetes rewrites before it expires; read once a minute."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._read_at_s = 0.0

    def get(self) -> str:
        """Return the token. Raises ConnectionConfigError if there is none to be read."""
        now_s = time.monotonic()
        if not self._token or now_s - self._read_at_s > _TOKEN_FILE_AGE_S:
            try:
                self._token = self._path.read_text().strip()
            except OSError as error:
                raise ConnectionConfigError(f"token: {error}") from None
            self._read_at_s = now_s
        return self._token

    def refused(self) -> None:
        """Read the file anew next time."""
        self._token = ""


class CommandToken(TokenSource):
    """A token that a command of the kubeconfig prints (an exec plugin)."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], version: str
    ) -> None:
        super().__init__()
        self._command = command
        self._environment = environment
        self._version = version
        self._expires_at = datetime.max.replace(tzinfo=UTC)

    def get(self) -> str:
        """Return the token, running the command if there is no valid one."""
        if not self._token or datetime.now(UTC) >= self._expires_at:
            self._run()
        return self._token

    def refused(self) -> None:
        """Run the command again next time."""
        self._token = ""

    def _run(self) -> None:
        name = self._command[0]
        info = {"apiVersion": self._version, "kind": "ExecCredential", "spec": {}}
        environment = {
            **os.environ,
            "KUBERNETES_EXEC_INFO": json.dumps(info),
            **self._environment,
        }
        try:
            # The kubeconfig names the command, as it does for kubectl; there is no shell.
            done = subprocess.run(  # noqa: S603 - the command is the kubeconfig's own
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                timeout=_EXEC_TIMEOUT_S,
                check=True,
            )
            status = json.loads(done.stdout)["status"]
            self._token = status["token"]
            if expiry := status.get("expirationTimestamp"):
                self._expires_at = datetime.fromisoformat(expiry)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
            what = type(error).__name__
            raise ConnectionConfigError(f"user.exec: {name} gave no token: {what}") from None


@dataclass(frozen=True, slots=True)
class Connection:
    """A server, how to know it, and how it knows us."""

    server: str
    """URL without a slash at the end."""
    namespace: str = "default"
    ca_data: str = ""
    """Certificates in PEM that vouch for the server; empty: those of the system."""
    skip_verification: bool = False
    server_name: str = ""
    """Name in the server's certificate, where it differs from the URL's."""
    certificate: str = ""
    """The client's certificate in PEM."""
    key: str = field(default="", repr=False)
    token: TokenSource = field(default_factory=TokenSource, repr=False)
    basic: str = field(default="", repr=False)
    """`user:password`, for servers that still take it."""

    def ssl_context(self) -> ssl.SSLContext:
        """Make the TLS settings. Raises ConnectionConfigError for unusable certificates."""
        try:
            context = ssl.create_default_context(cadata=self.ca_data or None)
            if self.skip_verification:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate:
                # The ssl module takes a client's certificate from a file only.
                with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                    file.write(f"{self.certificate}\n{self.key}\n")
                    file.flush()
                    context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConnectionConfigError(f"certificates of {self.server}: {error}") from None
        return context


def find_connection(
    kubeconfig: str = "",
    environment: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """Find the server: the file if one is named, else the Pod's own account, else kubectl's file.

    Raises ConnectionConfigError.
    """
    if kubeconfig:
        return read_kubeconfig(Path(kubeconfig))
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(environment, service_account)
    paths = [path for path in environment.get("KUBECONFIG", "").split(os.pathsep) if path]
    return read_kubeconfig(Path(paths[0]) if paths else Path.home() / ".kube" / "config")


def _in_cluster(environment: Mapping[str, str], directory: Path) -> Connection:
    host = environment["KUBERNETES_SERVICE_HOST"]
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        ca_data = (directory / "ca.crt").read_text()
        namespace = (directory / "namespace").read_text().strip()
    except OSError as error:
        raise ConnectionConfigError(f"service account of this Pod: {error}") from None
    return Connection(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace,
        ca_data=ca_data,
        token=FileToken(directory / "token"),
    )


def read_kubeconfig(path: Path) -> Connection:
    """Read a kubeconfig's current context. Raises ConnectionConfigError."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConnectionConfigError(f"kubeconfig: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConnectionConfigError(f"{path}: not valid YAML: {type(error).__name__}") from None
    return _Kubeconfig(path, content).connection()


class _Kubeconfig:
    """A kubeconfig's content; relative paths in it start at its own directory."""

    def __init__(self, path: Path, content: object) -> None:
        self._path = path
        self._content = content if isinstance(content, Mapping) else {}

    def connection(self) -> Connection:
        current = self._content.get("current-context")
        if not current:
            raise self._error("current-context: required, but absent")
        context = self._entry("contexts", current, "context")
        cluster = self._entry("clusters", context.get("cluster"), "cluster")
        user = self._entry("users", context["user"], "user") if context.get("user") else {}
        server = cluster.get("server")
        if not isinstance(server, str) or not server.startswith(("https://", "http://")):
            raise self._error("cluster.server: must be a URL that begins with https://")
        if cluster.get("proxy-url"):
            raise self._error("cluster.proxy-url: proxies are not supported")
        basic = f"{user['username']}:{user.get('password', '')}" if user.get("username") else ""
        return Connection(
            server=server.rstrip("/"),
            namespace=context.get("namespace") or "default",
            ca_data=self._data(cluster, "certificate-authority"),
            skip_verification=bool(cluster.get("insecure-skip-tls-verify")),
            server_name=cluster.get("tls-server-name") or "",
            certificate=self._data(user, "client-certificate"),
            key=self._data(user, "client-key"),
            token=self._token(user),
            basic=basic,
        )

    def _token(self, user: Mapping[str, Any]) -> TokenSource:
        if user.get("token"):
            return TokenSource(str(user["token"]))
        if user.get("tokenFile"):
            return FileToken(self._path.parent / user["tokenFile"])
        plugin = user.get("exec")
        if not plugin:
            return TokenSource()
        version, command = plugin.get("apiVersion"), plugin.get("command")
        if version not in _EXEC_VERSIONS or not command:
            expected = " or ".join(_EXEC_VERSIONS)
            raise self._error(f"user.exec: needs a command and apiVersion {expected}")
        pairs = plugin.get("env") or ()
        environment = {each["name"]: each["value"] for each in pairs}
        if "/" in command:
            command = str(self._path.parent / command)
        return CommandToken([command, *(plugin.get("args") or ())], environment, version)

    def _entry(self, section: str, name: object, kind: str) -> Mapping[str, Any]:
        for entry in self._content.get(section) or ():
            if isinstance(entry, Mapping) and entry.get("name") == name:
                found = entry.get(kind)
                return found if isinstance(found, Mapping) else {}
        raise self._error(f"{section}: there is none named {json.dumps(name)}")

    def _data(self, entry: Mapping[str, Any], name: str) -> str:
        """Return what is given as base64 in `name-data`, or as a path in `name`."""
        try:
            if encoded := entry.get(f"{name}-data"):
                return base64.b64decode(str(encoded), validate=True).decode()
            if path := entry.get(name):
                return (self._path.parent / str(path)).read_text()
        except (binascii.Error, UnicodeDecodeError, TypeError):
            raise self._error(f"{name}-data: must be base64 of PEM") from None
        except OSError as error:
            raise self._error(f"{name}: {error}") from None
        return ""

    def _error(self, message: str) -> ConnectionConfigError:
        return ConnectionConfigError(f"{self._path}: {message}")
