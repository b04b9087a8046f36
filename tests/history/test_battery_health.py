"""GET /api/battery/health: a year of days, fresh, beside a dead gateway, after a restart, with a wrong clock."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pwserver.history.archive import Archive
from pwserver.history.history_answer import HistoryAnswer
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.modes import Reach
from pwserver.reading import Answered, Reading
from tests.history.support import GATEWAY, archive, body, histories, reading

DAY = 86400.0
NOON = 1_795_377_600.0  # 2026-11-22, noon in Los Angeles
SETTINGS = HistorySettings(
    poll_retention_seconds=86400.0, poll_interval=5.0, days_kept_seconds=800 * DAY, max_signals=0
)


def told(when: float, full: Mapping[str, float | None], discharged: float | None = None, **more: Any) -> Reading:
    """A reading of a Powerwall 3 with these full energies."""
    counted = {} if discharged is None else {"energy_discharged": discharged}
    blocks = [
        {
            "PackageSerialNumber": serial,
            "PackagePartNumber": more.pop("part", "1707000-11-J"),
            "nominal_full_pack_energy": energy,
            **counted,
        }
        for serial, energy in full.items()
    ]
    return reading(when, 1000.0, 0.0, 0.0, 1000.0, system_status={"battery_blocks": blocks}, **more)


def ask(
    now: float, *archives: Archive, query: Mapping[str, str] | None = None, match: bytes | None = None
) -> HistoryAnswer:
    return ROUTES["/api/battery/health"](histories(*archives), query or {}, now, match)


def test_a_fresh_installation_knows_nothing_and_says_why_beside_every_gateway() -> None:
    kept, dead = archive(SETTINGS), archive(SETTINGS, HistoryGateway("dead", "Dead", "Europe/Berlin"))
    Recorder(kept).record(told(NOON, {"TG1": 13_500.0}))
    gateways = body(ask(NOON + 60, kept, dead))["gateways"]
    assert list(gateways) == ["default", "dead"]
    assert gateways["default"]["units"]["TG1"]["health_percent"] == 100.0
    nothing = gateways["dead"]
    assert nothing["units"] == {} and nothing["timezone"] == "Europe/Berlin"
    figures = ("full_wh", "median_full_wh", "health_percent", "trend_percent_per_year")
    for figure in figures:
        assert nothing["whole"][figure] is None
        assert nothing["whole"]["unknown"][figure] == "no day with a full energy has been recorded yet"
    assert nothing["whole"]["daily"] == [] and nothing["whole"]["cycles"] is None


def test_a_year_has_its_trend_its_cycles_and_every_day_once() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    for number in range(366):
        full = {"TG1": 13_700.0 - number, "TG2": 13_400.0}
        assert recorder.record(told(NOON + number * DAY, full, 9_000.0 * number), elapsed=DAY)
    now = NOON + 365 * DAY + 60
    found = body(ask(now, kept))["gateways"]["default"]
    first, second, whole = found["units"]["TG1"], found["units"]["TG2"], found["whole"]
    assert first["trend_percent_per_year"] == pytest.approx(-365.25 / 135.0, abs=0.01)
    assert second["trend_percent_per_year"] == 0.0 and first["steps"] == second["steps"] == []
    assert first["full_wh"] == 13_700.0 - 365 and first["median_full_wh"] == 13_700.0 - 350.5
    assert first["health_percent"] == pytest.approx(100.0 * 13_349.5 / 13_500.0, abs=0.01)
    assert first["cycles"] == pytest.approx(9_000.0 * 365 / 13_500.0, abs=0.01)
    assert whole["nominal_wh"] == 27_000.0 and whole["full_wh"] == 13_335.0 + 13_400.0
    assert whole["cycles"] is None and whole["unknown"]["cycles"] == "the gateway does not count this energy"
    assert (first["days"], first["first_day"], first["last_day"]) == (366, "2026-11-22", "2027-11-22")
    assert (first["label"], first["part"]) == ("PW1", "1707000-11-J")
    days = [row["day"] for row in first["daily"]]
    assert len(days) == len(set(days)) == 366 and days == sorted(days)
    assert first["daily"][0]["health_percent"] == pytest.approx(13_700.0 / 135.0, abs=0.01)


def test_cycles_of_the_whole_come_from_the_counter_of_the_battery_meter() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    for number, count in enumerate((1_350_000.0, 1_363_500.0)):
        more: dict[str, Any] = {"counters": {"battery": {"energy_exported": count, "energy_imported": count * 1.1}}}
        recorder.record(told(NOON + number * DAY, {"TG1": 13_000.0}, **more), elapsed=DAY)
    found = body(ask(NOON + DAY + 60, kept))["gateways"]["default"]
    assert found["whole"]["cycles"] == 101.0 and found["units"]["TG1"]["cycles"] is None


def test_a_unit_that_is_new_is_known_with_its_first_poll() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    for when, full in ((NOON + 1, {"TG1": 13_000.0}), (NOON + 6, {"TG1": 13_000.0, "TG2": 13_500.0})):
        recorder.record(told(when, full))
        assert list(body(ask(when, kept))["gateways"]["default"]["units"]) == list(full)
        assert {serial for serial in recorder.findings.health_percent if serial} == set(full)


def test_a_silent_pack_is_unknown_and_is_missing_in_no_sum() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    recorder.record(told(NOON, {"TG1": 13_000.0, "TG2": 13_000.0}))
    recorder.record(told(NOON + DAY, {"TG1": 13_000.0, "TG2": 0.0}), elapsed=DAY)
    recorder.record(told(NOON + 2 * DAY, {"TG1": 13_000.0, "TG2": None}), elapsed=DAY)
    found = body(ask(NOON + 2 * DAY + 60, kept))["gateways"]["default"]
    assert [row["full_wh"] for row in found["units"]["TG2"]["daily"]] == [13_000.0]
    assert [row["full_wh"] for row in found["whole"]["daily"]] == [26_000.0]
    assert found["units"]["TG1"]["days"] == 3


def test_an_expansion_pack_is_a_unit_and_an_unknown_part_has_no_health() -> None:
    kept = archive(SETTINGS)
    blocks = [
        {"PackageSerialNumber": "LD", "PackagePartNumber": "1707000-11-J", "nominal_full_pack_energy": 14_400.0},
        {
            "PackageSerialNumber": "EX",
            "PackagePartNumber": "1807000-20-B",
            "Type": "BatteryExpansion",
            "nominal_full_pack_energy": 13_700.0,
        },
    ]
    Recorder(kept).record(reading(NOON, 0.0, 0.0, 0.0, 0.0, system_status={"battery_blocks": blocks}))
    found = body(ask(NOON + 60, kept))["gateways"]["default"]
    assert {serial: unit["nominal_wh"] for serial, unit in found["units"].items()} == {"LD": 13_500.0, "EX": 13_500.0}
    assert found["units"]["LD"]["health_percent"] == pytest.approx(106.67)  # never clamped
    assert found["whole"]["nominal_wh"] == 27_000.0
    other = archive(SETTINGS)
    Recorder(other).record(told(NOON, {"X": 5_000.0}, part="7654321-00-A"))
    unit = body(ask(NOON + 60, other))["gateways"]["default"]["units"]["X"]
    assert (unit["full_wh"], unit["nominal_wh"], unit["health_percent"]) == (5_000.0, None, None)
    assert unit["unknown"]["health_percent"] == "the nameplate energy of this part is not publicly known"
    assert unit["daily"][0]["health_percent"] is None


def test_the_first_source_of_a_day_counts_and_another_one_is_told() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    local = {"units": Answered("GET /api/system_status", NOON)}
    tedapi = {"units": Answered("TEDAPI status", NOON)}
    recorder.record(replace(told(NOON, {"TG1": 13_500.0}), answers=tedapi))
    recorder.record(replace(told(NOON + 60, {"TG1": 12_825.0}), answers=local))
    recorder.record(replace(told(NOON + DAY, {"TG1": 12_825.0}), answers=local), elapsed=DAY)
    unit = body(ask(NOON + DAY + 60, kept))["gateways"]["default"]["units"]["TG1"]
    assert [(row["full_wh"], row["source"]) for row in unit["daily"]] == [(13_500.0, "tedapi"), (12_825.0, "local")]
    assert unit["steps"] == [] and unit["compared_since"] == "2026-11-23" and unit["source"] == "local"


def test_teslas_servers_tell_of_the_whole_only() -> None:
    kept = archive(SETTINGS)
    answers = {"system": Answered("site_status of Tesla's servers", NOON)}
    one = reading(NOON, 0.0, 0.0, 0.0, 0.0, system_status={"nominal_full_pack_energy": 26_000.0}, reach=Reach.CLOUD)
    Recorder(kept).record(replace(one, answers=answers))
    found = body(ask(NOON + 60, kept))["gateways"]["default"]
    assert found["units"] == {} and found["whole"]["full_wh"] == 26_000.0 and found["whole"]["source"] == "cloud"
    assert found["whole"]["nominal_wh"] is None and found["whole"]["health_percent"] is None


def test_everything_is_there_after_a_kill_and_files_of_before_are_taken_over(tmp_path: Path) -> None:
    layout = plan(SETTINGS, GATEWAY)
    before = replace(layout, rings=tuple(ring for ring in layout.rings if "-days-" not in ring.name), devices_bytes=0)
    HistoryStore.open(tmp_path, [replace(before, gateway=replace(GATEWAY, virtual=True))]).close()
    for number in range(3):
        store = HistoryStore.open(tmp_path, [layout])
        assert store.messages == []
        recorder = Recorder(store.archives[GATEWAY.id])
        for minute in range(3):
            recorder.record(told(NOON + number * DAY + 60.0 * minute, {"TG1": 13_000.0 + number}))
        store.close()  # killed: nothing is stored but what every minute stores
    store = HistoryStore.open(tmp_path, [layout])
    Recorder(store.archives[GATEWAY.id])  # shows the day that is open, before anything new is known
    unit = body(ask(NOON + 2 * DAY + 300, store.archives[GATEWAY.id]))["gateways"]["default"]["units"]["TG1"]
    assert [row["full_wh"] for row in unit["daily"]] == [13_000.0, 13_001.0, 13_002.0]
    store.close()


def test_days_that_a_wrong_clock_wrote_are_not_read_before_their_time() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    recorder.record(told(NOON, {"TG1": 13_000.0}))
    recorder.record(told(NOON + 40 * DAY, {"TG1": 12_000.0}), elapsed=5.0)
    recorder.return_to_before(NOON + 60)
    recorder.record(told(NOON + 120, {"TG1": 13_100.0}), elapsed=5.0)
    now = body(ask(NOON + 180, kept))["gateways"]["default"]["units"]["TG1"]
    assert [row["full_wh"] for row in now["daily"]] == [13_100.0]
    later = body(ask(NOON + 41 * DAY, kept))["gateways"]["default"]["units"]["TG1"]
    assert [row["full_wh"] for row in later["daily"]] == [13_100.0, 12_000.0]  # nothing was deleted


def test_the_window_is_half_open_and_csv_has_the_same_rows() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    for number in range(5):
        recorder.record(told(NOON + number * DAY, {"TG1": 13_000.0 + number}, 1000.0 * number), elapsed=DAY)
    now, midnight = NOON + 4 * DAY + 60, NOON - DAY / 2
    window = {"from": repr(midnight + DAY), "to": repr(midnight + 3 * DAY)}
    unit = body(ask(now, kept, query=window))["gateways"]["default"]["units"]["TG1"]
    assert [row["full_wh"] for row in unit["daily"]] == [13_001.0, 13_002.0]
    assert unit["full_wh"] == 13_004.0  # what is of now does not follow the window
    answer = ask(now, kept, query={**window, "format": "csv"})
    rows = [row for row in csv.DictReader(io.StringIO(answer.body.decode())) if row["unit"] == "TG1"]
    assert answer.media_type.startswith("text/csv")
    assert [(row["day"], row["full_wh"], row["nominal_wh"], row["discharged_wh"]) for row in rows] == [
        ("2026-11-23", "13001.0", "13500.0", "1000"),
        ("2026-11-24", "13002.0", "13500.0", "2000"),
    ]
    assert (
        body(ask(now, kept, query={"from": repr(now), "to": repr(now)}))["gateways"]["default"]["whole"]["daily"] == []
    )


def test_the_same_answer_is_not_sent_twice() -> None:
    kept = archive(SETTINGS)
    recorder = Recorder(kept)
    recorder.record(told(NOON, {"TG1": 13_000.0}))
    etag = ask(NOON + 1, kept).etag
    assert ask(NOON + 2, kept, match=etag).status == 304
    recorder.record(told(NOON + 5, {"TG1": 12_999.0}))
    assert ask(NOON + 6, kept, match=etag).status == 200


@pytest.mark.parametrize(
    ("query", "member"),
    [({"from": "yesterday"}, "from"), ({"format": "xml"}, "format"), ({"from": "now", "to": "now-1d"}, "from")],
)
def test_bad_parameters_are_named(query: dict[str, str], member: str) -> None:
    answer = ask(NOON, archive(SETTINGS), query=query)
    assert answer.status == 422 and body(answer)["detail"][0]["loc"] == ["query", member]


def test_without_a_history_there_is_nothing_and_a_sum_has_no_units() -> None:
    off = HistorySettings(poll_retention_seconds=-1.0)
    answer = ROUTES["/api/battery/health"](histories(settings=off), {}, NOON, None)
    assert body(answer)["enabled"] is False and body(answer)["gateways"] == {}
    layout = plan(SETTINGS, HistoryGateway("aggregate", "All", virtual=True))
    total = HistoryStore.in_memory([layout]).archives["aggregate"]
    assert body(ask(NOON, total, query={"gateway": "aggregate"}))["gateways"] == {}
