"""The past that the demo invents is that of a house: it balances, and its events are what its rows say."""

from __future__ import annotations

import math
import time
from zoneinfo import ZoneInfo

import pytest

from pwserver.demo.past import OUTAGES, STEP_SECONDS, Past
from pwserver.events import kinds
from pwserver.history.layout import COLUMNS
from pwserver.simulator import SCENARIOS

SITE, SOLAR, BATTERY, LOAD, CHARGE, GRID = (
    COLUMNS.index(name) for name in ("site", "solar", "battery", "load", "soe", "grid")
)
DAYS = 70


@pytest.mark.parametrize("scenario", ["powerwall3", "solar-only"])
def test_rows_balance_and_events_are_theirs(scenario: str) -> None:
    now = time.time()
    past = Past(SCENARIOS[scenario].make_family().plant, 1, DAYS, now, ZoneInfo("Australia/Lord_Howe"))
    rows = list(past.polls())
    times = [at for at, _ in rows]
    assert times == sorted(set(times)) and now - STEP_SECONDS <= times[-1] < now
    assert (DAYS - 1) * 86400 < now - times[0] < (DAYS + 1) * 86400
    for _, row in rows:
        battery = 0.0 if math.isnan(row[BATTERY]) else row[BATTERY]
        assert row[SITE] + row[SOLAR] + battery == pytest.approx(row[LOAD], abs=1e-6)
        assert math.isnan(row[BATTERY]) == math.isnan(row[CHARGE]) == (scenario == "solar-only")
        assert row[GRID] == 1.0 or row[SITE] == 0.0
    events = past.events("home")
    assert [event.at for event in events] == sorted(event.at for event in events)
    outages = [event for event in events if event.kind == kinds.GRID_UP]
    assert len(outages) == sum(one.days_ago < DAYS for one in OUTAGES) == 2
    for event in outages:
        began, lasted = event.details["since"], event.details["duration_seconds"]
        during = [row for at, row in rows if began <= at < event.at]
        assert len(during) * STEP_SECONDS == lasted and all(row[GRID] == 0.0 for row in during)
        assert event.details["home_wh"] == pytest.approx(
            sum(row[LOAD] for row in during) * STEP_SECONDS / 3600, abs=0.1
        )
        if past.has_battery:
            assert event.details["charge_begin_percent"] == pytest.approx(during[0][CHARGE], abs=0.05)
    assert sum(row[GRID] == 0.0 for _, row in rows) * STEP_SECONDS == sum(
        event.details["duration_seconds"] for event in outages
    )
