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


def print_tree(tree: ProcessTree) -> None:
    """Print all trees to standard output."""
    console = Console(soft_wrap=True, highlight=False)
    lines = list(tree_lines(tree))
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
        lines = list(tree_lines(tree))
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


def tree_lines(tree: ProcessTree) -> Iterator[Text]:
    """Yield a line for each process, below its parent's."""
    for root in tree.roots():
        yield from _lines(root)


def _lines(root: Node) -> Iterator[Text]:
    # No recursion: a chain of processes may be longer than the interpreter's stack.
    waiting: list[tuple[Node, str, str]] = [(root, "", "")]
    while waiting:
        node, guide, below = waiting.pop()
        yield Text(guide, style="dim") + _label(node)
        last = len(node.children) - 1
        for index in range(last, -1, -1):
            branch, trunk = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
            waiting.append((node.children[index], below + branch, below + trunk))


def _label(node: Node) -> Text:
    process = node.process
    label = Text()
    pid = "" if process.pid is None else str(process.pid)
    label.append("exec" if node.is_same_process else pid, style="dim")
    label.append(f" {escaped(process.binary)}", style="magenta" if node.is_seen else "dim magenta")
    if process.arguments:
        label.append(f" {escaped(process.arguments)}", style="cyan")
    if node.place and (node.parent is None or node.parent.place != node.place):
        label.append(f"  {escaped(node.place)}", style="green")
    if node.end:
        label.append(f"  → {escaped(node.end)}", style="dim" if node.end == "0" else "bold red")
    for mark, count in node.fired.items():
        times = f" ({count})" if count > 1 else ""
        label.append(f"  ⚑ {escaped(mark)}{times}", style="yellow")
    return label
