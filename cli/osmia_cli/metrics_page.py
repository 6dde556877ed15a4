"""The agent's `/metrics`: where it is, and what it says."""

from __future__ import annotations

import logging
import urllib.request
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

_log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_MAX_BYTES = 64 << 20


class Sample(NamedTuple):
    """One number of the page."""

    name: str
    labels: dict[str, str]
    value: float


def read_metrics(address: str) -> list[Sample]:
    """Fetch the page from an address as the agent's option has it (`:2112`); empty if it is off.

    Raises OSError where nothing answers, ValueError for what is no such page.
    """
    if not address:
        return []
    host, _, port = address.rpartition(":")
    url = f"http://{host or 'localhost'}:{port}/metrics"
    # No proxy: the agent is near.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_TIMEOUT_S) as response:
        return parse_metrics(response.read(_MAX_BYTES).decode())


def parse_metrics(text: str) -> list[Sample]:
    """Read a page. Raises ValueError."""
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
