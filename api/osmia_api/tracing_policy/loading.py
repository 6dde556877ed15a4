"""From YAML, or from an object of the API, to a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.resource.loading import load_resource, resource_from_object
from osmia_api.tracing_policy.policy import Policy, TracingPolicy, TracingPolicyNamespaced

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: dict[str, type[Policy]] = {
    "TracingPolicy": TracingPolicy,
    "TracingPolicyNamespaced": TracingPolicyNamespaced,
}


def load_policy(yaml_text: str | bytes) -> Policy:
    """Read a policy from YAML, and check all that the schema demands.

    What upstream accepts in a policy file is accepted, what it rejects is rejected; so is a second
    document, which upstream would leave out without a word.

    Raises InvalidObjectError with every problem, and the lines of the text where they are.
    """
    return load_resource(yaml_text, _KINDS, "a policy")


def policy_from_object(manifest: Mapping[str, object]) -> Policy:
    """Read a policy from an object as the API server gives it.

    Raises InvalidObjectError with every problem.
    """
    return resource_from_object(manifest, _KINDS, "a policy")
