"""What the options of the connection say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MIN_LINE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """The options that every command takes; the defaults are the contract's."""

    server_address: str = ""
    """`host:port` or `unix:///path`; empty: to be discovered."""
    timeout_s: float = 30.0
    """Of a call and its retries, but not of the stream of events; 0 is none."""
    retries: int = 1
    max_recv_size: int = 10_485_760
    """Bytes of a message from the agent."""
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_cert_files: tuple[Path, ...] = ()
    tls_server_name: str = ""
    tls_skip_verify: bool = False

    @property
    def max_line_bytes(self) -> int:
        """How long a line of input may be, whatever the limit of messages."""
        return max(self.max_recv_size, _MIN_LINE_BYTES)

    @property
    def wants_tls(self) -> bool:
        """Whether any option asks for TLS."""
        return bool(
            self.tls_cert_file
            or self.tls_key_file
            or self.tls_ca_cert_files
            or self.tls_server_name
            or self.tls_skip_verify
        )
