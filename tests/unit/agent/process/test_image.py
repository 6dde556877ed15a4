from __future__ import annotations

import gc

from osmia_agent.process.identity import ImageKey
from osmia_agent.process.image import ImageState, ProcessImage
from osmia_events.model import Process


def image(number: int, parent: ProcessImage | None = None) -> ProcessImage:
    return ProcessImage(ImageKey(number, 1, 1), Process(pid=number), parent)


def test_a_new_image_lives_and_has_no_children() -> None:
    found = image(1)
    assert (found.state, found.children, found.text_size) == (ImageState.LIVE, 0, 0)
    assert found.exact
    assert not found.forked
    assert not found.kernel_thread


def test_depth_counts_from_the_kernel() -> None:
    kernel = image(0)
    init = image(1, kernel)
    assert [each.depth for each in (kernel, init, image(2, init))] == [0, 1, 2]


def test_states_are_in_the_order_of_a_life() -> None:
    assert sorted(ImageState) == [
        ImageState.LIVE,
        ImageState.ENDED,
        ImageState.KEPT,
        ImageState.GONE,
    ]


def test_a_long_line_of_images_can_be_freed() -> None:
    """As of a process that executes itself for ever: no stack is as deep as that."""
    newest = image(0)
    for number in range(1, 200_000):
        newest = image(number, newest)
    assert newest.depth == 199_999
    del newest
    gc.collect()
