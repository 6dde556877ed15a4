"""Settings of the operator."""

from __future__ import annotations

from dataclasses import dataclass


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


def parse_address(text: str) -> tuple[str | None, int] | None:
    """Read `host:port`, `:port` or nothing. Raises ValueError that says what would be right."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError(f"--metrics-server: {text!r} must be HOST:PORT or :PORT")
    return host.strip("[]") or None, int(port)
