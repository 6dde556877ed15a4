"""One image of a process, as the table keeps it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia_agent.process.identity import ImageKey
    from osmia_events.model import Process


class ImageState(IntEnum):
    """How long an image stays in the table."""

    LIVE = 0
    """The newest image of a living process."""
    ENDED = 1
    """Its process exited or executed another file; records of this batch may still name it."""
    KEPT = 2
    """Ended a while ago: it is there for its descendants only."""
    GONE = 3
    """Not in the table any more; events that name it may still be on their way."""


class ProcessImage:
    """An image: its key, its message, and its place in the tree of processes.

    `parent` is fixed when the image appears: the image that forked it or, when a process executes
    a second file, its own previous image. Only the kernel (pid 0) has none. It is replaced by a
    farther ancestor only where the store runs short of room or cuts a long run of ended images.
    `process` may be replaced as a whole (a pod that becomes known), never changed in place.
    """

    # A msgspec struct would be smaller, but freeing a long chain of them overflows the C stack.
    __slots__ = (
        "children",
        "depth",
        "exact",
        "forked",
        "kernel_thread",
        "key",
        "nspid",
        "parent",
        "process",
        "state",
        "text_size",
    )

    def __init__(
        self,
        key: ImageKey,
        process: Process,
        parent: ProcessImage | None,
        *,
        nspid: int = 0,
        exact: bool = True,
        forked: bool = False,
        kernel_thread: bool = False,
    ) -> None:
        self.key = key
        self.process = process
        self.parent = parent
        self.nspid = nspid
        """The process's number in its own pid namespace."""
        self.exact = exact
        self.forked = forked
        """The process has executed nothing since it was forked."""
        self.kernel_thread = kernel_thread
        self.state = ImageState.LIVE
        self.children = 0
        """Images in the table whose parent this is."""
        self.text_size = 0
        """Characters that the store counts for this image's arguments and environment."""
        self.depth: int = 0 if parent is None else parent.depth + 1
