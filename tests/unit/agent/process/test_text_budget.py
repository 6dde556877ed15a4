from __future__ import annotations

import pytest

from osmia_agent.process import text_budget
from osmia_agent.process.identity import ImageKey
from osmia_agent.process.image import ProcessImage
from osmia_agent.process.image_store import ImageStore
from osmia_events.model import EnvVar, Process

KERNEL = ProcessImage(ImageKey(0, 1, 0), Process(), None)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    monkeypatch.setattr(text_budget, "BUDGET_CHARACTERS", 10_000)
    return ImageStore(1000)


def add(store: ImageStore, tgid: int, size: int, *, forked: bool = False, **other) -> ProcessImage:
    process = Process(arguments="x" * size, flags="execve clone", **other)
    image = ProcessImage(ImageKey(tgid, tgid, 0), process, KERNEL, forked=forked)
    store.add(image)
    return image


def test_texts_within_the_budget_stay_whole(store: ImageStore):
    images = [add(store, tgid, 1000) for tgid in range(1, 11)]
    assert all(len(image.process.arguments) == 1000 for image in images)
    assert store.texts.held == 10_000
    for image in images:
        store.end(image)
    for _ in range(2):
        store.release()
    assert store.texts.held == 0


def test_texts_beyond_the_budget_are_cut_and_marked(store: ImageStore):
    small = add(store, 1, 30)
    large = [add(store, tgid, 3000) for tgid in range(2, 5)]
    before = large[0].process
    newest = add(store, 9, 2000)
    assert len(newest.process.arguments) == 2000  # its event is still to come
    assert len(small.process.arguments) == 30
    for image in large:
        assert len(image.process.arguments) == 10_000 // 2 // 4
        assert image.process.flags == "execve truncArgs clone"
    assert len(before.arguments) == 3000  # events that name it keep what they have
    assert store.texts.held == 30 + 3 * 1250 + 2000
    assert store.texts.cut == 3


def test_environments_count_and_go(store: ImageStore):
    variables = (EnvVar("K" * 10, "v" * 6000), EnvVar("L", "w"))
    image = add(store, 1, 10, environment_variables=variables)
    assert store.texts.held == 6022
    add(store, 2, 7000)
    assert image.process.environment_variables == ()
    assert image.process.flags == "execve errorEnvs clone"
    assert len(image.process.arguments) == 10


def test_forked_images_share_their_parents_text_but_are_cut_with_it(store: ImageStore):
    add(store, 1, 8000)
    children = [add(store, tgid, 8000, forked=True) for tgid in range(2, 20)]
    assert store.texts.held == 8000
    add(store, 30, 3000)
    assert all(len(child.process.arguments) < 1000 for child in children)


def test_what_is_held_is_bounded_whatever_comes(store: ImageStore):
    for tgid in range(1, 400):
        add(store, tgid, 5000)
        assert store.texts.held <= 10_000 + 5000 + 64 * tgid
