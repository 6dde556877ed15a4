"""The bundles of one node: what the operator has written, as far as it is for this node. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from osmia_api.resource.label_match import selects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.bundle import Bundle, SourceId


@dataclass(frozen=True, slots=True)
class BadBundle:
    """A bundle that must not be used."""

    reason: str
    short_hash: str = ""
    """What is stated beside it, if anything is."""


@dataclass(frozen=True, slots=True)
class BundleSet:
    """What is to be in force on the node; immutable, replaced whole."""

    bundles: Mapping[str, Bundle] = field(default_factory=lambda: MappingProxyType({}))
    """By id."""
    refused: Mapping[str, BadBundle] = field(default_factory=lambda: MappingProxyType({}))
    """Damaged bundles, by id; the last good version of each, if there is one, is in `bundles`."""
    elsewhere: frozenset[SourceId] = frozenset()
    """What only other nodes are to have."""


EMPTY = BundleSet()


class BundleStore:
    """All bundles, whatever node they are for; used by one thread."""

    def __init__(self, known: Mapping[str, Bundle]) -> None:
        self._good = dict(known)
        self._refused: dict[str, BadBundle] = {}

    def put(self, bundle_id: str, bundle: Bundle | BadBundle) -> bool:
        """Take a bundle; a damaged one leaves the last good version. Tell whether that is news."""
        if isinstance(bundle, BadBundle):
            if self._refused.get(bundle_id) == bundle:
                return False
            self._refused[bundle_id] = bundle
            return True
        was_refused = self._refused.pop(bundle_id, None) is not None
        before = self._good.get(bundle_id)
        if before is not None and before.payload == bundle.payload:
            return was_refused
        self._good[bundle_id] = bundle
        return True

    def drop(self, bundle_id: str) -> bool:
        """Forget a bundle; tell whether that is news."""
        was_refused = self._refused.pop(bundle_id, None) is not None
        return self._good.pop(bundle_id, None) is not None or was_refused

    def ids(self) -> set[str]:
        """Return the ids of all bundles."""
        return self._good.keys() | self._refused.keys()

    def select(self, labels: Mapping[str, str]) -> BundleSet:
        """Return what is for a node with these labels."""
        chosen = {
            bundle_id: bundle
            for bundle_id, bundle in sorted(self._good.items())
            if selects(bundle.node_selector, labels)
        }
        refused = {
            bundle_id: bad
            for bundle_id, bad in sorted(self._refused.items())
            if bundle_id in chosen or bundle_id not in self._good
        }
        elsewhere = {
            bundle.source for bundle_id, bundle in self._good.items() if bundle_id not in chosen
        }
        return BundleSet(MappingProxyType(chosen), MappingProxyType(refused), frozenset(elsewhere))
