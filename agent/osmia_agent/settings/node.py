"""What this node is called: in events, and in Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class NodeNames(NamedTuple):
    """The two names of a node; they differ only where both variables are set and differ."""

    export: str
    """`node_name` of events: `HUBBLE_NODE_NAME`, else `NODE_NAME`, else the host name."""
    kubernetes: str
    """Name of the Node object: `NODE_NAME`, else `HUBBLE_NODE_NAME`, else the host name."""


def node_names(environment: Mapping[str, str], host_name: str) -> NodeNames:
    """Apply the contract's two orders of preference; an empty variable counts as unset."""
    hubble = environment.get("HUBBLE_NODE_NAME", "")
    node = environment.get("NODE_NAME", "")
    return NodeNames(hubble or node or host_name, node or hubble or host_name)
