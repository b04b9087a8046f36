"""A short accelerated year with everything in it, against the house's own books; ``benchmarks.year`` is the long one.

Twenty-three days in Cairo in 2010, whose clocks went forward on the first of them and back on the last but one, both at
midnight. There is no trend of the batteries' health in so few days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.health_route import batteries as judged_batteries
from tests.history.year.comparison import batteries, energies, events, happened, strings, worth
from tests.history.year.house import FADING, SERIALS, STEP
from tests.history.year.life import Year
from tests.history.year.plot import HOUR, plot

POLL_SECONDS = 450.0


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """The short year, when it is over."""
    folder: Path = tmp_path_factory.mktemp("year")
    short = plot(date(2010, 9, 9), 23, 2, ZoneInfo("Africa/Cairo"))
    return Year(folder, short, POLL_SECONDS, physics=POLL_SECONDS, kill_every_seconds=29.0 * HOUR).live()


@pytest.mark.parametrize("part", [events, energies, worth, strings, batteries])
def test_what_is_recorded_is_what_the_house_knows_of_itself(year: Year, part: Callable[[Year], Iterator[str]]) -> None:
    assert list(part(year)) == []


def test_everything_was_in_it(year: Year) -> None:
    assert year.server.kills > 15 and year.server.polls == 23 * 192 + 1
    assert len(happened(year)) == 2 + 2 * 2 + 2 * 3
    assert [sorted(names) for _, names in year.weak] == [[FADING], []]
    health = {one.serial: one.health for one in judged_batteries(year.server.archive, year.computer.now)}
    assert [step.percent for step in health[SERIALS[1]].steps] == [pytest.approx(100.0 * (STEP - 1.0), abs=0.5)]
    assert len(year.prices.written()["versions"]) == 3
    lengths = {len([one for one in year.books.quarters if year.books.day(one.start) == day]) for day in year.books.full}
    assert {92, 96, 100} <= lengths
