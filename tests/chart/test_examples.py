"""Example values: lint finds nothing, and they mean what their comments say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.rendered import names, one

if TYPE_CHECKING:
    from tests.chart.helm import Helm

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples/values").iterdir())


def values(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "examples/values" / f"{name}.yaml").read_text())
    return loaded


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_values_have_no_problem(helm: Helm, path: Path) -> None:
    helm.run("lint", values=values(path.stem), strict=True)
    assert helm.template(values(path.stem))
    # Each has an expectation below.
    assert f'values("{path.stem}")' in Path(__file__).read_text()


def test_minimal(helm: Helm) -> None:
    objects = helm.template(values("minimal"))
    assert names(objects, "Deployment") == set()
    assert names(objects, "Service") == set()
    assert names(objects, "DaemonSet") == {"osmia"}


def test_production(helm: Helm) -> None:
    objects = helm.template(values("production"))
    spec = one(objects, "ExportConfig", "default")["spec"]
    assert [len(spec[key]) for key in ("denyList", "redactionFilters")] == [2, 2]
    assert len(names(objects, "ServiceMonitor")) == 2


def test_tetragon_names(helm: Helm) -> None:
    objects = helm.template(values("tetragon-names"))
    assert names(objects, "DaemonSet") == {"tetragon"}
