"""``python -m benchmarks.year``: an accelerated year of one house, compared with the house's own books.

    python -m benchmarks.year [--days 365] [--poll 30] [--begin 2026-01-01] [--zone America/Los_Angeles]
                              [--keep FOLDER]

Ten outages, a string that fades and is mended, batteries that age, alerts, a change of firmware and of a setting, three
versions of the tariff, both changes of the clocks, a kill in every hour, and a power cut after which the clock is 400
days wrong: all of it in the days that are lived, however many. Prints what pwserver says otherwise than the house at
the end, and every fifth day of what was until then; 1 when there is any difference. A year at polls of one second
takes six hours: with ``--keep`` the year is stored at every fifth midnight, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import shutil
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
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="store the year there, or go on with the one there")
    chosen = parser.parse_args()
    logging.getLogger("pwserver").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        year = _stored(chosen.keep, Path(folder)) or Year(
            Path(folder), plot(chosen.begin, chosen.days, chosen.outages, chosen.zone), chosen.poll
        )

        def show() -> None:
            passed = (year.books.today - year.plot.first_day).days
            if passed % SHOWN_DAYS == 0:
                tell(year, passed)
                if chosen.keep:
                    _store(year, chosen.keep)

        year.live(each_day=show)
        _table(year)
        found = tell(year, year.plot.days)
    return 1 if found else 0


def _store(year: Year, keep: Path) -> None:
    """Store a year as it is: the house, and the disk as a kill would leave it now."""
    made, stored = keep / "unfinished", keep / f"{year.server.polls:012d}"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(year.server.path, made / "disk")
    (made / "year").write_bytes(pickle.dumps(year))
    made.rename(stored)
    for older in keep.glob("[0-9]*"):
        if older != stored:
            shutil.rmtree(older)


def _stored(keep: Path | None, disk: Path) -> Year | None:
    """Return the year that was stored last, whose server starts in the folder ``disk``."""
    for stored in sorted(keep.glob("[0-9]*"), reverse=True) if keep else ():
        year: Year = pickle.loads((stored / "year").read_bytes())  # our own: written by this command
        shutil.copytree(stored / "disk", disk, dirs_exist_ok=True)
        return year.go_on(disk)
    return None


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
