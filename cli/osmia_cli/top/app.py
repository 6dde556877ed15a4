"""The live view in a terminal."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import click
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Grid
from textual.widgets import DataTable, Footer, Input, RichLog, Static

from osmia_cli.top.model import DIMENSIONS, TopModel
from osmia_cli.top.report import summary
from osmia_cli.top.vitals import Vitals, VitalsReader
from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.binding import BindingType

    from osmia_cli.event_feed import Feed
    from osmia_events.model import Event

_ROWS = 15
_VITALS_S = 3.0
_NEWEST_S = 0.25


def run_app(feed: Feed) -> None:
    """Show the feed until the user quits. Raises ClickException if an agent's stream broke."""
    source = None if feed.is_live else _events_aside()
    app = TopApp(feed, source)
    app.run()
    if app.failure:
        raise click.ClickException(app.failure)


def _events_aside() -> int:
    """Move what is piped in to another descriptor: keys come from the terminal."""
    source = os.dup(0)
    if not os.isatty(0):
        terminal = os.open("/dev/tty", os.O_RDONLY)
        os.dup2(terminal, 0)
        os.close(terminal)
    return source


class TopApp(App[None]):
    """Four tables of rates, a line on the agent, the newest events below a filter."""

    TITLE = "osmia top"
    CSS = """
    #rates { grid-size: 2 2; height: 2fr; }
    #rates DataTable { height: 1fr; border: round $secondary; }
    #summary { height: 1; padding: 0 1; background: $boost; }
    #newest { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "Quit", priority=True),
        ("escape", "clear_filter", "Clear filter"),
        ("ctrl+s", "pause", "Pause"),
    ]

    def __init__(self, feed: Feed, source: int | None = None) -> None:
        super().__init__()
        self.model = TopModel()
        self.failure = ""
        """Why the agent's stream ended, if it did."""
        self._feed = feed
        self._source = source
        self._vitals = Vitals()
        self._ended = ""
        self._is_paused = False
        self._matches: Callable[[str], object] = bool
        self._shown = 0

    def compose(self) -> ComposeResult:
        """Lay out the view."""
        yield Static(id="summary", markup=False)
        with Grid(id="rates"):
            for dimension in DIMENSIONS:
                yield DataTable[Text | str](id=dimension, cursor_type="none", show_cursor=False)
        yield Input(placeholder="filter of the newest events: a regular expression", id="filter")
        yield RichLog(id="newest", markup=False, highlight=False, max_lines=1000)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read and to show."""
        for dimension in DIMENSIONS:
            table = self.query_one(f"#{dimension}", DataTable)
            table.add_columns(dimension, "per second")
            table.border_title = dimension
        self.query_one("#newest", RichLog).can_focus = False
        self.set_interval(1.0, self._second)
        self.set_interval(_NEWEST_S, self._show_newest)
        if self._feed.is_live:
            self.run_worker(self._follow(), exit_on_error=False)
            self.set_interval(_VITALS_S, self._ask_vitals)
            self._ask_vitals()
        else:
            # A daemon: input that pauses for ever must not hold up the end.
            threading.Thread(target=self._read, daemon=True).start()

    async def _follow(self) -> None:
        try:
            await self._feed.follow(self.model.add_all)
            self._ended = "the agent ended the stream"
        except click.ClickException as error:
            self.failure = self._ended = error.format_message()

    def _read(self) -> None:
        def take(events: Sequence[Event]) -> None:
            self.call_from_thread(self.model.add_all, events)

        with suppress(RuntimeError):  # the app has ended meanwhile
            try:
                self._feed.read_recorded(take, self._source or 0)
                self._ended = "all read"
            except click.ClickException as error:
                self.failure = self._ended = error.format_message()

    def _ask_vitals(self) -> None:
        if self._reader is None:
            self._reader = VitalsReader(self._feed.settings)
        self.run_worker(self._read_vitals(self._reader), group="vitals", exclusive=True)

    _reader: VitalsReader | None = None

    async def _read_vitals(self, reader: VitalsReader) -> None:
        self._vitals = await asyncio.to_thread(reader.read)

    def _second(self) -> None:
        self.model.tick()
        if not self._is_paused:
            self.show_rates()

    def show_rates(self) -> None:
        """Bring tables and summary up to date."""
        total = 0.0
        for dimension in DIMENSIONS:
            live = self._feed.is_live
            rates = self.model.now(dimension) if live else self.model.overall(dimension)
            if dimension == "type":
                total = sum(rate for _, rate in rates)
            table = self.query_one(f"#{dimension}", DataTable)
            table.clear()
            for key, rate in rates[:_ROWS]:
                table.add_row(Text(escaped(key)), f"{rate:,.1f}")
        line = summary(self.model.events, total, self._vitals)
        line += f" — {self._ended}" if self._ended else ""
        self.query_one("#summary", Static).update(line + (" — paused" if self._is_paused else ""))

    def _show_newest(self) -> None:
        new = min(self.model.events - self._shown, len(self.model.newest))
        if self._is_paused or not new:
            return
        self._shown = self.model.events
        log = self.query_one("#newest", RichLog)
        for line in list(self.model.newest)[-new:]:
            if self._matches(line):
                log.write(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches, among what is remembered and from now on."""
        try:
            self._matches = re.compile(event.value).search if event.value else bool
        except re.error:
            return  # not written to its end yet
        log = self.query_one("#newest", RichLog)
        log.clear()
        for line in self.model.newest:
            if self._matches(line):
                log.write(line)

    def action_clear_filter(self) -> None:
        """Empty the filter."""
        self.query_one("#filter", Input).value = ""

    def action_pause(self) -> None:
        """Hold the view still, or let it go on; events are counted all the same."""
        self._is_paused = not self._is_paused
        self.show_rates()
