"""Which bundles are for a node, and what a damaged one does to them."""

from __future__ import annotations

from osmia_agent.kube.bundle_set import BadBundle, BundleStore

from .bundles import export, policy

WEB = export("web", nodeSelector={"matchLabels": {"pool": "web"}})
ALL = export("all")
BAD = BadBundle("its SHA-256 is other", "01234567")


def test_selection_follows_labels() -> None:
    store = BundleStore({})
    assert store.put(WEB.id, WEB)
    assert store.put(ALL.id, ALL)
    assert set(store.select({}).bundles) == {ALL.id}
    assert set(store.select({"pool": "web"}).bundles) == {ALL.id, WEB.id}


def test_what_is_for_other_nodes_is_known_by_name() -> None:
    store = BundleStore({ALL.id: ALL, WEB.id: WEB})
    chosen = store.select({})
    assert chosen.elsewhere == {WEB.source}
    store.put(WEB.id, export("web", rateLimit=5, nodeSelector={"matchLabels": {"pool": "x"}}))
    assert store.select({}) == chosen
    assert store.select({"pool": "x"}).elsewhere == frozenset()


def test_the_same_again_is_no_news() -> None:
    store = BundleStore({ALL.id: ALL})
    assert not store.put(ALL.id, ALL)
    assert store.put(ALL.id, export("all", rateLimit=5))
    assert store.drop(ALL.id)
    assert not store.drop(ALL.id)


def test_a_damaged_one_leaves_the_last_good_version() -> None:
    store = BundleStore({ALL.id: ALL})
    assert store.put(ALL.id, BAD)
    assert not store.put(ALL.id, BAD)
    chosen = store.select({})
    assert chosen.bundles[ALL.id] == ALL
    assert chosen.refused[ALL.id] == BAD
    assert store.put(ALL.id, ALL)
    assert store.select({}).refused == {}


def test_a_damaged_one_without_a_good_version_is_told() -> None:
    store = BundleStore({})
    store.put("x", BAD)
    assert store.ids() == {"x"}
    assert dict(store.select({}).refused) == {"x": BAD}
    assert store.drop("x")


def test_a_damaged_one_that_was_for_other_nodes_is_not_told() -> None:
    store = BundleStore({WEB.id: WEB})
    store.put(WEB.id, BAD)
    assert store.select({}).refused == {}


def test_sets_are_compared_by_content() -> None:
    first, second = BundleStore({}), BundleStore({})
    for store in (first, second):
        store.put(ALL.id, export("all"))
    assert first.select({}) == second.select({})
    second.put("p", policy("p"))
    assert first.select({}) != second.select({})
