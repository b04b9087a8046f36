"""Live through an accelerated year: time passes, the house keeps its books, and the server is killed every hour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.history.year.books import Books
from tests.history.year.gateway import answer
from tests.history.year.house import AgeingHouse
from tests.history.year.plot import DAY, HOUR, Plot
from tests.history.year.prices import Prices
from tests.history.year.server import Computer, YearServer


class Year:
    """Lives through a plot, polled every ``step`` seconds, which divide a quarter hour.

    ``physics``: for how many seconds the powers of the house stay as they are. What is pickled of a year is all but the
    server, of which nothing but its disk outlives a kill: see ``go_on``.
    """

    def __init__(
        self,
        path: Path,
        plot: Plot,
        step: float,
        physics: float | None = None,
        kill_every_seconds: float = HOUR,
    ) -> None:
        self.plot, self.step = plot, step
        self.computer = Computer(plot.begin)
        speed = min(step, 5.0) if physics is None else physics
        self.house = AgeingHouse(plot, self.computer.true_time, speed)
        self.books = Books(self.house)
        self.prices = Prices(plot)
        self.server = YearServer(path, plot, self.computer, step, self.prices.tariff())
        self.weak: list[tuple[float, frozenset[str]]] = []  # when which strings were shown as weak
        self._counted = (0, 0)  # kills and polls, of a year that was pickled
        self._kill_every_seconds = kill_every_seconds
        self._next_kill = plot.begin + kill_every_seconds
        self._turns = sorted([(begin, True) for begin, _ in plot.outages] + [(end, False) for _, end in plot.outages])

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "server"}
        return {**kept, "_counted": (self.server.kills, self.server.polls)}

    def go_on(self, path: Path) -> Year:
        """Start the server of a year that was pickled over a copy of its disk: one more kill."""
        kills, polls = self._counted
        self.server = YearServer(path, self.plot, self.computer, self.step, self.prices.tariff())
        self.server.kills, self.server.polls = kills + 1, polls
        return self

    def live(self, each_day: Callable[[], None] = lambda: None) -> Year:
        """Live through the plot to its end; ``each_day`` is called at every midnight."""
        plot, computer, server = self.plot, self.computer, self.server
        cut, right = plot.wrong_clock
        today = self.books.today
        for poll in range(server.polls, round((plot.end - plot.begin) / self.step) + 1):
            due = plot.begin + poll * self.step
            while self._turns and self._turns[0][0] <= due:
                computer.now, outage = self._turns.pop(0)
                self.house.command(grid_outage=outage)
            computer.now = due
            now, full = self.house.snapshot(), self.house.told_full_wh(due)
            over = self.books.keep(now, full)
            if cut <= due < cut + self.step:
                computer.wrong = -400 * DAY
                computer.switch_on()
                server.kill()
            elif right <= due < right + self.step:
                computer.wrong = 0.0
            elif due >= self._next_kill:
                server.kill()
                self._next_kill += self._kill_every_seconds
            judged = server.poll(answer(self.house, now, full, computer.clock()))
            if over:
                server.values.update()
                weak = frozenset(name for name, one in judged.strings.items() if one.weak.value)
                if weak != (self.weak[-1][1] if self.weak else frozenset()):
                    self.weak.append((due, weak))
                if self.books.today != today:
                    today = self.books.today
                    each_day()
        return self
