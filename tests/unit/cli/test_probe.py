from __future__ import annotations

import json
from typing import TYPE_CHECKING

from osmia_cli import kernel_config, kernel_features
from osmia_cli.kernel_features import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.unit.cli.conftest import Osmia


def test_features(monkeypatch: pytest.MonkeyPatch, tetra: Callable[..., str]) -> None:
    found = [Feature("btf", True, "/sys"), Feature("lsm", False, "not active")]
    monkeypatch.setattr(kernel_features, "probe_features", lambda: found)
    assert tetra("probe") == "btf   yes   /sys\nlsm   no    not active\n"
    assert json.loads(tetra("probe", "-o", "json"))[1] == {
        "name": "lsm",
        "available": False,
        "detail": "not active",
    }


def test_build(monkeypatch: pytest.MonkeyPatch, tetra: Callable[..., str]) -> None:
    options = {"CONFIG_BPF": "y", "CONFIG_BPF_LSM": None}
    monkeypatch.setattr(kernel_config, "needed_options", lambda: options)
    assert tetra("probe", "config") == "CONFIG_BPF       y\nCONFIG_BPF_LSM   no\n"
    assert json.loads(tetra("probe", "config", "-o", "json")) == options


def test_this_machine(osmia: Osmia) -> None:
    result = osmia("probe")
    if result.returncode:  # not root, or too old a kernel
        assert result.stderr.startswith(b"Error: osmia-agent probe: ")
    else:
        assert b"ring buffer" in result.stdout
