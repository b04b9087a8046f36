"""An accelerated piece of a year: every event once and in order, every energy as the house itself counted it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.history.year import HOUR, Year, plot


def test_days_with_outages_kills_a_wrong_clock_and_the_change_of_the_clocks(tmp_path: Path) -> None:
    year = Year(tmp_path, plot(date(2026, 10, 25), 9, outages=2), step=300.0, physics=60.0).live(5.0 * HOUR)
    assert year.kills > 40 and year.polls == 9 * 288 + 12
    assert year.faults() == []
