"""Which operators are for which values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from osmia_api.tracing_policy.selectors import ArgumentSelector
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.types import ArgumentType


def check_operator(
    entry: ArgumentSelector, type_: ArgumentType, known: Collection[str], place: Place
) -> None:
    """Raise `HookError` for an operator that is not one of those for values of a type."""
    if entry.operator not in known:
        (place / "operator").fail(
            f"{entry.operator} is not for arguments of type {type_.name}; those take"
            f" {', '.join(known)}"
        )
