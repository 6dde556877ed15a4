"""Pipelines out of ExportConfigs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.kube.export_plan import (
    ExportPlan,
    FileTarget,
    StdoutTarget,
    plan_exports,
    resolve_path,
)
from osmia_agent.kube.outcome import State
from osmia_events.config import Mode
from osmia_events.node_features import NodeFeatures

from .bundles import export, policy

if TYPE_CHECKING:
    from osmia_api.bundle import Bundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plan(*bundles: Bundle, directory: Path = Path("/exports"), **options: Any) -> ExportPlan:
    given = {"features": NodeFeatures(), "now": NOW, **options}
    return plan_exports({each.id: each for each in bundles}, directory=directory, **given)


def test_a_file() -> None:
    file = {
        "path": "a/web.log",
        "maxSizeMB": 3,
        "rotationInterval": "1h",
        "maxBackups": 2,
        "compress": False,
        "permissions": "640",
    }
    made = export(mode="DryRun", rateLimit=7, denyList=[{"pid": [1]}], sink={"file": file})
    found = plan(made, policy())
    (pipeline,) = found.pipelines.values()
    assert (pipeline.bundle_id, pipeline.short_hash) == (made.id, made.short_hash)
    assert pipeline.target == FileTarget(
        Path("/exports/a/web.log"), 3, timedelta(hours=1), 2, False, 0o640
    )
    assert (pipeline.config.mode, pipeline.config.rate_limit) == (Mode.DRY_RUN, 7)
    assert pipeline.config.deny_list[0].pid == (1,)
    assert (dict(found.outcomes), found.next_expiry) == ({}, None)


def test_stdout() -> None:
    (pipeline,) = plan(export(sink={"stdout": {}})).pipelines.values()
    assert pipeline.target == StdoutTarget()


@pytest.mark.parametrize("path", ["/etc/passwd", "/exports", "/exports-other/x", "."])
def test_a_file_elsewhere_is_refused(path: str) -> None:
    made = export(sink={"file": {"path": path}})
    found = plan(made)
    assert found.pipelines == {}
    outcome = found.outcomes[made.id]
    assert outcome.state is State.FAILED
    assert outcome.reason == (
        f"spec.sink.file.path: {path!r} is not below /exports, the export directory of this node"
    )


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "exports"
    directory.mkdir()
    (directory / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="is not below"):
        resolve_path("out/x.log", directory)
    assert resolve_path(str(directory / "in.log"), directory) == directory.resolve() / "in.log"


def test_no_two_pipelines_write_to_one_place() -> None:
    first = export("a", sink={"file": {"path": "x.log"}})
    second = export("b", sink={"file": {"path": "./x.log"}})
    stdout = export("c", sink={"stdout": {}})
    found = plan(second, first, stdout, taken=[None])
    assert list(found.pipelines) == ["a"]
    assert found.outcomes[second.id].reason == (
        "spec.sink.file.path: already written to by ExportConfig a"
    )
    assert found.outcomes[stdout.id].reason == (
        "spec.sink.stdout: already written to by the agent's own options"
    )


def test_expiry() -> None:
    over = export("over", expiresAt="2025-12-31T23:59:59Z")
    soon = export("soon", expiresAt="2026-01-01T01:00:00+00:30")
    later = export("later", expiresAt="2026-06-01T00:00:00Z")
    found = plan(over, soon, later)
    assert list(found.pipelines) == ["later", "soon"]
    assert found.next_expiry == datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    assert found.outcomes[over.id].state is State.SKIPPED
    assert found.outcomes[over.id].reason == "spec.expiresAt: 2025-12-31T23:59:59Z is over"


def test_what_this_agent_lacks_is_told() -> None:
    made = export(allowList=[{"capabilities": {"effective": {"any": ["CAP_SYS_ADMIN"]}}}])
    outcome = plan(made, features=NodeFeatures(process_cred=False)).outcomes[made.id]
    assert outcome.state is State.FAILED
    assert "--enable-process-cred" in outcome.reason
    assert outcome.reason.startswith("spec.allowList[0]")


def test_one_bad_pipeline_leaves_others_alone() -> None:
    bad = export("bad", allowList=[{"binaryRegex": ["("]}])
    found = plan(bad, export("good"))
    assert list(found.pipelines) == ["good"]
    assert found.outcomes[bad.id].reason.startswith("spec.allowList[0].binaryRegex[0]: ")
