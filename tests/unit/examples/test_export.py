"""Export configurations do with recorded events what their comments and the tutorials say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from osmia_api.export_config import load_export_config
from osmia_cli.pipeline_config import read_pipeline
from osmia_events.pipeline import Pipeline
from osmia_events.recorded import read_events

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "examples/export").iterdir())
RECORDINGS = sorted((ROOT / "examples/recordings").iterdir())

SECRETS = ("hunter2", "Winter2026", "abc123")


def export(name: str, recording: str) -> tuple[Pipeline, list[bytes]]:
    """Run a recording through a pipeline; its counts, and the lines that it exports."""
    pipeline = Pipeline(read_pipeline(ROOT / "examples/export" / f"{name}.yaml"))
    lines: list[bytes] = []
    with (ROOT / "examples/recordings" / f"{recording}.json").open("rb") as file:
        pipeline.export(read_events(file), lines.append)
    return pipeline, lines


def body(line: bytes) -> tuple[str, dict[str, Any]]:
    event = msgspec.json.decode(line)
    kind = next(key for key in event if key.startswith("process_"))
    return kind, event[kind]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_configuration_is_valid_and_named_as_its_file(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    assert load_export_config(text).metadata.name == path.stem
    # Each has an expectation below.
    assert f'export("{path.stem}"' in Path(__file__).read_text()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_holds_events_and_nothing_else(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    assert len(list(read_events(lines))) == len(lines)


def test_the_recordings_hold_secrets() -> None:
    text = "".join(path.read_text() for path in RECORDINGS)
    for secret in SECRETS:
        assert secret in text


@pytest.mark.parametrize("recording", ["node", "pods"])
def test_redact_secrets(recording: str) -> None:
    pipeline, lines = export("redact-secrets", recording)
    text = b"".join(lines).decode()
    assert pipeline.counters.exported == pipeline.counters.read == len(lines)
    for secret in SECRETS:
        assert secret not in text
    assert "--password=*****" in text
    if recording == "node":
        assert "-u admin:***** -o /dev/null" in text
        assert "API_TOKEN=***** /usr/bin/id -u" in text


def test_half_the_log() -> None:
    pipeline, lines = export("half-the-log", "node")
    counters = pipeline.counters
    assert (counters.read, counters.exported, counters.filtered) == (123, 51, 72)
    whole = (ROOT / "examples/recordings/node.json").stat().st_size
    assert sum(map(len, lines)) < whole / 2
    binaries = {body(line)[1]["process"]["binary"] for line in lines}
    assert {"/usr/bin/curl", "/srv/check-disk"} <= binaries
    assert not {"/usr/bin/df", "/usr/bin/tail"} & binaries
    assert all("cwd" not in body(line)[1].get("parent", {}) for line in lines)


def test_policy_events() -> None:
    _, lines = export("policy-events", "pods")
    told = [body(line) for line in lines]
    assert [(kind, each["policy_name"], each["action"]) for kind, each in told] == [
        ("process_tracepoint", "opened-files", "KPROBE_ACTION_POST"),
        ("process_tracepoint", "shells-in-web", "KPROBE_ACTION_SIGKILL"),
    ]
    assert all(each["process"].keys() == {"binary", "arguments", "pod"} for _, each in told)


def test_trial() -> None:
    pipeline, _ = export("trial", "pods")
    assert (pipeline.counters.read, pipeline.counters.filtered) == (29, 17)
    text = (ROOT / "examples/export/trial.yaml").read_text()
    assert load_export_config(text).spec.mode == "DryRun"


def test_capture() -> None:
    _, lines = export("capture", "pods")
    assert len(lines) == 14
    assert {body(line)[1]["process"]["pod"]["name"] for line in lines} == {"cart-1"}
