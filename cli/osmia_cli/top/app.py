"""The live view in a terminal."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

import click
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Grid
from textual.css.query import NoMatches
from textual.widgets import DataTable, Footer, Input, RichLog, Static

from osmia_cli.top.model import DIMENSIONS, TopModel
from osmia_cli.top.report import summary
from osmia_cli.top.vitals import Vitals, VitalsReader
from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    with _errors_on_terminal():
        app.run()
    if app.failure:
        raise click.ClickException(app.failure)


@contextmanager
def _errors_on_terminal() -> Iterator[None]:
    """Have standard error be the terminal: textual draws there, also where it leads elsewhere."""
    errors = os.dup(2)
    if not os.isatty(errors):
        os.dup2(1, 2)
    try:
        yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)


def _events_aside() -> int:
    """Move what is piped in to another descriptor: keys come from the terminal."""
    source = os.dup(0)
    if not os.isatty(0):
        terminal = os.open("/dev/tty", os.O_RDONLY)
        os.dup2(terminal, 0)
        os.close(terminal)
    return source


class RateTable(DataTable[Text]):
    """The highest rates, each before what it is of: however long that is, its end is seen."""

    _RATE_WIDTH = 9
    _AROUND = 4
    """Cells of padding beside both columns."""

    def __init__(self, dimension: str) -> None:
        super().__init__(id=dimension, cursor_type="none", show_header=False)
        self.border_title = f"events per second by {dimension}"
        self._rates: Sequence[tuple[str, float]] = ()

    def on_mount(self) -> None:
        """Make the columns."""
        self.can_focus = False
        self.add_column("rate", width=self._RATE_WIDTH)
        self.add_column("key")

    def show(self, rates: Sequence[tuple[str, float]]) -> None:
        """Replace what is shown."""
        self._rates = rates
        self.clear()
        room = max(self.size.width - self._RATE_WIDTH - self._AROUND, 1)
        for key, rate in rates:
            name = Text(escaped(key))
            if name.cell_len > room:
                name = Text("…") + name[-(room - 1) :]
            self.add_row(Text(f"{rate:,.1f}", justify="right"), name)

    def on_resize(self) -> None:
        """Make use of the room."""
        self.show(self._rates)


class TopApp(App[None]):
    """Four tables of rates, a line on the agent, the newest events below a filter."""

    TITLE = "osmia top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #rates { grid-size: 2 2; height: 3fr; }
    RateTable {
        height: 1fr; border: round $primary; border-title-color: $text; overflow: hidden;
    }
    #summary { height: 1; padding: 0 1; background: $boost; }
    #filter { background: $boost; padding: 0 1; }
    #filter.-invalid { color: $text-error; }
    #newest { height: 2fr; padding: 0 1; overflow-x: hidden; scrollbar-size-vertical: 1; }
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
        self._vitals: Vitals | None = None
        self._ended = ""
        self._is_paused = False
        self._matches: Callable[[str], object] = bool
        self._shown = 0

    def compose(self) -> ComposeResult:
        """Lay out the view."""
        yield Static(id="summary", markup=False)
        with Grid(id="rates"):
            for dimension in DIMENSIONS:
                yield RateTable(dimension)
        yield Input(
            placeholder="type to filter the newest events, by a regular expression",
            id="filter",
            compact=True,
        )
        yield RichLog(id="newest", markup=False, highlight=False, max_lines=1000)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read and to show."""
        self.query_one("#newest", RichLog).can_focus = False
        self.set_interval(1.0, self._second)
        self.set_interval(_NEWEST_S, self._newest)
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
            with suppress(NoMatches):  # at the end, widgets go before the clock does
                self.show_rates()

    def _newest(self) -> None:
        with suppress(NoMatches):  # see above
            self._show_newest()

    def show_rates(self) -> None:
        """Bring tables and summary up to date."""
        total = 0.0
        for dimension in DIMENSIONS:
            live = self._feed.is_live
            rates = self.model.now(dimension) if live else self.model.overall(dimension)
            if dimension == "type":
                total = sum(rate for _, rate in rates)
            self.query_one(f"#{dimension}", RateTable).show(rates[:_ROWS])
        line = summary(self.model.events, total, self._vitals)
        # First, for a narrow terminal cuts the end.
        marks = [mark for mark in (self._ended, "paused" if self._is_paused else "") if mark]
        self.query_one("#summary", Static).update(" | ".join([*marks, line]))

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
            pattern = re.compile(event.value)
        except re.error:
            event.input.add_class("-invalid")
            return  # not written to its end yet
        event.input.remove_class("-invalid")
        self._matches = pattern.search
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
