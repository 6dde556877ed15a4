from __future__ import annotations

import gc
import tracemalloc

from osmia_agent.process.identity import ImageKey
from osmia_agent.process.image import ImageState, ProcessImage
from osmia_agent.process.image_store import MAX_ENDED_RUN, ImageStore
from osmia_events.model import Process


class Family:
    """A store with a kernel image and a living first process."""

    def __init__(self, capacity: int = 1000) -> None:
        self.store = ImageStore(capacity)
        self.kernel = ProcessImage(ImageKey(0, 1, 0), Process(), None)
        self.serial = 0
        self.first = self.child(self.kernel)

    def child(self, parent: ProcessImage, tgid: int | None = None) -> ProcessImage:
        self.serial += 1
        image = ProcessImage(ImageKey(tgid or self.serial, self.serial, 0), Process(), parent)
        self.store.add(image)
        return image

    def executes(self, image: ProcessImage) -> ProcessImage:
        self.store.end(image)
        return self.child(image, image.key.tgid)

    def releases(self, times: int = 2) -> None:
        for _ in range(times):
            self.store.release()

    def check(self) -> None:
        """Everything that the store promises."""
        images = self.store.images
        counted: dict[ProcessImage, int] = {}
        for key, image in images.items():
            assert image.key == key
            assert image.state != ImageState.GONE
            assert image.parent is self.kernel or image.parent in images.values()
            if image.parent is not None:
                counted[image.parent] = counted.get(image.parent, 0) + 1
        assert all(image.children == counted.get(image, 0) for image in images.values())
        assert set(self.store.newest.values()) <= set(images.values())


def line(image: ProcessImage) -> list[ProcessImage]:
    images = [image]
    while images[-1].parent is not None:
        images.append(images[-1].parent)
    return images


def test_ended_image_stays_for_one_more_batch():
    family = Family()
    child = family.child(family.first)
    family.store.end(child)
    family.releases(1)
    assert child.key in family.store.images
    family.releases(1)
    assert child.key not in family.store.images
    assert family.store.newest == {family.first.key.tgid: family.first}
    family.check()


def test_children_keep_their_parents():
    family = Family()
    parent = family.child(family.first)
    child = family.child(parent)
    grandchild = family.child(child)
    for image in (parent, child):
        family.store.end(image)
    family.releases(3)
    assert line(grandchild) == [grandchild, child, parent, family.first, family.kernel]
    family.store.end(grandchild)
    family.releases()
    assert set(family.store.images.values()) == {family.first}
    family.check()


def test_many_execs_in_one_process():
    family = Family(100_000)
    image = family.child(family.first)
    for _ in range(10_000):
        image = family.executes(image)
        family.releases(1)
    assert len(family.store.images) < 3 * MAX_ENDED_RUN
    assert line(image)[-2] is family.first
    assert image.parent is not None
    assert image.parent.key.start_boottime_ns == image.key.start_boottime_ns - 1
    family.check()


def test_many_execs_in_one_batch():
    family = Family(100_000)
    image = family.child(family.first)
    for _ in range(10_000):
        image = family.executes(image)
    family.releases()
    assert len(family.store.images) < 3 * MAX_ENDED_RUN
    assert line(image)[-2] is family.first
    family.check()


def test_generations_that_die_before_their_parents():
    family = Family(100_000)
    survivor = family.first
    for _ in range(10):
        generation = [survivor]
        for _ in range(500):
            generation.append(family.child(generation[-1]))
        survivor = generation[-1]
        for image in reversed(generation[1:-1]):
            family.store.end(image)
            family.releases(1)
        family.releases()
    # Living ones (first, survivors) and short runs of ended ones between them.
    assert len(family.store.images) < 500 + 10 * 3 * MAX_ENDED_RUN
    assert line(survivor)[-2] is family.first
    family.check()


def test_living_images_keep_their_parent_when_runs_are_cut():
    family = Family(100_000)
    image = family.child(family.first)
    witnesses = []
    for number in range(1000):
        if number % 10 == 0:
            witnesses.append((family.child(image), image))
        image = family.executes(image)
        family.releases(1)
    assert all(witness.parent is parent for witness, parent in witnesses)
    family.check()


def test_capacity_takes_ended_images_that_no_event_names_first():
    family = Family(32)
    image = family.child(family.first)
    for _ in range(40):
        image = family.executes(image)
        family.releases(1)
    newcomers = [family.child(family.first) for _ in range(20)]
    assert len(family.store.images) <= 32
    assert all(newcomer.key in family.store.images for newcomer in newcomers)
    assert family.store.evicted_live == 0
    assert family.store.evicted_ended > 0
    parent = image.parent
    assert parent is not None
    assert parent.key.start_boottime_ns == image.key.start_boottime_ns - 1
    assert line(image)[-2] is family.first
    family.check()


def test_capacity_takes_images_of_the_batch_next():
    family = Family(32)
    living = [family.child(family.first) for _ in range(10)]
    for _ in range(200):
        family.store.end(family.child(family.first))
    assert len(family.store.images) <= 32
    assert all(image.key in family.store.images for image in living)
    assert family.store.evicted_live == 0
    assert family.store.evicted_ended > 0
    family.releases()
    family.check()


def test_capacity_takes_living_images_last_and_the_oldest_leaves_first():
    family = Family(32)
    parent = family.child(family.first)
    leaves = [family.child(parent) for _ in range(60)]
    assert len(family.store.images) <= 32
    assert family.store.evicted_live == 62 - len(family.store.images)
    assert parent.key in family.store.images
    assert [leaf.key in family.store.images for leaf in leaves] == sorted(
        leaf.key in family.store.images for leaf in leaves
    )
    family.check()


def test_capacity_of_a_single_line():
    family = Family(16)
    image = family.first
    for _ in range(40):
        image = family.child(image)
        assert len(family.store.images) <= 16  # though it has no leaf but the newcomer
        family.check()
    assert line(image)[-2] is family.first


def test_evicted_images_do_not_come_back_by_release():
    family = Family(32)
    for _ in range(100):
        family.store.end(family.child(family.first))
    family.releases()
    assert set(family.store.images.values()) == {family.first}
    family.check()


def test_memory_is_flat():
    family = Family(65_536)

    def pass_by(number: int) -> None:
        for index in range(number):
            image = family.child(family.first, tgid=2 + index % 30_000)
            family.store.end(family.executes(image))
            if index % 1000 == 0:
                family.store.release()
        family.releases()
        gc.collect()

    tracemalloc.start()
    pass_by(10_000)
    before = tracemalloc.take_snapshot()
    pass_by(60_000)
    growth = sum(
        difference.size_diff
        for difference in tracemalloc.take_snapshot().compare_to(before, "filename")
        if "tracemalloc" not in difference.traceback[0].filename
    )
    tracemalloc.stop()
    assert set(family.store.images.values()) == {family.first}
    assert growth < 100_000
