"""Whether an object can be put in force: all that can be known without a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import MAX_PAYLOAD_BYTES, Bundle, make_bundle, read_resource
from osmia_api.export_config import ExportConfig
from osmia_api.problems import InvalidObjectError
from osmia_bpf.policy.problems import HookError
from osmia_bpf.policy.validate import hooks_of, validate_hook
from osmia_bpf.policy.validate import validate as validate_policy
from osmia_events.config import parse_pipeline
from osmia_events.config_errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osmia_api.tracing_policy import TracingPolicySpec

_PIPELINE_FIELDS = (
    "mode",
    "allowList",
    "denyList",
    "fieldFilters",
    "redactionFilters",
    "rateLimit",
)
_MAX_MESSAGE_LENGTH = 4096


class Rejection(NamedTuple):
    """Why an object is not accepted."""

    reason: str
    """For programs: `Invalid` or `TooLarge`."""
    message: str
    """For people: each problem with its path, the value, and what would be right."""


Verdict = Bundle | Rejection


def validate(manifest: Mapping[str, Any]) -> Verdict:
    """Make the bundle of an object, or say why there can be none."""
    try:
        resource = read_resource(manifest)
        if isinstance(resource, ExportConfig):
            spec = manifest["spec"]
            given = {name: spec[name] for name in _PIPELINE_FIELDS if name in spec}
            # Whether an agent has what a filter needs is told by that agent.
            parse_pipeline(given, path="spec")
        elif problems := list(_policy_problems(resource.spec)):
            return Rejection("Invalid", _shortened("\n".join(problems)))
    except (InvalidObjectError, ConfigError) as error:
        return Rejection("Invalid", _shortened(str(error)))
    bundle = make_bundle(resource)
    if len(bundle.payload) > MAX_PAYLOAD_BYTES:
        return Rejection(
            "TooLarge",
            f"spec: {len(bundle.payload)} bytes as JSON; a ConfigMap, which carries it to the"
            f" nodes, holds at most {MAX_PAYLOAD_BYTES}: split it into several objects",
        )
    return bundle


def _policy_problems(spec: TracingPolicySpec) -> Iterator[str]:
    """Tell what no kernel could do; what one kernel cannot is told by that node's agent."""
    try:
        validate_policy(spec)
    except HookError as error:
        yield str(error)
    for section, place, hook in hooks_of(spec):
        try:
            validate_hook(section, hook, place)
        except HookError as error:
            yield str(error)


def _shortened(message: str) -> str:
    if len(message) <= _MAX_MESSAGE_LENGTH:
        return message
    return message[: _MAX_MESSAGE_LENGTH - 3] + "..."
