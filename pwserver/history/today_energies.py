"""Read the energies of a house's present day, for the overview of many houses."""

from __future__ import annotations

import datetime

from pwserver.history.archive import Archive
from pwserver.history.day_books import BOOKS, own_share, read_days
from pwserver.history.days import local_date, zone
from pwserver.state.today import TodayEnergies

_SHOWN = ("solar_wh", "home_wh", "grid_import_wh", "grid_export_wh")


def today_energies(archive: Archive, now: float) -> TodayEnergies | None:
    """Return what was measured since the house's midnight; None before the first reading of the day."""
    today = local_date(now + archive.correction_seconds, zone(archive.timezone)).toordinal()
    books = read_days(archive, today, today)
    if not books.ordinals:
        return None
    known = dict(zip(BOOKS, books.row(len(books.ordinals) - 1), strict=True))
    solar, home, imported, exported = (_known(known[name]) for name in _SHOWN)
    share = _known(own_share(books.columns).percent[-1])
    return TodayEnergies(datetime.date.fromordinal(today).isoformat(), solar, home, imported, exported, share)


def _known(value: float) -> float | None:
    return value if value == value else None
