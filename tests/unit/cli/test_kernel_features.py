from __future__ import annotations

import subprocess
import sys

import click
import pytest

from osmia_cli import kernel_features
from osmia_cli.kernel_features import Feature, parse_features


def test_lines_of_the_probe() -> None:
    text = (
        "btf                   yes  /sys/kernel/btf/vmlinux\n"
        "credentials at exec   no   no such function\n"
        "tail calls            yes\n"
        "a name that is longer than all others yes because\n"
        "not a line of it\n"
    )
    assert parse_features(text) == [
        Feature("btf", True, "/sys/kernel/btf/vmlinux"),
        Feature("credentials at exec", False, "no such function"),
        Feature("tail calls", True, ""),
        Feature("a name that is longer than all others", True, "because"),
    ]


def test_the_agents_own_lines_are_read() -> None:
    command = [sys.executable, "-m", "osmia_agent.main", "probe"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert len(parse_features(result.stdout)) == len(result.stdout.splitlines())


def test_without_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_features, "_AGENT", "no_such_agent")
    with pytest.raises(click.ClickException, match="the agent is not installed"):
        kernel_features.probe_features()


def test_a_probe_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    # A package that is there, and has no `main` to run.
    monkeypatch.setattr(kernel_features, "_AGENT", "json")
    complaint = r"osmia-agent probe: .*No module named json\.main"
    with pytest.raises(click.ClickException, match=complaint):
        kernel_features.probe_features()
