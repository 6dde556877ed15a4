"""Every file in examples/ is run by a test, and a page that shows one shows what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"

# Folder of examples, and where the tests are that run each file in it.
RUN_BY = {
    "policies": ("tests/unit/examples/test_policies.py", "tests/bpf/policy/test_policies.py"),
    "export": ("tests/unit/examples/test_export.py", "tests/cluster/test_examples.py"),
    "recordings": ("tests/unit/examples/test_export.py",),
    "values": ("tests/chart/test_examples.py",),
    "agent": ("tests/unit/examples/test_agent.py",),
}
_SHOWN = re.compile(r'^``` ?yaml title="(examples/[^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)


def test_every_folder_is_run_by_tests() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == RUN_BY.keys()
    for folder, tests in RUN_BY.items():
        for test in tests:
            assert f'"examples/{folder}"' in (ROOT / test).read_text(), test
        assert not [path for path in (EXAMPLES / folder).iterdir() if path.is_dir()]


def test_the_list_names_every_file() -> None:
    text = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*/*"):
        name = path.relative_to(EXAMPLES).as_posix()
        assert f"]({name})" in text, f"examples/README.md does not name {name}"


def _shown() -> list[tuple[Path, str, str]]:
    return [
        (page, name, text)
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for name, text in _SHOWN.findall(page.read_text())
    ]


@pytest.mark.parametrize(
    ("page", "name", "text"),
    _shown(),
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_what_a_page_shows_is_the_file(page: Path, name: str, text: str) -> None:
    """The page may leave out the comments."""
    whole = (ROOT / name).read_text()
    assert yaml.safe_load(text) == yaml.safe_load(whole)
    assert set(text.splitlines()) <= set(whole.splitlines())


def test_pages_show_examples() -> None:
    assert _shown()
