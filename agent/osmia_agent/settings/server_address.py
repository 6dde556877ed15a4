"""Where the gRPC API listens: an address as `--server-address` names it."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from osmia_agent.settings.values import parse_listen_address, shown

DEFAULT_PORT = 54321
_UNIX = re.compile(r"unix:(?://(?=/))?(/(?!/).*)")
_WITHOUT_PORT = re.compile(r"\[.*\]|[^:]*")


class TcpAddress(NamedTuple):
    """A host, empty for all interfaces, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine can connect; a name is trusted if `localhost`."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class UnixAddress(NamedTuple):
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix://{self.path}"


def parse_server_address(text: str) -> TcpAddress | UnixAddress:
    """Read `host:port`, `host` (port 54321), `[ipv6]:port` or `unix:///absolute/path`.

    Raises ValueError.
    """
    if text.startswith("unix:"):
        match = _UNIX.fullmatch(text)
        if match is None:
            raise ValueError(f"{shown(text)} is not unix:// and an absolute path")
        return UnixAddress(match[1])
    if _WITHOUT_PORT.fullmatch(text):
        text = f"{text}:{DEFAULT_PORT}"
    try:
        return TcpAddress(*parse_listen_address(text))
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not an address like localhost:54321, [::1]:54321 or"
            " unix:///run/osmia.sock"
        ) from None
