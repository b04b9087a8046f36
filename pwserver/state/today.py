"""Hold the energies of a house's own day so far, which no single reading can tell."""

from __future__ import annotations

from pwserver.records import record


@record(frozen=True, slots=True)
class TodayEnergies:
    """Holds the energies of one local day up to now, in Wh; None where nothing of it was measured."""

    day: str  # "2026-11-26"
    solar_wh: float | None = None
    home_wh: float | None = None
    imported_wh: float | None = None
    exported_wh: float | None = None
    own_percent: float | None = None  # share of the home's energy that came from sun and battery
