"""``python -m benchmarks.year``: an accelerated year of one house, compared with the house's own books.

    python -m benchmarks.year [--days 365] [--poll 30] [--begin 2026-01-01] [--zone America/Los_Angeles]

Ten outages, a string that fades and is mended, batteries that age, alerts, a change of firmware and of a setting, three
versions of the tariff, both changes of the clocks, a kill in every hour, and a power cut after which the clock is 400
days wrong: all of it in the days that are lived, however many. Prints what pwserver says otherwise than the house at
the end, and every fifth day of what was until then; 1 when there is any difference.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.history.year.books import MONEY, PARTS
from tests.history.year.comparison import asked_worth, faults, recorded
from tests.history.year.life import Year
from tests.history.year.plot import LOS_ANGELES, plot

BEGIN = date(2026, 1, 1)
SHOWN_DAYS = 5


def main() -> int:
    """Live through the year and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--begin", type=date.fromisoformat, default=BEGIN, help="the first day")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--outages", type=int, default=10)
    parser.add_argument("--poll", type=float, default=30.0, metavar="SECONDS", help="a divisor of 900")
    parser.add_argument("--zone", type=ZoneInfo, default=LOS_ANGELES, help="of the house")
    chosen = parser.parse_args()
    logging.getLogger("pwserver").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        year = Year(Path(folder), plot(chosen.begin, chosen.days, chosen.outages, chosen.zone), chosen.poll)
        passed = 0

        def show() -> None:
            nonlocal passed
            passed += 1
            if passed % SHOWN_DAYS == 0:
                tell(year, passed)

        year.live(each_day=show)
        _table(year)
        found = tell(year, passed)
    return 1 if found else 0


def tell(year: Year, days: int) -> list[str]:
    """Print how far it is, and what is different until now."""
    found = faults(year)
    server, kept = year.server, len(year.server.store.events["home"].after(0))
    print(f"{days} days, {server.polls} polls {year.step:g} s apart, {server.kills} kills, {kept} events; ", end="")
    print("; ".join(found) or "no difference", f"({time.process_time():.0f} s of processor time)", flush=True)
    return found


def _table(year: Year) -> None:
    energies, amounts = year.books.energies(), year.books.worth(year.prices)
    said = asked_worth(year, "day")
    for part in PARTS:
        truth, told = sum(day[part] for day in energies.values()), recorded(year, part)
        off = (sum(told[day] for day in energies) - truth) / max(truth, 1.0)
        print(f"{part:18} {truth / 1000:12.3f} kWh by the house, recorded {off:+.4%}")
    for name in MONEY:
        truth = sum(day[name] for day in amounts.values())
        off = sum(said[day.isoformat()][name] for day in amounts) - truth
        print(f"{name:18} {truth:12.3f} EUR by the house, worked out {off:+.4f} EUR, {off / max(abs(truth), 1.0):+.4%}")


if __name__ == "__main__":
    sys.exit(main())
