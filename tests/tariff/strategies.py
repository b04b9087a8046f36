"""Make arbitrary tariff documents and instants, also around the changes of the clock, for property tests."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st

# Europe, America, the southern half-year, half an hour of summer time, a quarter of an hour from UTC, no change at all.
ZONES = ("Europe/Berlin", "America/Los_Angeles", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Both changes of 2025 and 2026 in the zones above, UTC.
CHANGES = tuple(
    datetime.datetime(*when, tzinfo=datetime.UTC).timestamp()
    for when in (
        (2026, 3, 29, 1), (2026, 10, 25, 1), (2026, 3, 8, 10), (2026, 11, 1, 9), (2026, 4, 4, 16), (2026, 10, 3, 16),
        (2026, 4, 4, 15), (2026, 10, 3, 15, 30),
    )
)  # fmt: skip
_START, _END = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp() for year in (2024, 2028))

instants = st.one_of(
    st.integers(int(_START), int(_END)).map(float),
    st.builds(lambda change, seconds: change + seconds, st.sampled_from(CHANGES), st.integers(-90000, 90000)),
)
quarters = instants.map(lambda instant: instant // 900.0 * 900.0)
prices = st.sampled_from([0, 0.0, 0.05, 0.29, 0.4, -0.1])
NAMES = ("ON_PEAK", "OFF_PEAK", "ALL")


@st.composite
def windows(draw: st.DrawFn) -> dict[str, int]:
    """Make a period of a week, with any member left out."""
    members = {
        "fromDayOfWeek": st.integers(0, 6),
        "toDayOfWeek": st.integers(0, 6),
        "fromHour": st.integers(0, 24),
        "fromMinute": st.sampled_from([0, 0, 15, 30, 50]),
        "toHour": st.integers(0, 23),
        "toMinute": st.sampled_from([0, 0, 15, 30, 60]),
    }
    found = {name: draw(value) for name, value in members.items() if draw(st.booleans())}
    if found.get("fromHour") == 24:
        found["fromMinute"] = 0
    return found


@st.composite
def seasons(draw: st.DrawFn, v2: bool) -> dict[str, Any]:
    """Make a season, perhaps an empty one."""
    kind = draw(st.sampled_from(["year", "part", "empty"]))
    if kind == "empty":
        return draw(st.sampled_from([{}, {"fromDay": 0, "fromMonth": 0, "toDay": 0, "toMonth": 0, "tou_periods": {}}]))
    dates = {"fromMonth": 1, "fromDay": 1, "toMonth": 12, "toDay": 31}
    if kind == "part":
        dates = {
            "fromMonth": draw(st.integers(1, 12)),
            "fromDay": draw(st.integers(1, 28)),
            "toMonth": draw(st.integers(1, 12)),
            "toDay": draw(st.integers(1, 28)),
        }
    periods = {}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True)):
        listed = draw(st.lists(windows(), max_size=3))
        periods[name] = {"periods": listed} if v2 else listed
    return {**dates, "tou_periods": periods}


@st.composite
def trees(draw: st.DrawFn, v2: bool) -> dict[str, Any]:
    """Make seasons with their prices, in either form."""
    names = draw(st.lists(st.sampled_from(["Summer", "Winter", "Third"]), max_size=3, unique=True))
    charges: dict[str, Any] = {}
    for name in [*names, "ALL"]:
        if draw(st.booleans()):
            rates = draw(st.dictionaries(st.sampled_from(NAMES), prices, max_size=3))
            charges[name] = {"rates": rates} if v2 else rates
    return {"energy_charges": charges, "seasons": {name: draw(seasons(v2)) for name in names}}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Make a whole document of version 1 or 2."""
    v2 = draw(st.booleans())
    document = draw(trees(v2))
    if draw(st.booleans()):
        document["sell_tariff"] = draw(trees(v2))
    return document
