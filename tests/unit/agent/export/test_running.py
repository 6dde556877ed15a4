from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from osmia_agent.export import FileSink, Writer
from osmia_agent.export.running import PipelineStatistics, RunningPipelines
from osmia_events.config import PipelineConfig, parse_pipeline
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.pipeline import Pipeline, PipelineSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def event(binary: str) -> Event:
    return Event(body=ProcessExec(process=Process(binary=binary)), node_name="n")


def config(**fields: object) -> PipelineConfig:
    return parse_pipeline(fields)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(FileSink(tmp_path / "x.log"))
    writer.start()
    yield writer
    writer.close(10)


def is_conserved(statistics: PipelineStatistics) -> bool:
    ends = statistics.exported + statistics.filtered + statistics.rate_limited
    return statistics.read == ends + sum(statistics.failed.values())


def binaries(path: Path) -> list[str]:
    found = (json.loads(line) for line in path.read_text().splitlines())
    return [each["process_exec"]["process"]["binary"] for each in found]


def test_what_passes_is_written_and_the_rest_counted(tmp_path: Path, writer: Writer) -> None:
    pipelines = PipelineSet.from_configs(
        {"default": config(denyList={"binaryRegex": "^/bin/dull"}, rateLimit=2)}
    )
    running = RunningPipelines(pipelines, {"default": writer})
    running.accept([event("/bin/a"), event("/bin/dull"), event("/bin/b"), event("/bin/c")])
    running.accept([])
    assert writer.close(10)
    assert binaries(tmp_path / "x.log") == ["/bin/a", "/bin/b"]
    (statistics,) = running.statistics()
    assert statistics.name == "default"
    assert (statistics.read, statistics.exported) == (4, 2)
    assert (statistics.filtered, statistics.rate_limited) == (1, 1)
    assert statistics.exported_bytes == (tmp_path / "x.log").stat().st_size
    assert is_conserved(statistics)


def test_each_pipeline_has_its_own_sink_and_counts(tmp_path: Path, writer: Writer) -> None:
    pipelines = PipelineSet.from_configs(
        {"default": config(), "trial": config(mode="DryRun", allowList={"binary_regex": "a"})}
    )
    running = RunningPipelines(pipelines, {"default": writer})
    running.accept([event("/a"), event("/b")])
    assert writer.close(10)
    default, trial = running.statistics()
    assert binaries(tmp_path / "x.log") == ["/a", "/b"]
    assert (default.read, default.exported, default.filtered) == (2, 2, 0)
    assert (trial.read, trial.exported, trial.filtered, trial.exported_bytes) == (2, 1, 1, 0)


def test_conservation_holds_at_any_moment(writer: Writer) -> None:
    pipelines = PipelineSet.from_configs({"default": config(denyList={"binaryRegex": "1$"})})
    running = RunningPipelines(pipelines, {"default": writer})
    done = threading.Event()
    seen: list[PipelineStatistics] = []

    def watch() -> None:
        while not done.is_set():
            seen.extend(running.statistics())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for size in [*range(40)] * 10:
        running.accept([event(f"/bin/{number}") for number in range(size)])
    done.set()
    watcher.join()
    assert len(seen) > 10
    assert all(map(is_conserved, seen))
    assert [each.read for each in seen] == sorted(each.read for each in seen)


def test_a_report_of_the_rate_limit_is_exported_and_counted(tmp_path: Path, writer: Writer) -> None:
    now_ns = 0
    pipeline = Pipeline(config(rateLimit=1), clock=lambda: now_ns)
    running = RunningPipelines(PipelineSet([pipeline]), {"default": writer})
    running.accept([event("/a"), event("/b"), event("/c")])
    running.report_limits("node", 1_700_000_000_000_000_000)
    now_ns = 60_000_000_000
    running.report_limits("node", 1_700_000_060_000_000_000)
    assert writer.close(10)
    first, second = (tmp_path / "x.log").read_text().splitlines()
    assert "/a" in first
    assert json.loads(second) == {
        "rate_limit_info": {"number_of_dropped_process_events": "2"},
        "node_name": "node",
        "time": "2023-11-14T22:14:20Z",
    }
    (statistics,) = running.statistics()
    assert (statistics.exported, statistics.rate_limited, statistics.read) == (2, 2, 4)
    assert is_conserved(statistics)
