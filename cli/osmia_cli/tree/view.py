"""The tree on a terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_cli.event_feed import Feed
    from osmia_cli.tree.model import Node, ProcessTree

_REFRESH_S = 0.5
_LEAST_OF_ARGUMENTS = 10
"""Cells that arguments keep, whatever comes after them."""


def print_tree(tree: ProcessTree) -> None:
    """Print all trees to standard output; on a terminal, no line is longer than it is wide."""
    console = Console(soft_wrap=True, highlight=False)
    lines = list(tree_lines(tree, console.width if console.is_terminal else None))
    for line in lines:
        console.print(line)
    if not lines:
        console.print("no process was told of")
    if tree.forgotten:
        console.print(f"({tree.forgotten} of the oldest had to make room)")


async def follow_on_screen(feed: Feed, tree: ProcessTree) -> None:
    """Show the last lines of the tree, as it grows."""
    console = Console(highlight=False)

    def last_lines() -> Text:
        lines = list(tree_lines(tree, console.width))
        return Text("\n", no_wrap=True, overflow="ellipsis").join(lines[-(console.height - 1) :])

    with Live(last_lines(), console=console, auto_refresh=False, transient=True) as live:

        async def refresh() -> None:
            while True:
                live.update(last_lines(), refresh=True)
                await asyncio.sleep(_REFRESH_S)

        refreshing = asyncio.create_task(refresh())
        try:
            await feed.follow(tree.add_all)
        finally:
            refreshing.cancel()


def tree_lines(tree: ProcessTree, width: int | None = None) -> Iterator[Text]:
    """Yield a line for each process, below its parent's.

    With a width, arguments are cut so that what comes after them is seen.
    """
    for root in tree.roots():
        for line in _lines(root, width):
            if width is not None:
                line.truncate(width, overflow="ellipsis")
            yield line


def _lines(root: Node, width: int | None) -> Iterator[Text]:
    # No recursion: a chain of processes may be longer than the interpreter's stack.
    waiting: list[tuple[Node, str, str]] = [(root, "", "")]
    while waiting:
        node, guide, below = waiting.pop()
        room = None if width is None else width - len(guide)
        yield Text(guide, style="dim") + _label(node, room)
        last = len(node.children) - 1
        for index in range(last, -1, -1):
            branch, trunk = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
            waiting.append((node.children[index], below + branch, below + trunk))


def _label(node: Node, room: int | None) -> Text:
    process = node.process
    label = Text()
    pid = "" if process.pid is None else str(process.pid)
    label.append("exec" if node.is_same_process else pid, style="dim")
    label.append(f" {escaped(process.binary)}", style="magenta" if node.is_seen else "dim magenta")
    marks = _marks(node)
    if process.arguments:
        arguments = Text(f" {escaped(process.arguments)}", style="cyan")
        if room is not None:
            least = min(_LEAST_OF_ARGUMENTS, arguments.cell_len)
            left = max(room - label.cell_len - marks.cell_len, least)
            arguments.truncate(left, overflow="ellipsis")
        label.append_text(arguments)
    return label.append_text(marks)


def _marks(node: Node) -> Text:
    """Return what stands behind a process: its pod, how it ended, which policies fired."""
    marks = Text()
    if node.place and (node.parent is None or node.parent.place != node.place):
        marks.append(f"  {escaped(node.place)}", style="green")
    if node.end:
        marks.append(f"  → {escaped(node.end)}", style="dim" if node.end == "0" else "bold red")
    for mark, count in node.fired.items():
        times = f" ({count})" if count > 1 else ""
        marks.append(f"  ⚑ {escaped(mark)}{times}", style="yellow")
    return marks
