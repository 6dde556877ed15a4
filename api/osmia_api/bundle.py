"""Bundles: what the operator hands to the agents of one policy or ExportConfig.

A bundle is a ConfigMap with one key, `bundle.json`: the source's identity and its normalised spec,
as canonical JSON, so that equal content has an equal hash. The hash stands beside it, so that an
agent notices damage. Names of sources may be 253 characters long, so ConfigMaps are named by a hash
of kind, namespace and name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.export_config import ExportConfig, export_config_from_object
from osmia_api.problems import InvalidObjectError
from osmia_api.tracing_policy import Policy, policy_from_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.resource.label_selector import LabelSelector

LABEL = "osmia.dev/bundle"
"""Label of the ConfigMaps that are bundles; its value is the id."""
DIGEST_ANNOTATION = "osmia.dev/sha256"
SOURCE_ANNOTATION = "osmia.dev/source"
"""Kind, namespace and name of the source, for people: `TracingPolicyNamespaced default/web`."""
DATA_KEY = "bundle.json"
NAME_PREFIX = "osmia-bundle-"
MAX_PAYLOAD_BYTES = 1 << 20
"""What a ConfigMap can hold."""

FORMAT = 1
_ID_DIGITS = 20
_SHORT_HASH_DIGITS = 8

Resource = Policy | ExportConfig


class SourceId(NamedTuple):
    """Which object a bundle was made of."""

    kind: str
    namespace: str
    """Empty for an object of the cluster."""
    name: str

    def __str__(self) -> str:
        """`TracingPolicyNamespaced default/web`."""
        return (
            f"{self.kind} {self.namespace}/{self.name}"
            if self.namespace
            else (f"{self.kind} {self.name}")
        )

    @property
    def bundle_id(self) -> str:
        """20 hex digits that stand for the source in names and reports."""
        text = "\0".join(self)
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]

    @property
    def config_map_name(self) -> str:
        """Name of the bundle's ConfigMap."""
        return NAME_PREFIX + self.bundle_id


class BundleError(ValueError):
    """A bundle that must not be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of a source's content."""

    source: SourceId
    uid: str
    """Of the source: another object under the same name is another source."""
    generation: int
    resource: Resource = field(compare=False)
    payload: bytes
    """The canonical JSON of all the above."""

    @property
    def digest(self) -> str:
        """SHA-256 of the payload in hex."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def short_hash(self) -> str:
        """How reports name this version."""
        return self.digest[:_SHORT_HASH_DIGITS]

    @property
    def id(self) -> str:
        """How reports name the source."""
        return self.source.bundle_id

    @property
    def node_selector(self) -> LabelSelector | None:
        """Nodes that the bundle is for; none means all."""
        return self.resource.spec.node_selector


def read_resource(manifest: Mapping[str, object]) -> Resource:
    """Read any kind that bundles are made of, without its status. Raises InvalidObjectError."""
    wanted = {name: value for name, value in manifest.items() if name != "status"}
    if wanted.get("kind") == "ExportConfig":
        return export_config_from_object(wanted)
    return policy_from_object(wanted)


def make_bundle(resource: Resource) -> Bundle:
    """Make the bundle of an object as the API server gave it."""
    metadata = resource.metadata
    source = SourceId(resource.kind, metadata.namespace, metadata.name)
    spec = resource.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    content = {
        "format": FORMAT,
        "apiVersion": resource.api_version,
        "kind": source.kind,
        "namespace": source.namespace,
        "name": source.name,
        "uid": metadata.uid,
        "generation": metadata.generation,
        "spec": spec,
    }
    payload = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Bundle(source, metadata.uid, metadata.generation, resource, payload.encode())


def parse_bundle(payload: bytes, digest: str) -> Bundle:
    """Read a payload whose SHA-256 must be `digest`. Raises BundleError."""
    if (found := hashlib.sha256(payload).hexdigest()) != digest:
        raise BundleError(f"{DATA_KEY}: its SHA-256 is {found}, but {digest or 'none'} is stated")
    try:
        content = json.loads(payload)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise BundleError(f"{DATA_KEY}: not of format {FORMAT}, which this version reads")
        resource = read_resource(
            {
                "apiVersion": content["apiVersion"],
                "kind": content["kind"],
                "metadata": _metadata(content),
                "spec": content["spec"],
            }
        )
    except InvalidObjectError as error:
        raise BundleError(f"{DATA_KEY}: {error}") from None
    except KeyError as error:
        raise BundleError(f"{DATA_KEY}: {error.args[0]} is missing") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{DATA_KEY}: not valid JSON") from None
    metadata = resource.metadata
    source = SourceId(resource.kind, metadata.namespace, metadata.name)
    return Bundle(source, metadata.uid, metadata.generation, resource, payload)


def _metadata(content: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: content[name] for name in ("namespace", "name", "uid", "generation")}
    return {name: value for name, value in given.items() if value != ""}


def bundle_of_config_map(config_map: Mapping[str, Any]) -> Bundle:
    """Read the bundle in a ConfigMap, and check that it is the one its name stands for.

    Raises BundleError.
    """
    metadata = config_map.get("metadata") or {}
    payload = (config_map.get("data") or {}).get(DATA_KEY)
    if not isinstance(payload, str):
        raise BundleError(f"data: {DATA_KEY} is missing")
    digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION, "")
    bundle = parse_bundle(payload.encode("utf-8", "surrogatepass"), digest)
    if bundle.source.config_map_name != metadata.get("name"):
        raise BundleError(
            f"{DATA_KEY}: holds {bundle.source}, whose ConfigMap is {bundle.source.config_map_name}"
        )
    return bundle
