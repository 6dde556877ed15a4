"""TracingPolicy and TracingPolicyNamespaced: the policies that users write.

`load_policy` reads a policy from YAML, `policy_from_object` from the API; both give models that are
immutable and hold what the schema demands. What a policy means, and whether a kernel can do what it
asks, is not known here. The models are the one source of the custom resource definitions as well
(`osmia_api.crds`).
"""

from __future__ import annotations

from osmia_api.problems import InvalidObjectError, Problem
from osmia_api.tracing_policy.loading import load_policy, policy_from_object
from osmia_api.tracing_policy.policy import (
    Policy,
    TracingPolicy,
    TracingPolicyNamespaced,
    TracingPolicySpec,
)

__all__ = [
    "InvalidObjectError",
    "Policy",
    "Problem",
    "TracingPolicy",
    "TracingPolicyNamespaced",
    "TracingPolicySpec",
    "load_policy",
    "policy_from_object",
]
