"""What is accepted, and how a refusal reads."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.bundle import MAX_PAYLOAD_BYTES, Bundle
from osmia_operator.validation import Rejection, validate

from .objects import export_config, policy


@pytest.mark.parametrize("manifest", [policy(), policy(namespace="shop"), export_config()])
def test_accepted(manifest: dict[str, Any]) -> None:
    verdict = validate(manifest)
    assert isinstance(verdict, Bundle)
    assert verdict.source.name == "web"


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (
            export_config(allowList=[{"binaryRegex": ["ok", "(foo"]}]),
            'spec.allowList[0].binaryRegex[1]: missing closing ): "(foo"',
        ),
        (
            export_config(redactionFilters=[{"redact": ["password"]}]),
            "spec.redactionFilters[0].redact[0]: redacts nothing without a capture group, ",
        ),
        (
            export_config(denyList=[{"labels": ["a in ("]}]),
            "spec.denyList[0].labels[0]: ",
        ),
        (export_config(rateLimit=-5), "spec.rateLimit: -5 must be at least -1"),
        (
            policy(
                kprobes=[
                    {"call": "f", "message": "x"},
                    {"call": "g", "selectors": [{}] * 6},
                ]
            ),
            (
                "spec.kprobes[0].message: 'x' is too short: at least 2 bytes\n"
                "spec.kprobes[1].selectors: at most 5 selectors"
            ),
        ),
        (policy(kprobes=[{"syscall": True}]), "spec.kprobes[0].call: required, but absent"),
    ],
)
def test_refused(manifest: dict[str, Any], message: str) -> None:
    verdict = validate(manifest)
    assert isinstance(verdict, Rejection)
    assert verdict.reason == "Invalid"
    assert verdict.message.startswith(message)


def test_options_of_nodes_are_not_judged() -> None:
    filters = [{"capabilities": {"effective": {"any": ["CAP_SYS_ADMIN"]}}}]
    assert isinstance(validate(export_config(allowList=filters)), Bundle)


def test_larger_than_a_config_map_holds() -> None:
    filters = [{"namespace": ["x" * 1000]} for _ in range(900)]
    assert isinstance(validate(export_config(denyList=filters)), Bundle)
    filters = [{"namespace": ["x" * 1300]} for _ in range(900)]
    verdict = validate(export_config(denyList=filters))
    assert isinstance(verdict, Rejection)
    assert verdict.reason == "TooLarge"
    assert f"at most {MAX_PAYLOAD_BYTES}" in verdict.message


def test_a_very_long_message_is_cut() -> None:
    filters = [{"binaryRegex": [f"({'a' * 300}"]} for _ in range(100)]
    verdict = validate(export_config(denyList=filters))
    assert isinstance(verdict, Rejection)
    assert len(verdict.message) == 4096
