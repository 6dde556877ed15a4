from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from osmia_events.config import FilterConfig, PipelineConfig

DOCUMENT = (Path(__file__).parents[3] / "docs" / "pipeline.md").read_text()


def test_the_example_prints_what_the_document_says() -> None:
    code, output = re.findall(r"```(?:python)?\n(.*?)```", DOCUMENT, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert ran == output


def test_every_condition_and_field_is_documented() -> None:
    for name in FilterConfig.model_fields:
        assert f"`{name}`" in DOCUMENT
    for field in PipelineConfig.model_fields.values():
        assert f"`{field.alias}`" in DOCUMENT
