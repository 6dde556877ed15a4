"""Where the API server is, and as whom to speak to it, as the `kubernetes` package finds them."""

from __future__ import annotations

import binascii
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from kubernetes.client import Configuration
from kubernetes.config import (
    KUBE_CONFIG_DEFAULT_LOCATION,
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ConnectionConfigError(ValueError):
    """Server or credentials cannot be found; the message names the file and the place in it."""


def _keep(_: Configuration) -> None:
    """Load nothing: what the configuration holds is all there is."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server, how to know it, and how it knows us."""

    configuration: Configuration = field(repr=False)
    """As the library's clients take it; it renews short-lived tokens by itself."""
    namespace: str = "default"
    """Where we are, or mean to be."""
    load: Callable[[Configuration], None] = field(default=_keep, repr=False)
    """Reads everything anew, for when the server refuses what we have."""

    def renew(self) -> None:
        """Read the credentials again. Raises ConnectionConfigError."""
        self.load(self.configuration)


def find_connection(
    kubeconfig: str = "", context: str = "", environment: Mapping[str, str] = os.environ
) -> Connection:
    """Find the server: the file if one is named, else the Pod's own account, else kubectl's file.

    `context` is one of the file's, empty for its current one. Raises ConnectionConfigError.
    """
    if not kubeconfig and not context and environment.get("KUBERNETES_SERVICE_HOST"):
        return _connection(_load_service_account, _own_namespace())
    path = kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION
    chosen = context or None

    def load(configuration: Configuration) -> None:
        with _Explained(path):
            # Renewed tokens are not written into files that may be anybody's.
            load_kube_config(path, chosen, configuration, persist_config=False)

    with _Explained(path):
        contexts, current = list_kube_config_contexts(path)
    names = {each["name"]: each for each in contexts}
    found = names.get(context, current) or {}
    return _connection(load, (found.get("context") or {}).get("namespace") or "default")


def _connection(load: Callable[[Configuration], None], namespace: str) -> Connection:
    configuration = Configuration()
    load(configuration)
    # Whoever calls knows better what to repeat, and when.
    configuration.retries = False
    configuration.keep_alive = True
    return Connection(configuration, namespace, load)


def _load_service_account(configuration: Configuration) -> None:
    with _Explained("service account of this Pod"):
        load_incluster_config(configuration)


def _own_namespace() -> str:
    with _Explained("service account of this Pod"):
        return SERVICE_ACCOUNT_NAMESPACE.read_text().strip()


class _Explained:
    """Turns what the library raises for unusable files into ConnectionConfigError."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConfigException):
            # It quotes entries whole, secrets included.
            text = re.sub(r"\{.*\}", "{...}", str(error), flags=re.DOTALL)
            raise ConnectionConfigError(f"kubeconfig {self._place}: {text}") from None
        if isinstance(error, OSError):
            raise ConnectionConfigError(f"kubeconfig {self._place}: {error}") from None
        if isinstance(error, binascii.Error):
            message = "certificates and keys must be base64 of PEM"
            raise ConnectionConfigError(f"kubeconfig {self._place}: {message}") from None
        if isinstance(error, yaml.YAMLError | UnicodeDecodeError):
            raise ConnectionConfigError(f"kubeconfig {self._place}: not valid YAML") from None
        if isinstance(error, KeyError | TypeError | AttributeError | ValueError):
            raise ConnectionConfigError(
                f"kubeconfig {self._place}: not the structure of a kubeconfig"
            ) from None
