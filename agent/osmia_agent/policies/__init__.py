"""The policies of a node, wherever they come from: files, Kubernetes, gRPC.

`PolicyManager` is what others use, from any thread. Imported only where there are policies. The
room may import `sensors` and what is below it.
"""

from osmia_agent.policies.manager import GRPC, K8S, RESERVED, STATIC, Mode, PolicyManager
from osmia_agent.sensors.policy_programs import HookCounts, HookState, HookStatus
from osmia_agent.sensors.policy_status import (
    PolicyDetails,
    PolicyError,
    PolicyKey,
    PolicyState,
    PolicyStatus,
)

__all__ = [
    "GRPC",
    "K8S",
    "RESERVED",
    "STATIC",
    "HookCounts",
    "HookState",
    "HookStatus",
    "Mode",
    "PolicyDetails",
    "PolicyError",
    "PolicyKey",
    "PolicyManager",
    "PolicyState",
    "PolicyStatus",
]
