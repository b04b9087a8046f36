"""``python -m benchmarks.year``: an accelerated year of one house, compared with the house's own books.

    python -m benchmarks.year [--days 365] [--poll 30]

Ten outages, alerts, a change of firmware and of a setting, both changes of the clocks, a kill in every hour and a power
cut after which the clock is 400 days wrong. Prints what the history says otherwise than the house; 1 when there is any.
A year of polls every 30 seconds takes some minutes of one processor, every second some hours.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from tests.history.year import PARTS, Year, plot

BEGIN = date(2026, 1, 1)


def main() -> int:
    """Live through the year and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--begin", type=date.fromisoformat, default=BEGIN, help="the first day")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--outages", type=int, default=10)
    parser.add_argument("--poll", type=float, default=30.0, metavar="SECONDS")
    chosen = parser.parse_args()
    logging.getLogger("pwserver").setLevel(logging.ERROR)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        year = Year(Path(folder), plot(chosen.begin, chosen.days, chosen.outages), chosen.poll).live()
        kept = len(year.told())
        print(f"{chosen.days} days, {year.polls} polls {chosen.poll:g} s apart, {year.kills} kills, {kept} events")
        for part in PARTS:
            told, truth = sum(year.recorded(part).values()), year.books.total(part)
            off = (told - truth) / max(truth, 1.0)
            print(f"{part:18} {truth / 1000:12.3f} kWh counted by the house, recorded {off:+.4%}")
        faults = year.faults()
    print("\n".join(faults) or "no difference", f"({time.process_time() - begun:.0f} s of processor time)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
