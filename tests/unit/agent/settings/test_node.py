from __future__ import annotations

import pytest

from osmia_agent.settings import node_names


@pytest.mark.parametrize(
    ("environment", "export", "kubernetes"),
    [
        ({}, "host", "host"),
        ({"NODE_NAME": "n"}, "n", "n"),
        ({"HUBBLE_NODE_NAME": "h"}, "h", "h"),
        ({"HUBBLE_NODE_NAME": "h", "NODE_NAME": "n"}, "h", "n"),
        ({"HUBBLE_NODE_NAME": "", "NODE_NAME": "n"}, "n", "n"),
    ],
)
def test_preference(environment: dict[str, str], export: str, kubernetes: str) -> None:
    assert node_names(environment, "host") == (export, kubernetes)
