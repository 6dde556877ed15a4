"""What to do about the bundle of one source. Pure: what there is and should be, to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import Bundle
from osmia_operator.config_map import build_config_map, fingerprint

if TYPE_CHECKING:
    from osmia_operator.config_map import ObservedBundle
    from osmia_operator.validation import Verdict


class Plan(NamedTuple):
    """What to write; nothing if all is as it should be."""

    apply: dict[str, Any] | None = None
    """ConfigMap to apply."""
    delete: ObservedBundle | None = None
    """ConfigMap to delete, unless it is not that one any more."""


NOTHING = Plan()


def reconcile(
    desired: Verdict | None, uid: str, observed: ObservedBundle | None, namespace: str
) -> Plan:
    """Bring the ConfigMap of a source in line with the source.

    `desired` is the verdict on the source, None if there is no such object; `uid` is the object's.
    While a source is rejected, its last good version stays in force; that of an earlier object of
    the same name does not.
    """
    if isinstance(desired, Bundle):
        config_map = build_config_map(desired, namespace)
        if observed is not None and observed.fingerprint == fingerprint(config_map):
            return NOTHING
        return Plan(apply=config_map)
    if observed is None:
        return NOTHING
    if desired is not None and observed.source is not None and observed.source_uid == uid:
        return NOTHING
    return Plan(delete=observed)
