"""The quick start in a cluster: what its pages show is what its commands print, today."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from scripts.walk import PAGE, PAGES, ROOT, blocks, commands, comparable, files, replaced
from tests.chart.helm import HelmUnavailableError, engine
from tests.cluster.api_server import build
from tests.cluster.kubectl import UnavailableError, kubectl
from tests.containers.runtime import BUSYBOX


def test_a_block_is_its_commands_and_what_they_print() -> None:
    block = "    $ one \\\n          -x\n    1\n\n    2\n    $ two\n"
    page = f"Text.\n\n<!-- walk: a -->\n\n{block}\nText.\n"
    assert list(blocks(page)) == ["a"]
    assert commands(blocks(page)["a"]) == ["one \\\n      -x", "two"]
    new = replaced(page, {"a": "    $ one\n    3\n"})
    assert new == "Text.\n\n<!-- walk: a -->\n\n    $ one\n    3\n\nText.\n"


def test_what_is_another_each_time_is_not_compared() -> None:
    assert comparable("    at 2026-01-02T03:04:05.6Z\n") == comparable(
        "    at 2025-01-02T03:04:05Z\n"
    )
    assert comparable('    n{p="x"} 12.0\n') == comparable('    n{p="x"} 7.0\n')
    assert comparable('    {"exec_id":"a"}\n') == comparable('    {"exec_id":"b"}\n')
    assert comparable("    hosts   True   5s\n") == comparable("    hosts True 1m3s\n")
    assert comparable("    hosts   True   5s\n") != comparable("    hosts   False   5s\n")


def test_pages_show_the_same() -> None:
    own = blocks(PAGE.read_text())
    assert {"install", "events", "policy", "live", "upgrade", "metrics", "uninstall"} <= set(own)
    for page in PAGES[1:]:
        shown = blocks(page.read_text())
        assert shown
        for name, block in shown.items():
            assert block == own[name], f"{page.name}: {name}: run `make walk`"
        for name, text in files(page.read_text()).items():
            assert text == files(PAGE.read_text())[name]


def test_the_walk_prints_what_the_pages_show() -> None:
    try:
        kubectl()
        build()
        if not shutil.which("helm"):
            engine()
        if os.geteuid() != 0 or not shutil.which("runc") or not BUSYBOX.exists():
            raise UnavailableError("it needs root, runc and busybox-static")
    except (UnavailableError, HelmUnavailableError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/walk.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
