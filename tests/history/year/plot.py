"""What happens in an accelerated year, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LOS_ANGELES: Final = ZoneInfo("America/Los_Angeles")
HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True)
class Plot:
    """What happens in the year, each at epoch seconds; whole days are dates of the house."""

    zone: ZoneInfo
    first_day: date
    days: int
    begin: float  # the first midnight
    end: float  # the last midnight
    outages: Sequence[tuple[float, float]]
    hot: Sequence[tuple[float, float]]  # the inverter's alert
    firmware: float  # with it the second battery is thought to hold less than before
    reserve: float  # somebody moves the reserve in Tesla's app
    wrong_clock: tuple[float, float]  # a power cut, after which the computer believes it is 400 days earlier
    fading: tuple[float, float]  # one string gives less and less
    mended: float

    def day(self, share: float) -> date:
        """Return the day after so much of the year, which is 1."""
        return self.first_day + timedelta(days=int(self.days * share))


def local(zone: ZoneInfo, day: date, hour: float = 0.0) -> float:
    """Return epoch seconds of a wall clock's time in the house."""
    seconds = round(hour * HOUR)
    return datetime(day.year, day.month, day.day, *_clock(seconds), tzinfo=zone).timestamp()


def _clock(seconds: int) -> tuple[int, int, int]:
    return seconds // 3600, seconds % 3600 // 60, seconds % 60


def plot(first_day: date, days: int, outages: int, zone: ZoneInfo = LOS_ANGELES) -> Plot:
    """Spread the happenings over so many days."""

    def at(share: float, hour: float = 0.0) -> float:
        return local(zone, first_day + timedelta(days=int(days * share)), hour)

    cut = at(0.52, 10.0)
    fades_from = int(days * 0.35)
    faded = local(zone, first_day + timedelta(days=max(int(days * 0.5), fades_from + 1)))  # a day at least
    # Away from full quarter hours, so that polls see each in the quarter hour in which it was.
    gone = [at((number + 0.5) / outages, (number * 7) % 24 + 0.1175) for number in range(outages)]
    return Plot(
        zone=zone,
        first_day=first_day,
        days=days,
        begin=at(0.0),
        end=at(1.0),
        outages=[(one, one + 600.0 + 2400.0 * number) for number, one in enumerate(gone)],
        hot=[(at(share, 13.25), at(share, 16.5)) for share in (0.1, 0.45, 0.8)],
        firmware=cut + 1500.0,  # told by a computer whose clock is wrong
        reserve=at(0.3, 20.25),
        wrong_clock=(cut, cut + 2.0 * HOUR),
        fading=(at(0.35), faded),
        mended=at(0.83),
    )
