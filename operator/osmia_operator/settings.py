"""Settings of the operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WEBHOOK_PATH = "/validate"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where the API server finds the validating webhook, and with which certificates."""

    address: tuple[str | None, int]
    """Host (none: all interfaces) and port to listen on."""
    service: str
    """Name of the Service, in the operator's namespace, that leads there."""
    url: str
    """Where it is instead, for an operator outside the cluster; empty: the Service."""
    secret: str
    """Name of the Secret with tls.crt, tls.key and ca.crt; made if there is none."""

    def host(self, namespace: str) -> str:
        """Return the name or address that the certificate has to be for."""
        return (
            (urlsplit(self.url).hostname or "") if self.url else f"{self.service}.{namespace}.svc"
        )

    def client_config(self, namespace: str) -> dict[str, Any]:
        """Return the place in the form of a webhook's `clientConfig`."""
        if self.url:
            return {"url": self.url.rstrip("/") + WEBHOOK_PATH}
        return {
            "service": {
                "name": self.service,
                "namespace": namespace,
                "path": WEBHOOK_PATH,
                "port": 443,
            }
        }


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Decided once, at start."""

    namespace: str
    """Where the operator and its agents live, and bundles are kept."""
    metrics_address: tuple[str | None, int] | None
    """Host (none: all interfaces) and port of the endpoints; none: there are none."""
    agent_selector: str
    """Labels of the Pods that run agents."""
    resync_interval_s: float
    """Time between two looks at everything."""
    webhook: WebhookSettings | None
    """None: there is no webhook."""


def parse_address(text: str, option: str = "--metrics-server") -> tuple[str | None, int] | None:
    """Read `host:port`, `:port` or nothing. Raises ValueError that says what would be right."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{option}: {text!r} must be HOST:PORT or :PORT")
    return host.strip("[]") or None, int(port)
