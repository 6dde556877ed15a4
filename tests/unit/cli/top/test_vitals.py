from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_cli.connection.settings import ConnectionSettings
from osmia_cli.metrics_page import Sample
from osmia_cli.top.vitals import Vitals, VitalsReader, vitals_of

if TYPE_CHECKING:
    from pathlib import Path


def test_numbers_are_summed() -> None:
    samples = [
        Sample("osmia_kernel_records_dropped_total", {"type": "exec"}, 2.0),
        Sample("osmia_kernel_records_dropped_total", {"type": "exit"}, 3.0),
        Sample("osmia_pipeline_events_failed_total", {"reason": "queue"}, 1.0),
        Sample("osmia_stream_events_lost_total", {}, 4.0),
        Sample("process_resident_memory_bytes", {}, 5e7),
        Sample("other", {}, 1.0),
    ]
    assert vitals_of(samples) == Vitals(5, 1, 4, 50_000_000)
    assert vitals_of([]) == Vitals()


def test_without_an_agent_nothing_is_known(tmp_path: Path) -> None:
    settings = ConnectionSettings(server_address=f"unix://{tmp_path}/none", retries=0)
    reader = VitalsReader(settings)
    assert reader.read() == Vitals()
    assert reader.read() == Vitals()
