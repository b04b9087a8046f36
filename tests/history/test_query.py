"""``GET /api/history``: rows for Grafana, CSV, columns for charts."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import subprocess
import sys
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.history_route import DEFAULT_FIELDS, FIELDS, history, nice_step
from pwserver.history.layout import HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver_ext.rows import lttb
from pwserver_ext.series import Column, csv_rows, json_numbers, json_rows
from tests.history.support import archive, body, histories, reading

START = 1_795_330_800.0  # 2026-11-22T07:00:00Z
NOW = START + 7200.0


@pytest.fixture(scope="module", name="asked")
def _asked() -> Any:
    """Two hours: solar counts up, the grid is down for a while, no voltage in the second hour."""
    stores = []
    home, every = HistoryGateway("home", "Home", "America/Los_Angeles"), HistoryGateway("aggregate", "All", "UTC", True)
    for gateway in (home, every):
        store = archive(None, gateway)
        recorder = Recorder(store)
        for step in range(1440):
            one = reading(
                START + 5.0 * step,
                -100.0,
                float(step),
                50.0,
                10.0,
                soe_raw=52.5,
                mode="self_consumption",
                reserve=20.0,
                grid_status="DOWN" if 600 <= step < 660 else "UP" if step < 1200 else None,
            )
            if step < 720:
                one.aggregates["site"]["instant_average_voltage"] = 240.5
            recorder.record(one)
        stores.append(store)
    return histories(*stores)


def ask(asked: Any, now: float = NOW, match: bytes | None = None, **arguments: str) -> Any:
    return history(asked, {name.removesuffix("_"): value for name, value in arguments.items()}, now, match)


def test_rows_are_flat_objects_with_a_time(asked: Any) -> None:
    answer = ask(asked, from_=str(START), step="60s")
    assert (answer.status, answer.media_type) == (200, "application/json")
    rows = body(answer)
    assert len(rows) == 120
    assert list(rows[0]) == ["time", *DEFAULT_FIELDS]
    for index, row in enumerate(rows):
        moment = datetime.datetime.fromisoformat(row["time"])
        assert (moment.timestamp(), moment.utcoffset()) == (START + 60.0 * index, datetime.timedelta())
        # It rises evenly: the mean over time is what lies in the middle of the minute, the last one of which is open.
        assert row["solar"] == pytest.approx(index * 12 + (6.0 if index < 119 else 5.5))
    assert rows[0] | {"time": ""} == {
        "time": "",
        "site": -100,
        "solar": 6,
        "battery": 50,
        "load": 10,
        "soe": 50,
        "grid": 1,
        "reserve": 20,
        "mode": "self_consumption",
    }
    assert [rows[index]["grid"] for index in (49, 50, 54, 55, 110)] == [1, 0, 0, 1, None]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (str(START), str(NOW)),
        (str(int(START * 1000)), str(int(NOW * 1000))),
        ("now-2h", "now"),
        ("2026-11-22T07:00:00Z", "2026-11-22T09:00:00Z"),
        ("2026-11-21T23:00:00-08:00", "2026-11-22T10:00:00+01:00"),
        ("2026-11-22T07:00:00 00:00", "2026-11-22 09:00:00"),
    ],
)
def test_instants_can_be_written_in_many_ways(asked: Any, start: str, end: str) -> None:
    assert len(body(ask(asked, from_=start, to=end, step="10m", fields="solar"))) == 12


def test_csv_has_the_same_numbers(asked: Any) -> None:
    answer = ask(asked, from_="now-2h", step="5m", format="csv", fields="solar,voltage,mode,solar_max")
    assert answer.media_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    plain = body(ask(asked, from_="now-2h", step="5m", fields="solar,voltage,mode,solar_max"))
    assert [row["time"] for row in rows] == [row["time"] for row in plain]
    assert [float(row["solar"]) for row in rows] == [row["solar"] for row in plain]
    assert rows[0]["voltage"] == "240.5"
    assert rows[-1]["voltage"] == ""
    assert plain[-1]["voltage"] is None
    assert rows[0]["mode"] == "self_consumption"


def test_columns_have_the_same_numbers(asked: Any) -> None:
    found = body(ask(asked, from_="now-2h", step="5m", format="columns", fields="solar,mode"))
    rows = body(ask(asked, from_="now-2h", step="5m", fields="solar,mode"))
    assert (found["gateway"], found["step"], found["ring"], found["count"]) == ("home", 300, "minutes", 24)
    assert found["columns"]["solar"] == [row["solar"] for row in rows]
    assert found["columns"]["mode"] == [row["mode"] for row in rows]
    assert found["columns"]["time"] == [START + 300.0 * index for index in range(24)]


@pytest.mark.parametrize("step", ["5s", "30s", "1m", "7m", "15m", "1h"])
def test_means_and_extremes_are_those_of_the_polls(asked: Any, step: str) -> None:
    seconds = {"5s": 5, "30s": 30, "1m": 60, "7m": 420, "15m": 900, "1h": 3600}[step]
    fields = "solar,solar_min,solar_max,samples"
    for row in body(ask(asked, from_=str(START), step=step, fields=fields)):
        low = datetime.datetime.fromisoformat(row["time"]).timestamp() - START
        polls = [poll for poll in range(1440) if low <= poll * 5.0 < low + seconds]
        assert row["samples"] == len(polls)
        # It rises evenly, so the mean over time lies in the middle of the first poll and the one after the last.
        until = polls[-1] if seconds == 5 else min(polls[-1] + 1, 1439)
        assert row["solar"] == pytest.approx((polls[0] + until) / 2.0, rel=1e-6)
        assert (row["solar_min"], row["solar_max"]) == (polls[0], polls[-1])


def test_energies_come_from_quarter_hours(asked: Any) -> None:
    rows = body(ask(asked, from_=str(START), step="1m", fields="solar_kwh,home_kwh"))
    assert len(rows) == 8
    assert sum(row["home_kwh"] for row in rows) == pytest.approx(10.0 * 7195.0 / 3.6e6, rel=1e-5)
    day = body(ask(asked, from_="now-1d", step="1d", fields="home_kwh"))
    assert sum(row["home_kwh"] for row in day) == pytest.approx(10.0 * 7195.0 / 3.6e6, rel=1e-5)


def test_lttb_keeps_measured_rows_and_the_ends(asked: Any) -> None:
    whole = body(ask(asked, from_="now-2h", step="5s", fields="solar"))
    few = body(ask(asked, from_="now-2h", step="5s", fields="solar", method="lttb", points="20"))
    assert len(few) == 20
    assert (few[0], few[-1]) == (whole[0], whole[-1])
    assert all(row in whole for row in few)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", "0"),
        ("step", "x"),
        ("step", "-5m"),
        ("points", "2"),
        ("points", "100000"),
        ("fields", "solar,watts"),
        ("fields", "solar,solar"),
        ("from", "yesterday"),
        ("from", "now-"),
        ("to", "1e400"),
        ("to", "nan"),
        ("from", "now+1h"),
        ("method", "median"),
        ("format", "xml"),
        ("from", "9" * 50),
    ],
)
def test_parameters_that_make_no_sense_are_refused(asked: Any, name: str, value: str) -> None:
    answer = history(asked, {name: value}, NOW, None)
    assert answer.status == 422
    assert body(answer)["detail"][0]["loc"] == ["query", name]


def test_an_answer_is_bounded(asked: Any) -> None:
    answer = ask(asked, from_="0", step="1")
    assert (answer.status, body(answer)["detail"][0]["loc"]) == (422, ["query", "step"])


def test_gateways_by_name(asked: Any) -> None:
    assert ask(asked, gateway="nobody").status == 404
    assert body(ask(asked, gateway="aggregate", from_="now-2h"))
    assert ask(histories()).status == 503
    assert ask(histories(settings=HistorySettings(poll_retention_seconds=-1.0))).status == 503


def test_the_tag_changes_with_the_rows_and_the_question_only() -> None:
    store = archive()
    recorder = Recorder(store)
    recorder.record(reading(START, 1.0, 2.0, 3.0, 4.0))
    asked = histories(store)
    now = START + 100.0
    first = ask(asked, now, step="60s")
    assert ask(asked, now + 5.0, step="60s").etag == first.etag
    assert ask(asked, now + 5.0, step="60s").body == first.body
    assert ask(asked, now, first.etag, step="60s").status == 304
    assert ask(asked, now, step="60s", fields="soe").etag != first.etag
    assert ask(asked, now + 60.0, step="60s").etag != first.etag
    recorder.record(reading(START + 101.0, 1.0, 2.0, 3.0, 4.0))
    assert ask(asked, now, first.etag, step="60s").status == 200


def test_old_windows_are_answered_from_coarser_rings() -> None:
    store = archive(
        HistorySettings(
            poll_retention_seconds=3600.0, poll_interval=60.0, minutes_kept_seconds=6 * 3600.0, max_signals=0
        )
    )
    recorder = Recorder(store)
    for step in range(3 * 1440):
        recorder.record(reading(START + 60.0 * step, 1.0, 1.0, 1.0, float(step)))
    asked = histories(store)
    end = START + 3 * 86400.0
    used = {}
    for span in ("30m", "5h", "60h"):
        found = body(ask(asked, end, from_=f"now-{span}", step="60s", format="columns", fields="load"))
        used[span] = (found["ring"], found["step"])
        assert found["columns"]["load"][-1] == pytest.approx(4319, abs=15)
    assert used == {"30m": ("minutes", 60), "5h": ("minutes", 60), "60h": ("quarters", 900)}
    days = body(ask(asked, end, from_="now-60h", step="1d", format="columns", fields="load,home_kwh"))
    assert (days["ring"], days["count"]) == ("days", 3)


@given(st.floats(1.0, 7e8), st.integers(3, 10_000))
def test_a_nice_step_gives_no_more_points_than_asked(span: float, points: int) -> None:
    step = nice_step(span, points)
    assert span / step <= points * (1 + 1e-12)
    assert step >= 86400.0 or step == int(step)


# --- text ----------------------------------------------------------------------------------------------------------

numbers = st.one_of(st.floats(), st.floats(-1e5, 1e5), st.integers(-(10**9), 10**9).map(float), st.just(-0.0))


@settings(max_examples=400, deadline=None)
@given(st.lists(numbers, max_size=30), st.integers(5, 15))
def test_numbers_are_written_to_the_digits_asked(values: list[float], digits: int) -> None:
    text = json_numbers(array("d", values), digits)
    found = json.loads(text)
    for value, back in zip(values, found, strict=True):
        if not math.isfinite(value):
            assert back is None
        else:
            assert math.isclose(value, back, rel_tol=0.51 * 10.0 ** (1 - digits) + 1e-15, abs_tol=1e-300)


@given(st.floats(0.0, 4.1e9))
def test_times_are_rfc_3339(when: float) -> None:
    text = csv_rows(array("d", [when]), []).decode().splitlines()[1]
    assert text.endswith("Z")
    assert datetime.datetime.fromisoformat(text).timestamp() == pytest.approx(when, abs=0.00051)


def test_words_and_names_are_json() -> None:
    column = Column("mode", array("d", [0.0, 1.0, 7.0, math.nan]), words=['say "hi"', "☀"])
    assert json.loads(json_rows(array("d", [1.0] * 4), [column], "ts", False)) == [
        {"ts": 1, "mode": 'say "hi"'},
        {"ts": 1, "mode": "☀"},
        {"ts": 1, "mode": None},
        {"ts": 1, "mode": None},
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), max_size=200), st.integers(3, 50))
def test_lttb_chooses_measured_rows_in_order(values: list[float], points: int) -> None:
    rows = list(lttb(array("d", range(len(values))), array("d", values), points))
    known = [row for row, value in enumerate(values) if not math.isnan(value)]
    assert rows == sorted(set(rows))
    assert set(rows) <= set(known)
    assert len(rows) == min(points, len(known))
    if known:
        assert (rows[0], rows[-1]) == (known[0], known[-1])


def test_lttb_finds_the_spike() -> None:
    values = [0.0] * 1000
    values[637] = 5000.0
    assert 637 in lttb(array("d", range(1000)), array("d", values), 20)


def test_workers_can_ask_without_what_writes() -> None:
    code = (
        "import sys; old = set(sys.modules)\n"  # what counts lines brings sqlite3
        "import pwserver.history.history_route; new = set(sys.modules) - old\n"
        "bad = [m for m in new if m.split('.')[0] in ('pypowerwall', 'requests', 'sqlite3', 'google')"
        " or m in ('pwserver.history.recorder', 'pwserver.history.store', 'pwserver.gateways')]\n"
        "assert not bad, bad"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_field_can_be_asked_for(asked: Any) -> None:
    for field in FIELDS:
        rows = body(ask(asked, from_="now-2h", fields=field))
        assert rows, field
        assert field in rows[0]
