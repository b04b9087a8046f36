"""Solar strings by day: recorded as signals, added up, judged by days; nothing by night, cloud, gap or kill."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pwserver.history.archive import Archive
from pwserver.history.history_answer import HistoryAnswer
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge
from pwserver.state.string_weakness import NO_NEIGHBOUR, NO_SUN, TOO_FEW_DAYS
from tests.history.support import GATEWAY, archive, body, histories, reading

DAY, HOUR = 86400.0, 3600.0
MIDNIGHT = 1_795_377_600.0 - 12 * HOUR  # 2026-11-22 in Los Angeles
SETTINGS = HistorySettings(poll_retention_seconds=DAY, poll_interval=1200.0, days_kept_seconds=800 * DAY, max_signals=0)
STEP = 1200.0


class House:
    """Strings in the sun from 8 to 16 o'clock, a poll every ten minutes; ``sizes``: their watts at noon."""

    def __init__(self, kept: Archive, sizes: Mapping[str, float]) -> None:
        self.kept, self.sizes = kept, sizes
        self.judge = GatewayJudge()
        self.recorder = Recorder(kept)

    def told(self, when: float, factors: Mapping[str, float | None], sun: float) -> Reading:
        hour = (when - MIDNIGHT) % DAY / HOUR
        light = sun * max(0.0, math.sin(math.pi * (hour - 8.0) / 8.0)) if 8.0 <= hour <= 16.0 else 0.0
        strings: dict[str, Any] = {}
        for name, size in self.sizes.items():
            factor = factors.get(name, 1.0)
            if factor is not None:
                volts = (400.0 if size else 2.0) if light else 0.0
                strings[name] = {"Power": size * factor * light, "Voltage": volts, "Current": 1.0 if light else 0.0}
        return reading(when, 0.0, 0.0, 0.0, 0.0, strings=strings)

    def day(
        self, number: int, sun: float = 1.0, gap: tuple[float, float] = (0.0, 0.0), **factors: float | None
    ) -> None:
        """Record a whole day, but nothing between two hours of it (``gap``)."""
        begin = MIDNIGHT + number * DAY
        when = begin
        while when < begin + DAY:
            if not gap[0] <= (when - begin) / HOUR < gap[1]:
                one = self.told(when, factors, sun)
                self.recorder.record(one, judged=self.judge.take(one))
            when += STEP


def ask(
    now: float, *archives: Archive, match: bytes | None = None, query: Mapping[str, str] | None = None
) -> HistoryAnswer:
    return ROUTES["/api/solar/strings"](histories(*archives), query or {}, now, match)


def strings(house: House, day: int) -> Any:
    return body(ask(MIDNIGHT + day * DAY + 60, house.kept))["gateways"]["default"]["strings"]


def test_a_fading_string_is_found_and_named_and_nothing_else() -> None:
    house = House(archive(SETTINGS), {"A": 3000.0, "B": 1500.0, "C": 4000.0, "D": 0.0})
    for number in range(30):
        house.day(number, B=1.0 if number < 20 else 0.6)
    house.day(30)
    found = strings(house, 30)
    assert set(found) == {"A", "B", "C"}  # D is not wired
    assert {name: one["weak"] for name, one in found.items()} == {"A": False, "B": True, "C": False}
    assert found["B"]["since"] == "2026-12-12" and found["A"]["since"] is None
    assert found["B"]["share"] == pytest.approx(0.6 * found["B"]["earlier_share"], rel=1e-3)
    assert found["B"]["compared_with"] == "all earlier days"
    assert len(found["B"]["daily"]) == 31 and found["B"]["daily"][10]["weak"] is None
    # The half sine from 8 to 16 o'clock has a closed form; the last day is open, and all of it is recorded.
    assert found["A"]["daily"][0]["energy_wh"] == pytest.approx(3000.0 * 8.0 * 2.0 / math.pi, rel=2e-3)


def test_cloudy_incomplete_and_missing_days_are_not_judged() -> None:
    house = House(archive(SETTINGS), {"A": 3000.0, "B": 1500.0})
    house.day(0)
    house.day(1, sun=0.3, B=0.1)  # cloudy
    house.day(2, gap=(11.0, 13.5), B=0.1)  # two and a half hours are missing
    house.day(3, B=None)  # one inverter is silent
    house.day(4, sun=0.0)
    house.day(5)
    house.day(6)
    found = strings(house, 6)
    assert [row["share"] is None for row in found["A"]["daily"]] == [False, True, True, True, True, False, True]
    assert [row["day"][-2:] for row in found["B"]["daily"] if row["share"] is not None] == ["22", "27"]
    assert found["B"]["weak"] is None and found["B"]["reason"] == TOO_FEW_DAYS


def test_a_dead_string_is_weak_and_one_alone_has_no_neighbour() -> None:
    house = House(archive(SETTINGS), {"A": 3000.0, "B": 1500.0})
    for number in range(20):
        house.day(number, B=1.0 if number < 15 else 0.0)
    house.day(20)
    assert strings(house, 20)["B"]["weak"] is True and strings(house, 20)["A"]["weak"] is False
    later = body(ask(MIDNIGHT + 60 * DAY, house.kept))["gateways"]["default"]["strings"]["B"]
    assert later["weak"] is None and later["reason"] == NO_SUN
    alone = House(archive(SETTINGS), {"A": 3000.0})
    for number in range(3):
        alone.day(number)
    assert strings(alone, 2)["A"]["reason"] == NO_NEIGHBOUR


