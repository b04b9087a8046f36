"""Live through an accelerated year: time passes, the house keeps its books, and the server is killed every hour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.history.year.books import Books
from tests.history.year.gateway import answer
from tests.history.year.house import AgeingHouse
from tests.history.year.plot import DAY, HOUR, Plot
from tests.history.year.prices import Prices
from tests.history.year.server import Computer, YearServer


class Year:
    """Lives through a plot, polled every ``step`` seconds, which divide a quarter hour.

    ``physics``: for how many seconds the powers of the house stay as they are.
    """

    def __init__(self, path: Path, plot: Plot, step: float, physics: float | None = None) -> None:
        self.plot, self.step = plot, step
        self.computer = Computer(plot.begin)
        speed = min(step, 5.0) if physics is None else physics
        self.house = AgeingHouse(plot, lambda: self.computer.now, speed)
        self.books = Books(self.house)
        self.prices = Prices(plot)
        self.server = YearServer(path, plot, self.computer, step, self.prices.tariff())
        self.weak: list[tuple[float, frozenset[str]]] = []  # when which strings were shown as weak

    def live(self, kill_every_seconds: float = HOUR, each_day: Callable[[], None] = lambda: None) -> Year:
        """Live through the whole plot; ``each_day`` is called at every midnight."""
        plot, computer, server = self.plot, self.computer, self.server
        turns = sorted([(begin, True) for begin, _ in plot.outages] + [(end, False) for _, end in plot.outages])
        cut, right = plot.wrong_clock
        next_kill = plot.begin + kill_every_seconds
        today = self.books.today
        for poll in range(round((plot.end - plot.begin) / self.step) + 1):
            due = plot.begin + poll * self.step
            while turns and turns[0][0] <= due:
                computer.now, outage = turns.pop(0)
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
            elif due >= next_kill:
                server.kill()
                next_kill += kill_every_seconds
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
