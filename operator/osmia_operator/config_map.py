"""ConfigMaps that carry bundles: how they are made, and what of an existing one matters."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import (
    DATA_KEY,
    DIGEST_ANNOTATION,
    LABEL,
    SOURCE_ANNOTATION,
    BundleError,
    SourceId,
    bundle_of_config_map,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.bundle import Bundle

Object = dict[str, Any]


def build_config_map(bundle: Bundle, namespace: str) -> Object:
    """Build the ConfigMap of a bundle.

    It belongs to a source of the cluster, so that it goes when that goes, also while no operator
    runs. It cannot belong to a source of another namespace.
    """
    source = bundle.source
    metadata: Object = {
        "name": source.config_map_name,
        "namespace": namespace,
        "labels": {LABEL: source.bundle_id, "app.kubernetes.io/managed-by": "osmia-operator"},
        "annotations": {DIGEST_ANNOTATION: bundle.digest, SOURCE_ANNOTATION: str(source)},
    }
    if not source.namespace:
        metadata["ownerReferences"] = [
            {
                "apiVersion": bundle.resource.api_version,
                "kind": source.kind,
                "name": source.name,
                "uid": bundle.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {DATA_KEY: bundle.payload.decode()},
    }


def fingerprint(config_map: Mapping[str, Any]) -> str:
    """Hash what the operator has to say about a ConfigMap; what others add makes no difference."""
    metadata = config_map["metadata"]
    labels = metadata.get("labels") or {}
    annotations = metadata.get("annotations") or {}
    owners = [
        (owner.get("apiVersion"), owner.get("kind"), owner.get("name"), owner.get("uid"))
        for owner in metadata.get("ownerReferences") or ()
    ]
    content = [
        metadata.get("name"),
        labels.get(LABEL),
        annotations.get(DIGEST_ANNOTATION),
        annotations.get(SOURCE_ANNOTATION),
        owners,
        (config_map.get("data") or {}).get(DATA_KEY),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class ObservedBundle(NamedTuple):
    """What the operator remembers of a ConfigMap that exists."""

    name: str
    uid: str
    fingerprint: str
    source: SourceId | None
    """None if its content is damaged."""
    source_uid: str
    generation: int


def observe(config_map: Mapping[str, Any]) -> ObservedBundle:
    """Take from a ConfigMap what matters."""
    metadata = config_map["metadata"]
    try:
        bundle = bundle_of_config_map(config_map)
    except BundleError:
        source, source_uid, generation = None, "", 0
    else:
        source, source_uid, generation = bundle.source, bundle.uid, bundle.generation
    return ObservedBundle(
        metadata["name"],
        metadata.get("uid", ""),
        fingerprint(config_map),
        source,
        source_uid,
        generation,
    )
