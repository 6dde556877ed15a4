"""Bundles applied as the agent's options say, and the wiring of a node's watches."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.assembly.export import file_writer, pipelines
from osmia_agent.assembly.kubernetes import (
    ConnectionConfigError,
    bundle_applier,
    forgetting,
    kubernetes_side,
)
from osmia_agent.export.live import LivePipelines
from osmia_agent.export.pipelines import start_pipelines
from osmia_agent.kube.bundle_set import BundleSet
from osmia_agent.kube.outcome import State
from osmia_agent.settings import load_settings
from osmia_events.memo import new_key, remember
from osmia_events.model import Event, Process, ProcessExec
from tests.bpf.agent import wait_until
from tests.unit.agent.kube.bundles import export, policy
from tests.unit.agent.process.kernel_records import PROC, table, task

if TYPE_CHECKING:
    from pathlib import Path

SECRET = '{"redact": ["secret=(\\\\w+)"]}'
OTHER = {"redact": ["token=(\\w+)"]}


class Source:
    """Bundles in the test's hands."""

    def __init__(self) -> None:
        self.bundles = BundleSet()
        self.outcomes: dict[str, Any] = {}

    def acknowledge(self, outcomes: Any) -> None:
        self.outcomes = dict(outcomes)


class Policies:
    """What is asked of a policy manager when there are no policies."""

    def __init__(self) -> None:
        self.on_change: Any = None

    def set_skipped(self, keys: Any) -> None:
        self.skipped = list(keys)


class Node:
    """The exports of an agent with these options."""

    def __init__(self, directory: Path, *options: str, policies: Any = None) -> None:
        common = ("--export-directory", str(directory), "--redaction-filters", SECRET)
        self.loaded = load_settings((*common, *options), {})
        described = pipelines(self.loaded.settings, self.loaded.sources)
        started = start_pipelines(
            described, lambda _: file_writer(self.loaded.settings, lambda: None), "node"
        )
        self.live = LivePipelines(started, "node")
        self.redaction: list[list[Any]] = []
        self.applier = bundle_applier(
            self.loaded,
            self.live,
            described,
            started.writers,
            policies,
            lambda filters: self.redaction.append([each.redact for each in filters]),
            lambda: None,
        )
        self.source = Source()
        self.applier.start(self.source)

    def apply(self, *bundles: Any) -> dict[str, Any]:
        self.source.outcomes = {}
        self.source.bundles = BundleSet({each.id: each for each in bundles})
        self.applier.wake()
        wait_until(lambda: len(self.source.outcomes) == len(bundles), 10, "all bundles")
        return {each.source.name: self.source.outcomes[each.id] for each in bundles}

    def run(self, arguments: str) -> None:
        body = ProcessExec(process=Process(binary="/bin/x", arguments=arguments))
        self.live.accept([Event(body=body)])

    def close(self) -> None:
        self.applier.stop()
        self.live.close(10)


@pytest.fixture
def start(tmp_path):
    nodes = []

    def made(*options: str, **more: Any) -> Node:
        nodes.append(Node(tmp_path / "export", *options, **more))
        return nodes[-1]

    (tmp_path / "export").mkdir()
    yield made
    for node in nodes:
        node.close()


def arguments(path: Path) -> list[str]:
    return [
        json.loads(line)["process_exec"]["process"]["arguments"]
        for line in path.read_text().splitlines()
    ]


def test_a_file_is_as_its_config_says_and_redacted_as_the_options_say(start, tmp_path):
    node = start()
    file = {"path": "web.log", "permissions": "640", "maxSizeMB": 1, "compress": False}
    found = node.apply(export("web", sink={"file": file}, redactionFilters=[OTHER]))
    assert found["web"].state is State.LOADED
    node.run("secret=a token=b")
    node.run("x" * (1 << 20))
    node.run("last")
    node.close()
    names = sorted(each.name for each in (tmp_path / "export").iterdir())
    assert len(names) == 3  # each of them is more than a megabyte with the one before
    assert not [each for each in names if each.endswith(".gz")]
    assert (tmp_path / "export/web.log").stat().st_mode & 0o777 == 0o640
    assert arguments(tmp_path / "export" / names[0]) == ["secret=***** token=*****"]
    assert arguments(tmp_path / "export/web.log") == ["last"]


def test_the_floor_of_redaction_is_told_once_and_first(start):
    node = start()
    node.apply(export("a", redactionFilters=[OTHER, {"redact": ["secret=(\\w+)"]}]))
    node.apply()
    wait_until(lambda: len(node.redaction) == 2, 10, "both states")
    assert node.redaction == [[("secret=(\\w+)",), ("token=(\\w+)",)], [("secret=(\\w+)",)]]


