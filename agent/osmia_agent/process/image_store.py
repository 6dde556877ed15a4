"""Which images are in memory, and for how long.

The newest image of a living process is always here. An ended one stays through the batch after
that in which it ended, as records of policies may come that late, and then as long as an image in
the store descends from it. A run of ended images (a process that executes one file after the
other, a daemon that forks itself anew) is cut to the newest `MAX_ENDED_RUN`; behind these comes
the next living ancestor, so that no one hides where he comes from by running many execs. There
the chain of ids has a gap, and one can see it.

The store holds at most `capacity` images. What must make room is, in this order: ended images
that no living one has as its parent, ended ones without children, living ones without children,
oldest first, and at last, where all are in long lines, the deepest. Only then a living image loses
its parent, to which it is still bound by `parent_exec_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.image import ImageState, ProcessImage
from osmia_agent.process.text_budget import TextBudget

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_ENDED_RUN = 64
"""Ended images in a row that stay on the way from a living image to the first process."""

_LIVE = ImageState.LIVE
_ENDED = ImageState.ENDED
_KEPT = ImageState.KEPT
_GONE = ImageState.GONE


class ImageStore:
    """The images of one node's processes, by their keys.

    Every image has its parent in the store as well, or the kernel's image, which is no part of it.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.images: dict[tuple[int, int, int], ProcessImage] = {}
        """To be changed by methods only."""
        self.newest: dict[int, ProcessImage] = {}
        """The newest image of each living process, by tgid. To be changed by methods only."""
        self._ended: list[ProcessImage] = []
        self._ended_before: list[ProcessImage] = []
        self.texts = TextBudget()
        self.missed_exits = 0
        """Processes found to have ended without an exit record."""
        self.evicted_ended = 0
        self.evicted_live = 0
        self.shortened = 0
        """Ended images cut out of long runs."""

    def add(self, image: ProcessImage) -> None:
        """Add the newest image of a process; its former one ends."""
        tgid = image.key.tgid
        former = self.newest.get(tgid)
        if former is not None:
            self.end(former)
        self.newest[tgid] = image
        self._insert(image)

    def add_ended(self, image: ProcessImage) -> None:
        """Add an image whose process is gone already."""
        self._insert(image)
        self.end(image)

    def end(self, image: ProcessImage) -> None:
        """Note that an image's process has exited or executed another file."""
        image.state = _ENDED
        self._ended.append(image)
        if self.newest.get(image.key.tgid) is image:
            del self.newest[image.key.tgid]

    def end_unseen(self, image: ProcessImage) -> None:
        """Note that a process is found to have exited, though no record told it."""
        if not image.kernel_thread:  # no record tells the exit of those
            self.missed_exits += 1
        self.end(image)

    def expect_end(self, image: ProcessImage) -> None:
        """Keep a living image no longer than an ended one: no record will tell its end."""
        image.state = _ENDED
        self._ended.append(image)

    def revive(self, image: ProcessImage) -> None:
        """Take an image for the newest of a living process again: it had not ended after all."""
        former = self.newest.get(image.key.tgid)
        if former is not None:
            self.end(former)
        image.state = _LIVE
        self.newest[image.key.tgid] = image

    def release(self) -> None:
        """End a batch: forget what ended before the last call and nothing descends from."""
        ended, self._ended_before, self._ended = self._ended_before, self._ended, []
        for image in ended:
            if image.state != _ENDED:
                continue
            if not image.children:
                self._drop(image)
                continue
            image.state = _KEPT
            if image.depth % MAX_ENDED_RUN == 0:
                self._shorten_runs(image)

    def _insert(self, image: ProcessImage) -> None:
        self.images[image.key] = image
        if image.parent is not None:
            image.parent.children += 1
        if len(self.images) > self.capacity:
            self._evict(image)
        if self.texts.add(image):
            others = [each for each in self.images.values() if each is not image]
            self.texts.cut_to_share(others, len(others))

    def _drop(self, image: ProcessImage) -> None:
        """Remove an image without children, and the ended ones that were there for it alone."""
        self._remove(image)
        self._lose_child(image.parent)

    def _lose_child(self, parent: ProcessImage | None) -> None:
        while parent is not None:
            parent.children -= 1
            if parent.children or parent.state != _KEPT:
                return
            self._remove(parent)
            parent = parent.parent

    def _remove(self, image: ProcessImage) -> None:
        image.state = _GONE
        if image.text_size:
            self.texts.remove(image)
        del self.images[image.key]
        if self.newest.get(image.key.tgid) is image:
            del self.newest[image.key.tgid]

    def _shorten_runs(self, image: ProcessImage) -> None:
        """Cut runs of ended images above this one.

        Only images that no event can name as its process are taken from their parents. Called
        for each image of a certain depth, this keeps every line short at little cost: lines grow
        by one image at a time, so none gets longer without passing here.
        """
        run = 0
        while (parent := image.parent) is not None and parent.parent is not None:
            run = run + 1 if parent.state == _KEPT else 0
            if run <= MAX_ENDED_RUN or image.state != _KEPT:
                image = parent
                continue
            self.shortened += 1
            image.parent = parent.parent
            image.parent.children += 1
            self._lose_child(parent)

    def _evict(self, newcomer: ProcessImage) -> None:
        """Make room for a sixteenth of the capacity, so that this is rare."""
        target = self.capacity - max(1, self.capacity // 16)
        images = list(self.images.values())
        needed = {image.parent for image in images if image.state != _KEPT}
        # The children of these have ended as well, so no event will name them as its process.
        spare = [each for each in images if each.state == _KEPT and each not in needed]
        self.evicted_ended += self._cut_out(spare[: len(images) - target])
        others = [image for image in images if image is not newcomer]
        self.evicted_ended += self._evict_leaves(others, _ENDED, target)
        self.evicted_live += self._evict_leaves(others, _LIVE, target)
        excess = len(self.images) - target
        if excess > 0:
            others = [image for image in others if image.state != _GONE]
            others.sort(key=lambda image: image.depth, reverse=True)
            self.evicted_live += self._cut_out(others[:excess])

    def _cut_out(self, victims: Collection[ProcessImage]) -> int:
        """Remove images and hang their children on the next ancestor left; return how many."""
        victims = set(victims)
        for image in self.images.values() if victims else ():
            parent = image.parent
            if image in victims or parent not in victims:
                continue
            while parent in victims:
                parent = parent.parent
            assert parent is not None  # only the kernel has no parent, and it is not stored
            image.parent = parent
            parent.children += 1
        for victim in victims:
            self._remove(victim)
        for victim in victims:
            self._lose_child(victim.parent)
        return len(victims)

    def _evict_leaves(
        self, images: Collection[ProcessImage], state: ImageState, target: int
    ) -> int:
        """Drop images of one state without children, oldest first; return how many."""
        before = len(self.images)
        progress = True
        while progress and len(self.images) > target:  # parents become leaves in turn
            progress = False
            for image in images:
                if len(self.images) <= target:
                    break
                if image.state == state and not image.children:
                    self._drop(image)
                    progress = True
        return before - len(self.images)
