"""What the gateway is to serve, as the agent's options say."""

from __future__ import annotations

import msgspec

MAX_REQUEST_BYTES = 4 << 20


class TlsFiles(msgspec.Struct, frozen=True):
    """Where certificates are."""

    certificate: str
    key: str
    client_authorities: tuple[str, ...]
    requires_client: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=True):
    """The first message that a gateway gets."""

    level: int
    """What is logged at least, as `logging` counts."""
    log_format: str
    services: dict[str, dict[str, bool]]
    """By full name: methods, and whether they change something."""
    unix_path: str
    tcp_address: tuple[str, int] | None
    health_address: tuple[str, int] | None
    tls: TlsFiles | None
    read_only: bool
    """Whether methods that change something are refused on TCP."""
    is_optional: bool
    """Whether the agent goes on without an address that cannot be listened on."""
    max_streams: int
    max_calls: int
    health_interval_s: float
