"""Sums over several houses: while one of them is missing there is a gap, and the charge weighs by capacity."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from pwserver.history.archive import Archive
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.poller.recording import Recording
from pwserver.state.judge import GatewayJudge
from tests.history.support import archive, body, histories, reading

NOON = 1_795_377_600.0
SETTINGS = HistorySettings(poll_interval=5.0, poll_retention_seconds=86400.0, max_signals=0)
HOUSES = {"sells": -1000.0, "buys": 2500.0, "idle": 500.0}


def house(name: str, watts: float, seconds: list[tuple[float, float]], step: float = 5.0, **more: Any) -> Archive:
    """A house polled over some spans of time."""
    store = archive(SETTINGS, HistoryGateway(name, name, "UTC"))
    recorder = Recorder(store)
    for start, end in seconds:
        for number in range(round((end - start) / step)):
            recorder.record(reading(NOON + start + step * number, watts, 0.0, 0.0, max(0.0, watts), **more))
    return store


def trend(*stores: Archive, end: float = 3600.0) -> list[dict[str, float | None]]:
    asked = {"start": repr(NOON), "end": repr(NOON + end)}
    found: list[dict[str, float | None]] = body(
        ROUTES["/api/timeseries/trend"](histories(*stores), asked, NOON + end, None)
    )["points"]
    return found


def test_the_trend_has_a_gap_while_a_house_is_missing() -> None:
    whole = [(0.0, 3600.0)]
    stores = [house(name, watts, whole) for name, watts in HOUSES.items() if name != "buys"]
    stores.insert(1, house("buys", HOUSES["buys"], [(0.0, 1200.0), (2400.0, 3600.0)]))
    points = trend(*stores)
    powers = [point["grid_kw"] for point in points]
    assert set(powers) == {2.0, None}
    assert powers.count(None) == 20 and powers[0] == powers[-1] == 2.0


@pytest.mark.parametrize("away", [70.0, 200.0])
def test_a_short_absence_is_bridged_as_the_houses_own_rows_are(away: float) -> None:
    stores = [
        house("one", 1000.0, [(0.0, 1200.0), (1200.0 + away, 3600.0)]),
        house("two", 3000.0, [(0.0, 3600.0)]),
    ]
    assert {point["grid_kw"] for point in trend(*stores)} == {4.0}


@pytest.mark.parametrize("path", ["/api/timeseries/daily", "/api/timeseries/today"])
def test_the_tag_of_days_names_their_sum_which_is_written_later(path: str) -> None:
    record = archive(SETTINGS, HistoryGateway("aggregate", "aggregate", "UTC", virtual=True))
    stores = [house("one", 1000.0, [(0.0, 60.0)]), house("two", 3000.0, [(0.0, 60.0)]), record]
    before = ROUTES[path](histories(*stores), {}, NOON + 60.0, None)
    Recorder(record).record(reading(NOON + 55.0, 4000.0, 0.0, 0.0, 4000.0))
    after = ROUTES[path](histories(*stores), {}, NOON + 60.0, before.etag)
    assert after.status == 200 and after.etag != before.etag
    assert ROUTES[path](histories(*stores), {}, NOON + 60.0, after.etag).status == 304


def test_houses_that_are_polled_rarely_do_not_make_the_sum_fall() -> None:
    stores = [house("often", 1000.0, [(0.0, 3600.0)]), house("rarely", 3000.0, [(0.0, 3600.0)], 120.0)]
    powers = [point["grid_kw"] for point in trend(*stores)]
    assert set(powers[:-1]) == {4.0}


def test_a_house_that_came_later_is_missed_only_from_then_on() -> None:
    stores = [house("first", 1000.0, [(0.0, 3600.0)]), house("second", 3000.0, [(1800.0, 3600.0)])]
    powers = [point["grid_kw"] for point in trend(*stores)]
    assert powers == [1.0] * 30 + [4.0] * 30


def test_the_level_weighs_by_capacity_and_does_not_jump() -> None:
    def battery(raw: float, capacity: float) -> dict[str, Any]:
        return {
            "soe_raw": raw,
            "system_status": {"nominal_full_pack_energy": capacity, "nominal_energy_remaining": 1.0},
        }

    large = house("large", 0.0, [(0.0, 1200.0), (2400.0, 3600.0)], **battery(90.5, 40_000.0))
    small = house("small", 0.0, [(0.0, 3600.0)], **battery(14.5, 10_000.0))
    levels = [point["battery_level"] for point in trend(large, small)]
    known = [level for level in levels if level is not None]
    assert known == pytest.approx([(90.0 * 4 + 10.0) / 5] * len(known))
    assert levels.count(None) == 20
    assert large.read_notes().capacity_wh == 40_000.0


@pytest.mark.parametrize(("known", "recorded"), [(True, 106), (False, 120)])
def test_the_recorded_sum_has_a_gap_while_a_house_is_missing(known: bool, recorded: int) -> None:
    """A house that was never heard of is not waited for."""
    store = archive(SETTINGS, HistoryGateway("aggregate", "All", "UTC", virtual=True))
    archives = {"aggregate": store, "buys": house("buys", HOUSES["buys"], [(-60.0, 0.0)] if known else [])}
    recording = Recording(SimpleNamespace(archives=archives, stop_reason=lambda _=None: None))  # type: ignore[arg-type]
    for number in range(120):
        missing = ["buys"] if 30 <= number < 44 else []  # 70 s
        watts = sum(watts for name, watts in HOUSES.items() if name not in missing)
        one = reading(NOON + 5.0 * number, watts, 0.0, 0.0, 3000.0, gateway_id="aggregate")
        gateway = SimpleNamespace(id="aggregate", virtual=True, timezone="UTC")
        state = SimpleNamespace(judged=None)
        view = SimpleNamespace(reading=one, status=SimpleNamespace(online=True), gateway=gateway, state=state)
        recording.take_sum(view, missing)  # type: ignore[arg-type]
    _, (watts_recorded,) = store.polls.select(-math.inf, math.inf, [store.column("polls", "site")])
    assert list(watts_recorded).count(2000.0) == 106  # the rest of a known house is a gap, bridged as its own is
    assert len(watts_recorded) == recorded


def test_powers_that_cannot_be_true_are_in_no_books() -> None:
    """T10: the house is left out of all sums, so neither its own history nor the sum of histories has them."""
    store = archive(SETTINGS, HistoryGateway("farm", "Farm", "UTC"))
    recording = Recording(SimpleNamespace(archives={"farm": store}, stop_reason=lambda _=None: None))  # type: ignore[arg-type]
    gateway = SimpleNamespace(id="farm", virtual=False, timezone="UTC")
    for number in range(120):
        battery = 4_000_000.0 if 30 <= number < 90 else 1000.0
        one = reading(NOON + 10.0 * number, 0.0, 0.0, battery, 1000.0, gateway_id="farm")
        state = SimpleNamespace(judged=GatewayJudge().take(one))
        recording.take(SimpleNamespace(reading=one, status=SimpleNamespace(online=True), gateway=gateway, state=state))  # type: ignore[arg-type]
    _, (kept,) = store.polls.select(-math.inf, math.inf, [store.column("polls", "battery")])
    assert list(kept) == [1000.0] * 60
