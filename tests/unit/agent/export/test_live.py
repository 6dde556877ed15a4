"""Pipelines replaced while another thread hands on events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from osmia_agent.export import FileSink, Writer
from osmia_agent.export.live import LivePipelines
from osmia_agent.export.pipelines import start_pipelines
from osmia_events.config import PipelineConfig
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.pipeline import PipelineSet

if TYPE_CHECKING:
    from pathlib import Path

BATCHES = 400


def writer(path: Path) -> Writer:
    return Writer(FileSink(path, max_bytes=1 << 30), max_lines=1 << 20)


def batch(number: int) -> list[Event]:
    return [
        Event(body=ProcessExec(process=Process(exec_id=f"{number}-{part}"))) for part in range(10)
    ]


def test_every_event_goes_to_the_old_or_the_new_ones(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.json" for number in range(20)]
    config = {"default": PipelineConfig()}
    pipelines = PipelineSet.from_configs(config)
    live = LivePipelines(start_pipelines(pipelines, lambda _: writer(paths[0]), "node"), "node")
    first = [live._running.writers["default"]]

    def feed() -> None:
        for number in range(BATCHES):
            live.accept(batch(number))

    feeding = threading.Thread(target=feed)
    feeding.start()
    for path in paths[1:]:
        opened = writer(path)
        opened.start()
        # The pipeline itself goes on, with its counters.
        pipelines = PipelineSet.from_configs(config, previous=pipelines)
        live.swap(pipelines, {"default": opened})
        assert first.pop().close(10)
        first.append(opened)
    feeding.join()
    live.close(10)
    text = "".join(path.read_text() for path in paths if path.exists())
    assert text.count("\n") == BATCHES * 10
    order = [line.split('"exec_id":"')[1].split('"')[0] for line in text.splitlines()]
    assert order == [f"{number}-{part}" for number in range(BATCHES) for part in range(10)]
    assert live.swaps == 19


def test_counts_stay_true_over_a_change(tmp_path: Path) -> None:
    config = {"default": PipelineConfig()}
    pipelines = PipelineSet.from_configs(config)
    out = writer(tmp_path / "events.json")
    live = LivePipelines(start_pipelines(pipelines, lambda _: out, "node"), "node")
    live.accept(batch(1))
    live.swap(PipelineSet.from_configs(config, previous=pipelines), {"default": out})
    live.accept(batch(2))
    live.close(10)
    (counts,) = live.snapshots()
    assert (counts.read, counts.exported, counts.queued) == (20, 20, 0)
