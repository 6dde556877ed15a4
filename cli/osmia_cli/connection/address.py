"""Where the agent listens: as told, as the agent says of itself, or as by default."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

INFO_FILE = Path("/var/run/tetragon/tetragon-info.json")
"""Where an agent writes how it can be reached, at the place that the contract names."""
DEFAULT_ADDRESS = "localhost:54321"
_DEFAULT_PORT = 54321
_MAX_INFO_BYTES = 1 << 20
_UNIX = "unix:"


def find_address(given: str, info_file: Path = INFO_FILE) -> str:
    """Return the address that is given, else what the agent on this machine says, else a default.

    Raises ClickException for what is no address.
    """
    if given:
        return complete_address(given)
    address = str(read_info(info_file).get("server_address") or "")
    path = unix_path(address)
    if not address:
        return DEFAULT_ADDRESS
    if path is not None and not Path(path).exists():
        _log.debug("%s names %s, which is not there", info_file, address)
        return DEFAULT_ADDRESS
    _log.debug("%s says that the agent listens on %s", info_file, address)
    return complete_address(address)


def read_info(path: Path) -> Mapping[str, Any]:
    """Read what an agent says of itself; empty if it says nothing that can be read."""
    try:
        with path.open("rb") as file:
            info = json.loads(file.read(_MAX_INFO_BYTES))
    except (OSError, ValueError) as error:
        _log.debug("%s: %s", path, error)
        return {}
    return info if isinstance(info, dict) else {}


def complete_address(address: str) -> str:
    """Add the port to a host alone; raise ClickException for what is no address."""
    path = unix_path(address)
    if path is not None:
        if not path.startswith("/"):
            raise _no_address(address)
        return f"{_UNIX}//{path}"
    host, colon, port = address.rpartition(":")
    if not colon or (address.startswith("[") and address.endswith("]")):
        host, port = address, str(_DEFAULT_PORT)
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16
    if not host or not is_port or "/" in host or (":" in host and not host.startswith("[")):
        raise _no_address(address)
    return f"{host}:{port}"


def unix_path(address: str) -> str | None:
    """Return the path of a Unix socket's address; None for one of TCP."""
    if not address.startswith(_UNIX):
        return None
    return address.removeprefix(_UNIX).removeprefix("//")


def _no_address(address: str) -> click.ClickException:
    return click.ClickException(
        f"--server-address: {address!r} is no address: HOST:PORT, HOST or unix:///PATH is needed"
    )
