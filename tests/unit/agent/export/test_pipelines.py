from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from osmia_agent.export import FileSink, Writer
from osmia_agent.export.pipelines import PipelineSnapshot, RunningPipelines, start_pipelines
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


def is_conserved(statistics: PipelineSnapshot) -> bool:
    ends = statistics.exported + statistics.filtered + statistics.rate_limited
    return statistics.read == ends + sum(statistics.failed.values())


def binaries(path: Path) -> list[str]:
    found = (json.loads(line) for line in path.read_text().splitlines())
    return [each["process_exec"]["process"]["binary"] for each in found]


def test_what_passes_is_written_and_the_rest_counted(tmp_path: Path, writer: Writer) -> None:
    pipelines = PipelineSet.from_configs(
        {"default": config(denyList={"binaryRegex": "^/bin/dull"}, rateLimit=2)}
    )
    running = RunningPipelines(pipelines, {"default": writer}, "node")
    running.accept([event("/bin/a"), event("/bin/dull"), event("/bin/b"), event("/bin/c")])
    running.accept([])
    assert writer.close(10)
    assert binaries(tmp_path / "x.log") == ["/bin/a", "/bin/b"]
    (statistics,) = running.snapshots()
    assert statistics.name == "default"
    assert (statistics.read, statistics.exported) == (4, 2)
    assert (statistics.filtered, statistics.rate_limited) == (1, 1)
    assert statistics.exported_bytes == (tmp_path / "x.log").stat().st_size
    assert is_conserved(statistics)


def test_each_pipeline_has_its_own_sink_and_counts(tmp_path: Path, writer: Writer) -> None:
    pipelines = PipelineSet.from_configs(
        {"default": config(), "trial": config(mode="DryRun", allowList={"binary_regex": "a"})}
    )
    running = RunningPipelines(pipelines, {"default": writer}, "node")
    running.accept([event("/a"), event("/b")])
    assert writer.close(10)
    default, trial = running.snapshots()
    assert binaries(tmp_path / "x.log") == ["/a", "/b"]
    assert (default.read, default.exported, default.filtered) == (2, 2, 0)
    assert (trial.read, trial.exported, trial.filtered, trial.exported_bytes) == (2, 1, 1, 0)


def test_conservation_holds_at_any_moment(writer: Writer) -> None:
    pipelines = PipelineSet.from_configs({"default": config(denyList={"binaryRegex": "1$"})})
    running = RunningPipelines(pipelines, {"default": writer}, "node")
    done = threading.Event()
    seen: list[PipelineSnapshot] = []

    def watch() -> None:
        while not done.is_set():
            seen.extend(running.snapshots())

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
    running = RunningPipelines(PipelineSet([pipeline]), {"default": writer}, "node")
    running.accept([event("/a"), event("/b"), event("/c")])
    running.report()
    now_ns = 60_000_000_000
    running.report()
    assert writer.close(10)
    first, second = (tmp_path / "x.log").read_text().splitlines()
    assert "/a" in first
    report = json.loads(second)
    assert report["rate_limit_info"] == {"number_of_dropped_process_events": "2"}
    assert report["node_name"] == "node"
    assert report["time"] > "2026"
    (statistics,) = running.snapshots()
    assert (statistics.exported, statistics.rate_limited, statistics.read) == (2, 2, 4)
    assert is_conserved(statistics)


def test_a_pipeline_goes_on_counting_in_a_new_set(writer: Writer) -> None:
    pipelines = PipelineSet.from_configs({"default": config(denyList={"binaryRegex": "b"})})
    RunningPipelines(pipelines, {"default": writer}, "node").accept([event("/a"), event("/b")])
    running = RunningPipelines(pipelines, {"default": writer}, "node")
    running.accept([event("/c")])
    assert writer.close(10)
    (statistics,) = running.snapshots()
    assert (statistics.read, statistics.exported, statistics.filtered) == (3, 2, 1)


def test_only_pipelines_that_write_get_a_writer(tmp_path: Path) -> None:
    made: list[str] = []

    def make_writer(pipeline: Pipeline) -> Writer:
        made.append(pipeline.name)
        return Writer(FileSink(tmp_path / pipeline.name))

    pipelines = PipelineSet.from_configs({"default": config(), "trial": config(mode="DryRun")})
    running = start_pipelines(pipelines, make_writer, "node")
    running.accept([event("/a")])
    running.close(10)
    assert made == ["default"]
    assert binaries(tmp_path / "default") == ["/a"]
    assert [each.exported for each in running.snapshots()] == [1, 1]
