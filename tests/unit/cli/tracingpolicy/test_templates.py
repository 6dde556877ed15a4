from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from osmia_api.tracing_policy.loading import load_policy
from osmia_cli.tracingpolicy import templates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "policy",
    [
        templates.each_syscall(["sys_a", "sys_b"]),
        templates.list_of_syscalls(["sys_a"], "/bin/x"),
        templates.list_of_functions(["tcp_close"]),
        templates.uprobe("/bin/x", ["main"], "/bin/y"),
        templates.each_usdt("/bin/x", [("p", "q"), ("p", "r")]),
    ],
    ids=lambda policy: policy["metadata"]["name"],
)
def test_what_is_printed_is_a_policy(policy: templates.Policy) -> None:
    assert load_policy(templates.render(policy)).metadata.name == policy["metadata"]["name"]


def test_functions_that_can_be_traced(tmp_path: Path) -> None:
    text = "tcp_close\ntcp_open [tcp]\nudp_x\ntcp_close\n"
    (tmp_path / "available_filter_functions").write_text(text)
    places = [tmp_path / "missing", tmp_path]
    assert templates.traceable_functions("^tcp_", places) == ["tcp_close", "tcp_open"]


def test_a_kernel_that_does_not_tell(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="cannot be read: needs root, tracefs"):
        templates.traceable_functions("", [tmp_path])


def test_a_bad_pattern() -> None:
    with pytest.raises(click.ClickException, match="--regex: missing "):
        templates.traceable_functions("(")


def test_without_types_the_known_calls_are_meant(tmp_path: Path) -> None:
    calls = templates.syscalls(tmp_path / "missing", "x86_64")
    assert {"sys_read", "sys_execve"} <= set(calls)


def test_another_machine() -> None:
    with pytest.raises(click.ClickException, match="of vax are not known"):
        templates.syscalls(machine="vax")