def test_no_config_writes_where_the_options_write(start, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "export")
    node = start("--export-filename", str(link / "own.log"))
    found = node.apply(export("own"), export("other"))
    assert found["own"].state is State.FAILED
    assert "the agent's own options" in found["own"].reason
    assert found["other"].state is State.LOADED
    node.run("x")
    node.close()
    assert arguments(tmp_path / "export/own.log") == ["x"]
    assert arguments(tmp_path / "export/other.log") == ["x"]


def test_standard_output_is_taken_by_the_options_that_name_it(start, capfd):
    node = start("--export-filename", "-")
    found = node.apply(export("own", sink={"stdout": {}}))
    assert found["own"].state is State.FAILED
    assert "spec.sink.stdout" in found["own"].reason
    node.run("x")
    node.close()
    assert len(capfd.readouterr().out.splitlines()) == 1


def test_without_a_pipeline_of_its_own_the_agent_leaves_standard_output_to_configs(start, capfd):
    node = start()
    assert node.apply(export("own", sink={"stdout": {}}))["own"].state is State.LOADED
    node.run("x")
    node.close()
    assert len(capfd.readouterr().out.splitlines()) == 1


def test_a_config_named_default_stands_for_the_options_as_long_as_it_is_there(start, tmp_path):
    node = start("--export-filename", str(tmp_path / "export/own.log"))
    node.run("0")
    node.apply(export("default"))
    node.run("1")
    node.apply()
    wait_until(lambda: node.live.swaps == 2, 10, "the options' pipeline")
    node.run("2")
    node.close()
    assert arguments(tmp_path / "export/default.log") == ["1"]
    assert arguments(tmp_path / "export/own.log") == ["0", "2"]


def test_what_the_options_refuse_no_config_may_ask_for(start):
    found = start().apply(export("a", allowList=[{"capabilities": {"effective": {"any": []}}}]))
    assert found["a"].state is State.FAILED
    assert "capabilities" in found["a"].reason


def test_changes_of_policies_by_others_wake_the_applier(start):
    policies = Policies()
    node = start(policies=policies)
    assert policies.on_change == node.applier.wake
    assert node.apply() == {}


def test_policies_are_left_alone_where_there_is_no_kernel(start):
    node = start()
    both = policy("p"), export("e")
    node.source.bundles = BundleSet({each.id: each for each in both})
    node.applier.wake()
    wait_until(lambda: node.source.outcomes, 10, "an answer")
    assert list(node.source.outcomes) == [both[1].id]


def settings_of(directory: Path, *more: str) -> Any:
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [
                    {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "own"}}
                ],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    options = ("--kubeconfig", str(kubeconfig), "--bpf-lib", str(directory), *more)
    return load_settings(options, {}).settings


def test_a_node_without_a_server_is_told_where_to_look(tmp_path):
    settings = settings_of(tmp_path)
    (tmp_path / "kubeconfig").unlink()
    with pytest.raises(ConnectionConfigError, match=str(tmp_path / "kubeconfig")):
        kubernetes_side(settings, "node-a", lambda: None, dict)


def test_bundles_of_the_last_run_are_known_before_the_server_answers(tmp_path):
    web = export("web")
    first = kubernetes_side(settings_of(tmp_path), "node-a", lambda: None, dict)
    first.set_labels({})
    first.set_bundles({web.id: web})
    again = kubernetes_side(settings_of(tmp_path), "node-a", lambda: None, dict)
    assert set(again.bundles.bundles) == {web.id}


def test_processes_forget_pipelines_that_are_gone(tmp_path):
    class Stage:
        pass

    live = LivePipelines(
        start_pipelines(pipelines(load_settings((), {}).settings, {}), lambda _: None, "node"),
        "node",
    )
    processes = table(PROC)
    processes.scan([task(1, 30_000_000, 2, (0, 0, 0))])
    process = next(
        image.process for image in processes.store.images.values() if image.key.tgid == 1
    )
    gone, stays = Stage(), Stage()
    keys = new_key(gone), new_key(stays)
    for key in keys:
        remember(process, key, "answer")
    del gone
    gc.collect()
    forget = forgetting(live, processes)
    forget()
    assert {*keys} <= process.memo.keys()  # no pipeline has been replaced
    live.swap(pipelines(load_settings((), {}).settings, {}), {})
    forget()
    assert keys[0] not in process.memo
    assert process.memo[keys[1]] == "answer"
