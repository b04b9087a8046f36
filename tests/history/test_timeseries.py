"""The predecessor's shapes: against its recorded answers, and its rules."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pwserver.history.history_answer import Histories, HistoryAnswer
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.state.judge import GatewayJudge
from tests.documents.compare import differences
from tests.history.support import GATEWAY, archive, body, histories, reading

NOW = 1_795_339_243.9
DISABLED = Histories(HistorySettings(poll_retention_seconds=-1.0), [GATEWAY], {}, "default")
TETHC = "TETHC--2012170-25-E--T0000000000000"
TETHC_2 = "TETHC--3012170-05-B--T0000000000000"


def ask(asked: Histories, target: str, now: float = NOW, match: bytes | None = None) -> HistoryAnswer:
    path, _, query = target.partition("?")
    return ROUTES[path](asked, dict(parse_qsl(query, keep_blank_values=True)), now, match)


def recorded(name: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("recorded.json").read_text())
    return found[name]  # type: ignore[no-any-return]


def simulated(
    start: float, count: int, gateway: HistoryGateway = GATEWAY, vitals: Any = None, level: float = 24.074074074074073
) -> Any:
    """The recorded site: constant powers, a poll every five seconds."""
    store = archive(None, gateway)
    recorder = Recorder(store)
    one = reading(start, -2100.0, 6500.0, -3500.0, 900.0, soe_raw=level, vitals=vitals)
    judged = GatewayJudge().take(one)
    for step in range(count):
        recorder.record(one, start + 5.0 * step, judged=judged)
    return store


def files_of(asked: Histories) -> Histories:
    """The predecessor always has a file."""
    return replace(asked, settings=replace(asked.settings, path="/data/ts"), disk_bytes=lambda: 489_664)


SITES = {
    "pypowerwall-server-0.13.0.json": lambda: files_of(histories(simulated(NOW - 2800.0, 555))),
    "local-mode/pypowerwall-server-0.13.0.json": lambda: files_of(
        histories(
            simulated(
                NOW - 5.0, 1, GATEWAY, {TETHC: {"THC_AmbientTemp": 15.6}, TETHC_2: {"THC_AmbientTemp": 15.2}}, 23.975388
            )
        )
    ),
    "multi-gateway/pypowerwall-server-0.13.0.json": lambda: files_of(
        replace(
            histories(
                simulated(NOW - 20.0, 5, HistoryGateway("home", "Home", "America/Los_Angeles")),
                simulated(NOW - 20.0, 5, HistoryGateway("local", "local", "America/Los_Angeles")),
            ),
            gateways=[HistoryGateway(*one) for one in (("home", "Home"), ("cabin", "cabin"), ("local", "local"))],
        )
    ),
    "outage/pypowerwall-server-0.13.0-no-gateways.json": lambda: files_of(histories()),
}
# What differs on purpose: how many samples there were when it was recorded; a signal value is kept as float32.
COUNTS = ("samples", "signal_series", "signal_daily_rows", "signal_samples", "hours")


# Members that the predecessor does not have.
ADDED = (
    "solar_to_home_kwh", "battery_to_home_kwh", "grid_to_home_kwh", "self_powered_percent", "self_powered_from",
    "covered_seconds", "gap_seconds", "filled_seconds", "sum", "total", "totals", "timezones", "first_days",
)  # fmt: skip
SAMPLED = ("points", "samples", "days")


def shortened(value: Any) -> Any:
    """Lists whose length depends on the time: their first member only."""
    if isinstance(value, dict):
        return {
            name: shortened(member[:1] if name in SAMPLED and isinstance(member, list) else member)
            for name, member in value.items()
        }
    return [shortened(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SITES)
def test_answers_have_the_recorded_shape(name: str) -> None:
    asked = SITES[name]()
    found = recorded(name)
    assert len(found) >= 2
    for target, entry in found.items():
        answer = ask(asked, target)
        assert answer.status == entry["status"], target
        ours, theirs = shortened(body(answer)), shortened(entry["body"])
        if answer.status == 422:
            assert [set(problem) >= {"loc", "msg"} for problem in ours["detail"]] == [True] * len(theirs["detail"])
            assert [problem["loc"] for problem in ours["detail"]] == [problem["loc"] for problem in theirs["detail"]]
            continue
        left = [one for one in differences(target, theirs, ours) if one.member not in COUNTS]
        left = [one for one in left if one.kind != "extra" or one.member.rpartition(".")[2] not in ADDED]
        assert not left, "\n".join(map(str, left))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("daily", {"enabled": False, "days": [], "last_updated": None}),
        ("today", {"enabled": False, "gateways": {}}),
        ("trend", {"enabled": False, "points": [], "count": 0}),
        ("samples", {"enabled": False, "samples": [], "count": 0}),
        (
            "signal_trend",
            {"enabled": False, "start": None, "end": None, "resolution": None, "bucket_seconds": None, "series": []},
        ),
    ],
)
def test_a_history_switched_off_answers_empty(target: str, expected: Any) -> None:
    answer = ask(DISABLED, f"/api/timeseries/{target}")
    assert (answer.status, body(answer)) == (200, expected)


def test_a_history_switched_off_has_a_status_and_a_catalogue() -> None:
    status = body(ask(DISABLED, "/api/timeseries/status"))
    assert (status["enabled"], status["retention_seconds"], status["db_file"]) == (False, -1, None)
    assert {status[name] for name in ("samples", "daily_rows", "signal_samples", "db_size_bytes")} == {0}
    catalogue = body(ask(DISABLED, "/api/timeseries/signals"))
    assert (catalogue["enabled"], catalogue["series"], len(catalogue["metrics"])) == (False, [], 11)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("daily?days=367", "days"),
        ("daily?days=x", "days"),
        ("daily?days=1.5", "days"),
        ("daily?days=", "days"),
        ("daily?start=2026-02-30", "start"),
        ("daily?end=26-1-1", "end"),
        ("daily?start=2026-05-02&end=2026-05-01", "start"),
        ("trend?hours=0", "hours"),
        ("trend?hours=169", "hours"),
        ("trend?start=nan", "start"),
        ("trend?end=inf", "end"),
        ("trend?fit=perhaps", "fit"),
        ("samples?limit=10001", "limit"),
        ("samples?limit=0", "limit"),
        ("samples?start=abc", "start"),
        ("signal_trend?start=-1", "start"),
        ("signal_trend?end=4102444801", "end"),
        ("signal_trend?start=NaN", "start"),
        ("signal_trend?hours=87841", "hours"),
        ("signal_trend?resolution=hourly", "resolution"),
    ],
)
def test_parameters_out_of_range_are_refused(target: str, name: str) -> None:
    for asked in (histories(archive()), DISABLED):
        answer = ask(asked, f"/api/timeseries/{target}")
        assert answer.status == 422
        problems = body(answer)["detail"]
        assert [problem["loc"] for problem in problems] == [["query", name]]
        assert all(problem["msg"] and problem["type"] for problem in problems)


def test_every_bad_parameter_is_named() -> None:
    problems = body(ask(histories(archive()), "/api/timeseries/signal_trend?hours=0&resolution=x&start=a"))["detail"]
    assert sorted(problem["loc"][1] for problem in problems) == ["hours", "resolution", "start"]


def test_trend_is_the_mean_of_each_bucket() -> None:
    start = 1_795_330_800.0  # a whole hour
    store = archive()
    recorder = Recorder(store)
    for step in range(1440):
        recorder.record(reading(start + 5.0 * step, 100.0, float(step), -50.0, 10.0, soe_raw=52.5))
    trend = body(ask(histories(store), f"/api/timeseries/trend?start={start}&end={start + 7199.0}", start + 7200.0))
    assert (trend["bucket_seconds"], trend["count"]) == (60.0, 120)
    assert [point["ts"] for point in trend["points"][:2]] == [start, start + 60.0]
    for index, point in enumerate(trend["points"]):
        assert point["solar_kw"] == pytest.approx((index * 12 + (6.0 if index < 119 else 5.5)) / 1000.0, rel=1e-6)
        assert (point["grid_kw"], point["battery_kw"], point["home_kw"]) == (0.1, -0.05, 0.01)
        assert point["battery_level"] == 50.0


def test_gateways_are_added_up_and_the_virtual_one_is_not() -> None:
    start = 1_795_330_800.0
    parts = [
        simulated(start, 60, HistoryGateway(name, name, "UTC", virtual))
        for name, virtual in (("one", False), ("two", False), ("aggregate", True))
    ]
    asked = histories(*parts)
    point = body(ask(asked, "/api/timeseries/trend?hours=1", start + 300.0))["points"][0]
    assert (point["solar_kw"], point["grid_kw"], point["battery_level"]) == (13.0, -4.2, pytest.approx(20.077972, 1e-6))
    single = body(ask(asked, "/api/timeseries/trend?hours=1&gateway=two", start + 300.0))["points"][0]
    assert single["solar_kw"] == 6.5
    days = body(ask(asked, "/api/timeseries/daily", start + 300.0))["days"]
    assert set(days[0]["gateways"]) == {"one", "two"}
    found = body(ask(asked, "/api/timeseries/samples?limit=3", start + 300.0))["samples"]
    assert [(one["gateway_id"], one["ts"]) for one in found] == [
        ("two", start + 290.0),
        ("one", start + 295.0),
        ("two", start + 295.0),
    ]
    assert body(ask(asked, "/api/timeseries/samples?gateway=nobody", start))["samples"] == []


def test_trend_reaches_further_back_than_the_polls() -> None:
    start = 1_795_330_800.0
    store = archive(HistorySettings(poll_retention_seconds=3600.0, poll_interval=30.0))
    recorder = Recorder(store)
    for step in range(2880):
        recorder.record(reading(start + 30.0 * step, 100.0, float(step // 120), -50.0, 10.0))
    trend = body(ask(histories(store), "/api/timeseries/trend?hours=24", start + 86_400.0))
    assert trend["count"] >= 359
    assert trend["points"][-1]["solar_kw"] == 0.023
    assert trend["points"][0]["solar_kw"] == 0.0


def test_a_missing_power_leaves_the_sample_out_and_the_energy_null() -> None:
    store = archive()
    recorder = Recorder(store)
    for step in range(10):
        one = reading(NOW - 100.0 + 5.0 * step, 100.0, 0.0, -50.0, 10.0)
        one.aggregates["solar"]["instant_power"] = None
        recorder.record(one)
    asked = histories(store)
    assert body(ask(asked, "/api/timeseries/samples"))["count"] == 0
    row = body(ask(asked, "/api/timeseries/today"))["gateways"]["default"]
    assert row["solar_kwh"] is None
    assert row["home_kwh"] == pytest.approx(10.0 * 45.0 / 3.6e6)
    assert body(ask(asked, "/api/timeseries/trend?hours=1"))["points"][0]["solar_kw"] is None


def test_tags_follow_the_content() -> None:
    store = simulated(NOW - 100.0, 5)
    asked = histories(store)
    for target in ("daily", "today", "trend", "samples", "signals", "signal_trend"):
        first = ask(asked, f"/api/timeseries/{target}")
        assert first.etag is not None
        again = ask(asked, f"/api/timeseries/{target}", NOW, b'"other", ' + first.etag)
        assert (again.status, again.body, again.etag) == (304, b"", first.etag)
        assert ask(asked, f"/api/timeseries/{target}?gateway=default").etag != first.etag or target == "today"
    before = ask(asked, "/api/timeseries/samples").etag
    Recorder(store).record(reading(NOW, 1.0, 1.0, 1.0, 1.0))
    assert ask(asked, "/api/timeseries/samples", NOW, before).status == 200


# --- device signals ------------------------------------------------------------------------------------------------

POD, INVERTER = "TEPOD--1707000-11-J--TG0000000000A1", "TEPINV--1707000-11-J--TG0000000000A1"


def with_signals(temperatures: list[float | None], **more: Any) -> Any:
    store = archive()
    recorder = Recorder(store)
    for step, temperature in enumerate(temperatures):
        recorder.record(
            reading(
                1_795_330_800.0 + 60.0 * step,
                0.0,
                0.0,
                0.0,
                0.0,
                vitals={
                    POD: {"HVP_PackTempMax": temperature, "HVP_PackTempMin": True, "HVP_ShuntTemperature": math.inf},
                    INVERTER: {"PCH_FanSpeed_A": 1200.0, "serialNumber": "TG0000000000A1"},
                    "PVAC--1707000-11-J--TG0000000000A1": {"PVAC_Fan_Speed_Actual_RPM": 777},
                    "PVAC--1538000-00-F--CN000000000PV": {"PVAC_Fan_Speed_Actual_RPM": 1400.5},
                },
                system_status={
                    "battery_blocks": [
                        {"PackageSerialNumber": "TG0000000000B2", "nominal_energy_remaining": None},
                        {
                            "PackageSerialNumber": "TG0000000000A1",
                            "PackagePartNumber": "1707000-11-J",
                            "nominal_full_pack_energy": 14000,
                            "nominal_energy_remaining": 3500,
                        },
                    ]
                },
                **more,
            )
        )
    return store


def test_signals_are_listed_with_unit_and_label() -> None:
    asked = histories(with_signals([20.0, 21.0]))
    series = {(one["device"], one["metric"]): one for one in body(ask(asked, "/api/timeseries/signals"))["series"]}
    assert set(series) == {
        (POD, "pack_temp_max"),
        (INVERTER, "fan_a_rpm"),
        ("PVAC--1538000-00-F--CN000000000PV", "fan_rpm"),
    }
    pod = series[POD, "pack_temp_max"]
    assert (pod["powerwall"], pod["powerwall_order"], pod["unit"]) == ("PW2", 200, "°C")
    assert (pod["first_ts"], pod["last_ts"]) == (1_795_330_800, 1_795_330_860)
    assert series["PVAC--1538000-00-F--CN000000000PV", "fan_rpm"]["powerwall"] == "PW3"  # after every listed unit
    more = body(ask(asked, "/api/timeseries/signals?units=yes"))
    assert {one["metric"] for one in more["series"]} >= {"unit_soe", "unit_energy"}


def test_a_further_meter_is_recorded_and_is_no_powerwall() -> None:
    store = archive()
    recorder = Recorder(store)
    for step, watts in enumerate([4200.5, 0.0]):
        one = reading(1_795_330_800.0 + 60.0 * step, 0.0, 0.0, 0.0, 0.0, further_meters=["generator"])
        one.aggregates["generator"] = {"instant_power": watts}
        recorder.record(one)
    asked = histories(store)
    assert body(ask(asked, "/api/timeseries/signals"))["series"] == []
    (series,) = body(ask(asked, "/api/timeseries/signals?units=yes"))["series"]
    assert (series["device"], series["metric"], series["unit"]) == ("METER--generator", "meter_power", "W")
    assert series["powerwall"] is None
    target = "/api/timeseries/signal_trend?metrics=meter_power&hours=5"
    points = body(ask(asked, target, 1_795_331_200.0))["series"][0]["points"]
    assert [(point["max"], point["min"]) for point in points] in ([(4200.5, 0)], [(4200.5, 4200.5), (0, 0)])


def test_signal_trend_has_mean_extremes_and_count() -> None:
    temperatures: list[float | None] = [20.0, None, 24.0, 22.0, 23.0]
    asked = histories(with_signals(temperatures))
    target = f"/api/timeseries/signal_trend?metrics=pack_temp_max&start=1795330800&end={1_795_330_800 + 7 * 86400}"
    found = body(ask(asked, target))
    assert (found["resolution"], found["bucket_seconds"]) == ("raw", 1680.0)
    assert [one["device"] for one in found["series"]] == [POD]
    points = found["series"][0]["points"]
    assert points == [{"ts": points[0]["ts"], "avg": 22.25, "min": 20, "max": 24, "n": 4}]
    daily = body(ask(asked, target + "&resolution=daily"))["series"][0]["points"]
    noon = 1_795_291_200.0  # 2026-11-21 12:00 in Los Angeles
    assert daily == [{"ts": noon, "day": "2026-11-21", "avg": 22.25, "min": 20, "max": 24, "n": 4}]
    units = body(ask(asked, "/api/timeseries/signal_trend?metrics=unit_soe&hours=5", 1_795_331_200.0))["series"]
    assert [point["avg"] for point in units[0]["points"]] == [25] * 5


def test_signals_carried_over_are_not_recorded() -> None:
    asked = histories(with_signals([20.0, 21.0], vitals_carried=True))
    assert body(ask(asked, "/api/timeseries/signals"))["series"] == []


def test_signals_of_a_device_that_stopped_answering_are_not_recorded() -> None:
    asked = histories(with_signals([20.0, 21.0], device_ages_seconds={POD: 300.0}))
    assert POD not in {one["device"] for one in body(ask(asked, "/api/timeseries/signals"))["series"]}


def test_no_more_series_than_configured_and_the_owner_is_told(caplog: pytest.LogCaptureFixture) -> None:
    store = archive(HistorySettings(max_signals=16))
    recorder = Recorder(store)
    vitals = {f"TETHC--PART--{number:04d}": {"THC_AmbientTemp": 20.0} for number in range(40)}
    for number in range(3):
        recorder.record(reading(1_795_330_800.0 + 60.0 * number, 0.0, 0.0, 0.0, 0.0, vitals=vitals))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "controller_ambient of TETHC--PART--0016" in told[0]
    assert "PW_HISTORY_MAX_SIGNALS" in told[0]
    assert len(body(ask(histories(store), "/api/timeseries/signals"))["series"]) == 16


def test_long_windows_of_signals_are_answered_by_days() -> None:
    asked = histories(with_signals([20.0, 21.0]))
    found = body(ask(asked, "/api/timeseries/signal_trend?hours=400&resolution=raw", 1_795_331_000.0))
    assert (found["resolution"], found["bucket_seconds"]) == ("daily", 86400.0)
    assert len(found["series"]) == 3
