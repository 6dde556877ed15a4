"""Puts in force what the cluster says: policies and export pipelines, without a restart.

`BundleApplier` is what `assembly` uses. Imported only when Kubernetes is on; the room may import
`policies`, `kube` and `export` and what is below them.
"""

from osmia_agent.bundles.applier import BundleApplier
from osmia_agent.bundles.exports import ExportBundles, OptionsPipeline
from osmia_agent.bundles.policies import PolicyBundles

__all__ = ["BundleApplier", "ExportBundles", "OptionsPipeline", "PolicyBundles"]
