"""ExportConfigs of the cluster become pipelines that run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.bundles.exports import DEFAULT, ExportBundles, OptionsPipeline
from osmia_agent.export import FileSink, StdoutSink, Writer
from osmia_agent.export.live import LivePipelines
from osmia_agent.export.pipelines import start_pipelines
from osmia_agent.kube.export_plan import FileTarget
from osmia_agent.kube.outcome import State
from osmia_api.bundle import Bundle, make_bundle, read_resource
from osmia_events.config import PipelineConfig, parse_redaction_filters
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.node_features import NodeFeatures
from osmia_events.pipeline import PipelineSet

if TYPE_CHECKING:
    from pathlib import Path

    from osmia_agent.kube.export_plan import Target

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FLOOR = parse_redaction_filters('{"redact": ["secret=(\\\\w+)"]}', "test")


def config(name: str, path: str = "", generation: int = 1, **spec: Any) -> Bundle:
    return make_bundle(
        read_resource(
            {
                "apiVersion": "osmia.dev/v1alpha1",
                "kind": "ExportConfig",
                "metadata": {"name": name, "uid": "u", "generation": generation},
                "spec": {"sink": {"file": {"path": path or f"{name}.log"}}, **spec},
            }
        )
    )


class Node:
    """An agent's exports, with files below a directory."""

    def __init__(self, directory: Path, options: str = "") -> None:
        self.directory = directory
        place = directory / options
        pipelines = PipelineSet()
        given = None
        if options:
            pipelines = PipelineSet.from_configs({DEFAULT: PipelineConfig()}, floor=FLOOR)
            given = OptionsPipeline(PipelineConfig(), place, lambda: Writer(FileSink(place)))
        started = start_pipelines(pipelines, lambda _: Writer(FileSink(place)), "node")
        self.live = LivePipelines(started, "node")
        self.exports = ExportBundles(
            self.live,
            pipelines,
            started.writers,
            given,
            directory=directory,
            features=NodeFeatures(),
            floor=FLOOR,
            open_writer=self.open,
        )

    def open(self, name: str, target: Target) -> Writer:
        sink = FileSink(target.path) if isinstance(target, FileTarget) else StdoutSink()
        return Writer(sink, name=name)

    def apply(self, *bundles: Bundle, now: datetime = NOW) -> dict[str, tuple[State, str, str]]:
        outcomes, self.expiry = self.exports.apply({each.id: each for each in bundles}, now)
        names = {each.id: each.source.name for each in bundles}
        return {
            names[bundle_id]: (outcome.state, outcome.reason, outcome.in_force)
            for bundle_id, outcome in outcomes.items()
        }

    def run(self, arguments: str) -> None:
        body = ProcessExec(process=Process(binary="/bin/x", arguments=arguments))
        self.live.accept([Event(body=body)])

    def told(self) -> dict[str, list[str]]:
        """Close everything; the arguments of the events in each file."""
        self.live.close(10)
        return {
            path.name: [
                line.split('"arguments":"')[1].split('"')[0]
                for line in path.read_text().splitlines()
            ]
            for path in self.directory.iterdir()
            if path.is_file()
        }


LOADED = (State.LOADED, "", "")


def test_come_and_go(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.run("0")
    assert node.apply(config("a")) == {"a": LOADED}
    node.run("1")
    assert node.apply(config("a"), config("b")) == {"a": LOADED, "b": LOADED}
    node.run("2")
    assert node.apply(config("b")) == {"b": LOADED}
    node.run("3")
    assert node.apply() == {}
    node.run("4")
    assert node.told() == {"a.log": ["1", "2"], "b.log": ["2", "3"]}


def test_nothing_is_swapped_where_nothing_changes(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.apply(config("a"))
    node.apply(config("a"))
    assert node.live.swaps == 1
    node.live.close(10)


def test_default_stands_for_the_options_and_keeps_their_redaction(tmp_path: Path) -> None:
    node = Node(tmp_path, "options.log")
    node.run("secret=1")
    node.apply(config(DEFAULT))
    node.run("secret=2")
    node.apply(config("other"))
    node.run("secret=3")
    hidden = "secret=*****"
    assert node.told() == {
        "options.log": [hidden, hidden],
        "default.log": [hidden],
        "other.log": [hidden],
    }


def test_the_file_of_the_options_is_taken(tmp_path: Path) -> None:
    node = Node(tmp_path, "options.log")
    outcome = node.apply(config("a", "options.log"))["a"]
    assert outcome[0] is State.FAILED
    assert "already written to by the agent's own options" in outcome[1]
    node.apply(config(DEFAULT, "options.log"))
    node.run("1")
    assert node.told() == {"options.log": ["1"]}


def test_a_version_that_fails_leaves_the_former_running(tmp_path: Path) -> None:
    node = Node(tmp_path)
    good = config("a")
    node.apply(good)
    (tmp_path / "link").symlink_to("/etc")
    bad = config("a", "link/a.log", generation=2)
    state, reason, in_force = node.apply(bad)["a"]
    assert (state, in_force) == (State.FAILED, good.short_hash)
    assert "is not below" in reason
    node.run("1")
    node.apply(bad, config("b"))
    node.run("2")
    assert node.told() == {"a.log": ["1", "2"], "b.log": ["2"]}


def test_a_sink_that_cannot_be_opened(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / "blocked").mkdir()
    state, reason, in_force = node.apply(config("a", "blocked"))["a"]
    assert (state, in_force) == (State.FAILED, "")
    assert reason.startswith("its sink cannot be opened: ")
    good = config("a", "fine.log", generation=2)
    assert node.apply(good) == {"a": LOADED}
    assert node.apply(config("a", "blocked", generation=3))["a"][2] == good.short_hash
    node.run("1")
    assert node.told() == {"fine.log": ["1"]}


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.apply(config("a", mode="DryRun"))
    node.run("1")
    (counts,) = node.live.snapshots()
    assert counts.exported == 1
    assert node.told() == {}


def test_the_end_of_a_time_boxed_capture(tmp_path: Path) -> None:
    node = Node(tmp_path)
    bundle = config("a", expiresAt="2030-01-01T01:00:00Z")
    assert node.apply(bundle) == {"a": LOADED}
    assert node.expiry == NOW + timedelta(hours=1)
    node.run("1")
    late = NOW + timedelta(hours=2)
    assert node.apply(bundle, now=late)["a"][0] is State.SKIPPED
    assert node.expiry is None
    node.run("2")
    assert node.told() == {"a.log": ["1"]}


@pytest.mark.parametrize("spec", [{"denyList": [{"binaryRegex": ["/y$"]}]}, {"rateLimit": 60}])
def test_a_change_of_configuration_goes_on_in_the_same_file(
    tmp_path: Path, spec: dict[str, Any]
) -> None:
    node = Node(tmp_path)
    node.apply(config("a"))
    node.run("1")
    assert node.apply(config("a", generation=2, **spec)) == {"a": LOADED}
    node.run("2")
    assert node.told() == {"a.log": ["1", "2"]}


def test_what_default_redacts_no_other_pipeline_tells(tmp_path: Path) -> None:
    node = Node(tmp_path, options="options.log")
    node.apply(config("a"))
    node.run("key=1")
    secret = {"redactionFilters": [{"redact": ["key=([0-9]+)"]}]}
    node.apply(config("a"), config(DEFAULT, **secret))
    node.run("key=2")
    node.apply(config("a"))
    node.run("key=3")
    told = node.told()
    assert told["a.log"] == ["key=1", "key=*****", "key=3"]
    assert told["default.log"] == ["key=*****"]
    assert told["options.log"] == ["key=1", "key=3"]
