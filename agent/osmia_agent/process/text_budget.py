"""A bound on the memory that arguments and environments of images hold.

The number of images is bounded by the store. What each holds is up to users, some 256 KiB for the
arguments alone: a few thousand processes could drive the agent out of memory. When all texts
together exceed the budget, those of images whose own event is out already are cut to an equal
share, and marked as cut (`truncArgs`, `errorEnvs`). Exec events show the whole text in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.flags import ProcessFlag, with_flags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_agent.process.image import ProcessImage
    from osmia_events.model import Process

BUDGET_CHARACTERS = 16 * 1024 * 1024
_LEAST_SHARE = 64


class TextBudget:
    """Counts the characters of texts; a forked image shares its parent's and counts for none."""

    def __init__(self) -> None:
        self.held = 0
        self.cut = 0
        """Images whose texts have been cut."""

    def add(self, image: ProcessImage) -> bool:
        """Count an image's texts; return whether the budget is exceeded now."""
        if image.forked:
            return False
        image.text_size = _size(image.process)
        self.held += image.text_size
        return self.held > BUDGET_CHARACTERS

    def remove(self, image: ProcessImage) -> None:
        """Count an image's texts no more."""
        self.held -= image.text_size
        image.text_size = 0

    def cut_to_share(self, images: Iterable[ProcessImage], number: int) -> None:
        """Cut the texts of these images, `number` in all, to half of the budget together."""
        share = max(_LEAST_SHARE, BUDGET_CHARACTERS // 2 // max(1, number))
        for image in images:
            if _size(image.process) <= share:
                continue
            self.cut += 1
            image.process = _cut(image.process, share)
            if image.text_size:
                self.remove(image)
                self.add(image)


def _size(process: Process) -> int:
    size = len(process.arguments)
    for variable in process.environment_variables:
        size += len(variable.Key) + len(variable.Value)
    return size


def _cut(process: Process, share: int) -> Process:
    flags = 0
    if len(process.arguments) > share:
        flags |= ProcessFlag.TRUNC_ARGS
    if process.environment_variables:
        flags |= ProcessFlag.ERROR_ENVS
    return process.replaced(
        arguments=process.arguments[:share],
        environment_variables=(),
        flags=with_flags(process.flags, flags),
    )
