from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from osmia_cli.connection.settings import ConnectionSettings


@pytest.mark.parametrize(
    "given",
    [
        {"tls_cert_file": Path("a")},
        {"tls_key_file": Path("a")},
        {"tls_ca_cert_files": (Path("a"),)},
        {"tls_server_name": "a"},
        {"tls_skip_verify": True},
    ],
)
def test_any_option_of_tls_asks_for_it(given: dict[str, Any]) -> None:
    assert ConnectionSettings(**given).wants_tls
    assert not ConnectionSettings().wants_tls
