"""The agent takes its example options from where they say that they belong."""

from __future__ import annotations

import shutil
from pathlib import Path

from osmia_agent.settings.load import load_settings
from osmia_events.config import parse_filters, parse_redaction_filters

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "examples/agent"


def test_options_of_an_agent(tmp_path: Path) -> None:
    assert [path.name for path in FOLDER.iterdir()] == ["osmia.yaml"]
    (tmp_path / "etc/osmia").mkdir(parents=True)
    shutil.copy(FOLDER / "osmia.yaml", tmp_path / "etc/osmia")
    loaded = load_settings([], {}, tmp_path)
    assert loaded.warnings == ()
    settings = loaded.settings
    assert settings.export_filename == "/var/log/osmia/events.json"
    assert settings.export_file_max_backups == 3
    assert settings.enable_process_cred
    assert settings.metrics_server
    assert len(parse_filters(settings.export_denylist, "deny")) == 1
    assert len(parse_redaction_filters(settings.redaction_filters, "redact")) == 1
