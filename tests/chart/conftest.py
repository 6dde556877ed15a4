"""Helm for the session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chart.helm import Helm, HelmUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm]:
    try:
        with Helm() as running:
            yield running
    except HelmUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
