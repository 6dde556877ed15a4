"""Policies for tests, as objects, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from osmia_api.tracing_policy import (
    InvalidObjectError,
    Problem,
    TracingPolicySpec,
    policy_from_object,
)

FULL_POLICY = (Path(__file__).parent / "full_policy.yaml").read_text()


def policy(**spec: Any) -> dict[str, Any]:
    """A policy with this spec."""
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": "sample"},
        "spec": spec,
    }


def kprobe(**fields: Any) -> dict[str, Any]:
    """A policy with one kprobe."""
    return policy(kprobes=[{"call": "sys_write", **fields}])


def selector(**fields: Any) -> dict[str, Any]:
    """A policy with one kprobe that has one selector."""
    return kprobe(selectors=[fields])


def read(manifest: dict[str, Any]) -> TracingPolicySpec:
    """The spec of a policy that must be valid."""
    return policy_from_object(manifest).spec


def found_problems(manifest: dict[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with a policy; nothing if it is valid."""
    try:
        policy_from_object(manifest)
    except InvalidObjectError as error:
        return error.problems
    return ()


def problems(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a policy, in words."""
    return [str(problem) for problem in found_problems(manifest)]
