"""What is known of the last seven days: covered time, and what the diary says, however it grows."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from pwserver.events.event import Event
from pwserver.events.event_ring import EventRing
from pwserver.events.week import WeekOfEvents
from pwserver.history.archive import Archive
from pwserver.history.layout import plan
from pwserver.history.store import HistoryStore
from pwserver.history.week import ClockFacts, same_zone, week_facts
from pwserver.state.daily_findings import NOTHING_FOUND
from pwserver.state.week_facts import DAY_SECONDS, WEEK_SECONDS, Span, WeekFacts
from tests.history.support import GATEWAY, HistorySettings

NOW = 1_790_000_000.0 // 900 * 900
HOUR = 3600.0


@pytest.fixture
def store() -> HistoryStore:
    return HistoryStore.in_memory([plan(HistorySettings(), GATEWAY)])


@pytest.fixture
def archive(store: HistoryStore) -> Archive:
    return store.archives[GATEWAY.id]


@pytest.fixture
def ring(store: HistoryStore) -> EventRing:
    return store.events[GATEWAY.id]


def record(archive: Archive, ago: float, covered: float) -> None:
    row = array("d", [math.nan] * len(archive.columns("quarters")))
    row[archive.column("quarters", "covered_seconds")] = covered
    archive.quarters.append(NOW - ago, row)


def week(archive: Archive | None, events: WeekOfEvents | None = None, **clock: Any) -> WeekFacts:
    return week_facts(archive, events, NOTHING_FOUND, ClockFacts(**clock), NOW)


def tell(ring: EventRing, ago: float, kind: str, **details: Any) -> None:
    ring.commit([Event(ring.gateway, kind, NOW - ago, details)], b"")


def test_a_house_is_known_from_its_first_quarter_hour_on_at_most_seven_days(archive: Archive) -> None:
    assert week(archive).begin is None and week(None).recording is False
    record(archive, 4 * DAY_SECONDS, 900.0)
    assert week(archive).begin == NOW - 4 * DAY_SECONDS
    record(archive, 3 * HOUR, 300.0)
    record(archive, 900.0, math.nan)  # imported: it is not said how much of it is known
    found = week(archive)
    assert found.covered_seconds == 900.0 + 300.0 + 900.0 and found.seconds == 4 * DAY_SECONDS


@pytest.mark.parametrize(
    ("ago", "covered", "begin"), [(900.0, 40.0, 40.0), (300.0, 40.0, 40.0), (2700.0, 60.0, 1860.0)]
)
def test_a_house_is_not_known_before_it_was_first_read(
    archive: Archive, ago: float, covered: float, begin: float
) -> None:
    """Of the quarter hour in which it became known, only what was recorded counts."""
    record(archive, ago, covered)
    found = week(archive)
    assert found.begin == NOW - begin and found.covered_seconds == covered


def test_what_was_recorded_before_the_week_makes_all_of_it_known(archive: Archive) -> None:
    record(archive, 9 * DAY_SECONDS, 900.0)
    record(archive, HOUR, 900.0)
    found = week(archive)
    assert found.begin == NOW - WEEK_SECONDS and found.covered_seconds == 900.0


def test_the_diary_is_followed_and_what_is_old_is_forgotten(ring: EventRing) -> None:
    events = WeekOfEvents(ring)
    tell(ring, 9 * DAY_SECONDS, "gateway_away", cause="timeout")
    tell(ring, 8 * DAY_SECONDS, "grid_down", purpose="scheduled")
    tell(ring, 7.5 * DAY_SECONDS, "grid_up", purpose="scheduled", since=NOW - 8 * DAY_SECONDS)
    events.update(NOW)
    assert events.silences(NOW) == (Span(NOW - 9 * DAY_SECONDS, None, "timeout"),), "it goes on, however old it is"
    assert events.outages(NOW) == ()
    tell(ring, 5 * HOUR, "gateway_back", cause="timeout", since=NOW - 9 * DAY_SECONDS)
    tell(ring, 4 * HOUR, "grid_down", purpose="unscheduled")
    tell(ring, 3 * HOUR, "alert_begun", alert="BatteryFault", severity="serious")
    tell(ring, 2 * HOUR, "alert_begun", alert="PodCommissionTime", severity="information")
    events.update(NOW)
    assert events.silences(NOW) == (Span(NOW - 9 * DAY_SECONDS, NOW - 5 * HOUR, "timeout"),)
    assert events.outages(NOW) == (Span(NOW - 4 * HOUR, None, "utility"),)
    assert [one.why for one in events.serious(NOW)] == ["BatteryFault"]
    assert events.silences(NOW + 8 * DAY_SECONDS) == events.serious(NOW + 8 * DAY_SECONDS) == ()


def test_times_that_were_put_right_are_read_anew(ring: EventRing) -> None:
    events = WeekOfEvents(ring)
    ring.commit([Event(ring.gateway, "grid_down", NOW - 30 * DAY_SECONDS, {}, steady=1000.0)], b"")
    events.update(NOW)
    before = events.outages(NOW)
    ring.put_right(0.0, NOW - HOUR - 1000.0)
    events.update(NOW)
    assert (before, events.outages(NOW)) == (
        (Span(NOW - 30 * DAY_SECONDS, None, "utility"),),
        (Span(NOW - HOUR, None, "utility"),),
    )


def test_zones_are_the_same_when_their_clocks_are_under_whatever_name() -> None:
    assert same_zone("US/Pacific", "America/Los_Angeles", NOW) and not same_zone("America/Phoenix", "US/Mountain", NOW)
    told = week(None, told_zone="Europe/Berlin", zone="UTC")
    assert told.zone_agrees is False and week(None).zone_agrees is None
