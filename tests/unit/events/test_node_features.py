from __future__ import annotations

from osmia_events.model import EventType
from osmia_events.node_features import NodeFeatures


def test_by_default_everything_is_there() -> None:
    assert NodeFeatures().process_cred
    assert NodeFeatures().missing_ancestors(()) == []


def test_without_base_nothing_works() -> None:
    features = NodeFeatures(ancestors=frozenset({"kprobe"}))
    assert features.missing_ancestors((EventType.PROCESS_KPROBE,)) == ["base"]


def test_all_types_are_needed_where_none_is_selected() -> None:
    features = NodeFeatures(ancestors=frozenset({"base", "kprobe"}))
    assert features.missing_ancestors((EventType.PROCESS_EXEC, EventType.PROCESS_KPROBE)) == []
    assert features.missing_ancestors(()) == ["tracepoint", "loader", "uprobe", "lsm", "usdt"]
    assert features.missing_ancestors((EventType.PROCESS_THROTTLE,)) == []