def test_outputs_of_the_poll_have_the_verdict() -> None:
    house = House(archive(SETTINGS), {"A": 3000.0, "B": 1500.0})
    for number in range(21):
        house.day(number, B=1.0 if number < 15 else 0.5)
    assert house.recorder.findings.weak == {"A": False, "B": True}
    house.judge.memory.daily = house.recorder.findings
    judged = house.judge.take(house.told(MIDNIGHT + 21 * DAY, {}, 1.0))
    assert {name: one.weak.value for name, one in judged.strings.items()} == {"A": False, "B": True}
    assert judged.strings["B"].weak.rule == "weak over days"


def test_a_kill_every_hour_takes_nothing_away(tmp_path: Path) -> None:
    layouts = [plan(SETTINGS, GATEWAY)]
    store = HistoryStore.open(tmp_path, layouts)
    house = House(store.archives[GATEWAY.id], {"A": 3000.0, "B": 1500.0})
    for minute in range(0, 24 * 60, 10):
        if minute % 60 == 30:
            store.close()  # without a word to the recorder
            store = HistoryStore.open(tmp_path, layouts)
            house.recorder = Recorder(store.archives[GATEWAY.id])
        one = house.told(MIDNIGHT + 60.0 * minute, {}, 1.0)
        house.recorder.record(one, judged=house.judge.take(one))
    house.kept = store.archives[GATEWAY.id]
    house.day(1)
    found = strings(house, 1)
    assert found["A"]["daily"][0]["energy_wh"] == pytest.approx(3000.0 * 8.0 * 2.0 / math.pi, rel=2e-3)
    assert found["A"]["daily"][0]["share"] == pytest.approx(2.0, rel=1e-4)
    store.close()


def test_what_a_string_gave_since_the_figures_were_stored_survives_a_kill(tmp_path: Path) -> None:
    """They are stored every minute, and the server is killed just before the next one."""
    layouts = [plan(SETTINGS, GATEWAY)]
    store = HistoryStore.open(tmp_path, layouts)
    house = House(store.archives[GATEWAY.id], {"A": 3000.0, "B": 1500.0})
    noon = MIDNIGHT + 12.0 * HOUR
    for second in range(0, 601, 10):
        if second % 120 == 60:
            store.close()  # without a word to the recorder
            store = HistoryStore.open(tmp_path, layouts)
            house.recorder = Recorder(store.archives[GATEWAY.id])
        one = house.told(noon, {}, 1.0)
        house.recorder.record(one, noon + second, 10.0 if second else None, house.judge.take(one))
    house.kept = store.archives[GATEWAY.id]
    (row,) = strings(house, 1)["A"]["daily"]
    assert row["energy_wh"] == pytest.approx(500.0, rel=1e-6)
    store.close()


def test_a_fresh_installation_and_a_dead_gateway_have_no_strings() -> None:
    kept, dead = archive(SETTINGS), archive(SETTINGS, HistoryGateway("dead", "Dead", "Europe/Berlin"))
    answer = body(ask(MIDNIGHT, kept, dead))
    assert answer["gateways"] == {
        "default": {"timezone": "America/Los_Angeles", "strings": {}},
        "dead": {"timezone": "Europe/Berlin", "strings": {}},
    }
    assert "80 %" in answer["rule"]


def test_the_window_is_half_open_in_both_forms() -> None:
    house = House(archive(SETTINGS), {"A": 3000.0, "B": 1500.0})
    for number in range(4):
        house.day(number)
    window = {"from": repr(MIDNIGHT + DAY), "to": repr(MIDNIGHT + 3 * DAY)}
    now = MIDNIGHT + 4 * DAY
    found = body(ask(now, house.kept, query=window))["gateways"]["default"]["strings"]["A"]
    assert [row["day"] for row in found["daily"]] == ["2026-11-23", "2026-11-24"]
    answer = ask(now, house.kept, query={**window, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["string"], row["day"]) for row in rows] == [
        (name, day) for name in "AB" for day in ("2026-11-23", "2026-11-24")
    ]
    assert ask(now, house.kept, match=answer.etag, query={**window, "format": "csv"}).status == 304
    assert ask(now, house.kept, query={"to": "never"}).status == 422


def test_power_voltage_and_current_of_every_string_are_signals() -> None:
    kept = archive(HistorySettings(poll_interval=600.0, max_signals=16))
    house = House(kept, {"A": 3000.0, "B1": 1500.0})
    house.day(0)
    now = MIDNIGHT + DAY
    found = body(ROUTES["/api/timeseries/signals"](histories(kept), {"units": "yes"}, now, None))
    listed = {(one["device"], one["metric"], one["unit"], one["powerwall"]) for one in found["series"]}
    assert listed == {
        (f"STRING--{name}", metric, unit, None)
        for name in ("A", "B1")
        for metric, unit in (("string_power", "W"), ("string_voltage", "V"), ("string_current", "A"))
    }
    assert body(ROUTES["/api/timeseries/signals"](histories(kept), {}, now, None))["series"] == []
    asked = {"metrics": "string_power", "devices": "STRING--A", "start": repr(MIDNIGHT), "end": repr(now)}
    (series,) = body(ROUTES["/api/timeseries/signal_trend"](histories(kept), asked, now, None))["series"]
    assert max(point["max"] for point in series["points"]) == pytest.approx(3000.0, rel=1e-3)
