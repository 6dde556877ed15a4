from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from osmia_cli.connection.address import (
    DEFAULT_ADDRESS,
    complete_address,
    find_address,
    read_info,
    unix_path,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("localhost:1234", "localhost:1234"),
        ("localhost", "localhost:54321"),
        ("10.0.0.1", "10.0.0.1:54321"),
        ("[::1]:54321", "[::1]:54321"),
        ("[::1]", "[::1]:54321"),
        ("unix:///run/a.sock", "unix:///run/a.sock"),
        ("unix:/run/a.sock", "unix:///run/a.sock"),
    ],
)
def test_addresses(given: str, address: str) -> None:
    assert complete_address(given) == address


@pytest.mark.parametrize(
    "given",
    ["a:b", "a:", ":1", "a:0", "a:65536", "http://a:1", "unix://a.sock", "::1", "a/b", "unix:"],
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(click.ClickException, match=r"--server-address: .* is no address"):
        complete_address(given)


def test_what_is_given_wins(tmp_path: Path) -> None:
    assert find_address("a:1", tmp_path / "missing") == "a:1"


def test_the_agent_says_where_it_listens(tmp_path: Path) -> None:
    file, socket = tmp_path / "info.json", tmp_path / "agent.sock"
    file.write_text(json.dumps({"server_address": f"unix://{socket}", "pid": 1}))
    # An agent that was killed left its file, but no socket.
    assert find_address("", file) == DEFAULT_ADDRESS
    socket.touch()
    assert find_address("", file) == f"unix://{socket}"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"server_address": null}', "{}", "\xff"])
def test_a_file_that_says_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "info.json"
    file.write_bytes(text.encode("latin-1"))
    assert not read_info(file).get("server_address")
    assert find_address("", file) == DEFAULT_ADDRESS


def test_path_of_a_unix_socket() -> None:
    assert unix_path("unix:///a") == "/a"
    assert unix_path("localhost:1") is None
