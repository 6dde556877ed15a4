"""The agent's side of Kubernetes: bundles in, reports out. Imported only when Kubernetes is on.

`KubernetesSide` is what `main` uses: it keeps the bundles for this node, as one immutable
`BundleSet` that is replaced whole, and reports what became of them. Imports `osmia_api` and no
other room of the agent.
"""

from __future__ import annotations

from osmia_agent.kube.bundle_set import BundleSet
from osmia_agent.kube.outcome import Outcome, State
from osmia_agent.kube.side import KubernetesSide

__all__ = ["BundleSet", "KubernetesSide", "Outcome", "State"]
