"""What Powerwall-Dashboard recorded comes over: each minute counts once, nothing invented, nothing of ours replaced."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import itertools
import math
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.days import day_start
from pwserver.history.influx_export import LeftOut, Point, read_points
from pwserver.history.influx_history import InfluxHistory
from pwserver.history.layout import HistoryGateway, plan
from pwserver.history.minute_columns import MinuteColumns
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from pwserver.state.judge import GatewayJudge
from tests.history.support import GATEWAY, reading
from tests.history.test_import import LOS_ANGELES, SETTINGS, days, recorded, rows

DAY = datetime.date(2024, 11, 20)
MIDNIGHT = day_start(DAY, LOS_ANGELES)
POWERS = ("home", "solar", "from_pw", "to_pw", "from_grid", "to_grid")
ENERGIES = ("home_wh", "solar_wh", "battery_discharge_wh", "battery_charge_wh", "grid_import_wh", "grid_export_wh")
HEADING = f"name,time,{','.join(POWERS)},percentage\n"
EVENING = {"home": 900.0, "solar": 0.0, "from_pw": 600.0, "to_pw": 0.0, "from_grid": 300.0, "to_grid": 0.0}
Minutes = Sequence[tuple[float, dict[str, float]]]


def as_csv(minutes: Minutes) -> str:
    lines = [
        ",".join(["http", str(int(when)), *(str(row.get(name, "")) for name in (*POWERS, "percentage"))])
        for when, row in minutes
    ]
    return HEADING + "".join(f"{line}\n" for line in lines)


def as_lines(minutes: Minutes, policy: str = "autogen", tags: str = "month=Nov,year=2024") -> str:
    """As influx_inspect writes them: all times of one field, then the next field."""
    lines = [f"# CONTEXT-DATABASE:powerwall\n# CONTEXT-RETENTION-POLICY:{policy}\n"]
    for name in sorted({name for _, row in minutes for name in row}):
        lines += [f"http,{tags} {name}={row[name]} {int(when) * 10**9}\n" for when, row in minutes if name in row]
    return "".join(lines)


def evenly(start: float, end: float, step: float = 60.0, **more: float) -> list[tuple[float, dict[str, float]]]:
    return [(start + step * number, EVENING | more) for number in range(round((end - start) / step))]


def points(text: str | bytes) -> Iterator[Point]:
    source = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return read_points(io.BufferedReader(source), LeftOut())


def taken(
    folder: Path, text: str | bytes, *arguments: str, status: int = 0, gateways: Iterable[HistoryGateway] = ()
) -> str:
    file = folder / "export"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    said = io.StringIO()
    command = ["import-influx", str(file), *arguments]
    where = replace(SETTINGS, path=str(folder / "h"))
    assert run(command, where, [*gateways] or [GATEWAY], "", io.StringIO(), said) == status, said.getvalue()
    return said.getvalue()


@pytest.mark.parametrize("form", [as_csv, as_lines])
def test_every_minute_counts_once_in_every_ring(tmp_path: Path, form) -> None:
    said = taken(tmp_path, form(evenly(MIDNIGHT, MIDNIGHT + 86_400.0, percentage=52.5)))
    for name, watts in (
        ("home_wh", 900.0),
        ("battery_discharge_wh", 600.0),
        ("grid_import_wh", 300.0),
        ("solar_wh", 0.0),
    ):
        assert days(tmp_path / "h", name) == {"2024-11-20": pytest.approx(24.0 * watts)}
        quarters = rows(tmp_path / "h", "quarters", name)
        assert [when for when, *_ in quarters] == [MIDNIGHT + 900.0 * number for number in range(96)]
        assert [value for _, value in quarters] == pytest.approx([watts / 4.0] * 96)
    (first, *_) = rows(
        tmp_path / "h", "minutes", "site", "solar", "battery", "load", "soe", "load_min", "covered_seconds"
    )
    assert first[1:-2] == pytest.approx((300.0, 0.0, 600.0, 900.0, 50.0))
    assert math.isnan(first[-2])  # of a mean nobody knows the smallest value
    assert first[-1] == 60.0
    assert "1440 rows of powers, from 2024-11-20 00:00-08:00 to 2024-11-21 00:00-08:00" in said
    assert "default/quarters: 96 rows added" in said and "default/days: 1 rows added" in said


def test_a_second_time_changes_nothing_and_a_longer_export_completes(tmp_path: Path) -> None:
    part, whole = (evenly(MIDNIGHT, MIDNIGHT + hours * 3600.0) for hours in (12.1, 24.0))
    taken(tmp_path, as_csv(part))
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(12.1 * 900.0)
    assert "nothing to add" in taken(tmp_path, as_lines(part))
    assert "1 days that were known in part are complete now" in taken(tmp_path, as_csv(whole))
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(24.0 * 900.0)
    assert [value for _, value in rows(tmp_path / "h", "quarters", "home_wh")] == pytest.approx([225.0] * 96)
    assert "nothing to add" in taken(tmp_path, as_csv(whole))


def test_what_was_measured_here_stays(tmp_path: Path) -> None:
    """A poll every minute, fewer than the export has minutes; and recording goes on afterwards."""
    recorded(tmp_path / "h", MIDNIGHT + 43_200.0, 7, 1000.0)
    own = rows(tmp_path / "h", "minutes", "solar", "samples")
    taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 86_400.0, solar=400.0)))
    minutes = {when: found for when, *found in rows(tmp_path / "h", "minutes", "solar", "samples")}
    for when, solar, samples in own:
        assert minutes.get(when, [solar, samples]) == [solar, samples]
    quarter = {when: found[0] for when, *found in rows(tmp_path / "h", "quarters", "solar")}
    assert quarter[MIDNIGHT + 43_200.0] == 1000.0 and quarter[MIDNIGHT + 42_300.0] == 400.0
    recorded(tmp_path / "h", MIDNIGHT + 90_000.0, 61, 800.0)
    times = [when for when, _ in rows(tmp_path / "h", "quarters", "solar")]
    assert times == sorted(set(times)) and times[-1] >= MIDNIGHT + 92_700.0
    found = days(tmp_path / "h")
    assert found["2024-11-20"] >= 24.0 * 400.0 - 100.0 and found["2024-11-21"] == pytest.approx(800.0)


def test_a_whole_day_of_our_own_stays_to_the_bit(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT, 24 * 60 + 60, 1000.0)
    before = [rows(tmp_path / "h", ring, "solar", "solar_wh", "samples") for ring in ("quarters", "days")]
    said = taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 86_400.0, solar=5000.0)))
    assert [rows(tmp_path / "h", ring, "solar", "solar_wh", "samples") for ring in ("quarters", "days")] == before
    assert "1 days stay as they are" in said


def test_what_a_counter_told_of_a_gap_stays(tmp_path: Path) -> None:
    """Nobody polled for twelve hours, but the gateway counted: that is the truth, and no other history divides it."""
    with closing(HistoryStore.open(tmp_path / "h", [plan(SETTINGS, GATEWAY)])) as store:
        recorder, judge = Recorder(store.archives["default"]), GatewayJudge()
        for minute in (*range(0, 6 * 60, 5), *range(18 * 60, 24 * 60 + 30, 5)):
            counters = {
                "load": {"energy_imported": 1e6 + 10.0 * minute},
                "site": {"energy_imported": 1e6 + 10.0 * minute},
            }
            one = reading(MIDNIGHT + 60.0 * minute, 600.0, 0.0, 0.0, 600.0, counters=counters)
            recorder.record(one, judged=judge.take(one))
        recorder.checkpoint()
    quarters = rows(tmp_path / "h", "quarters", "home_wh", "samples")
    assert len([samples for *_, samples in quarters if samples == 0.0]) > 40
    taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 86_400.0, home=900.0)))
    assert rows(tmp_path / "h", "quarters", "home_wh", "samples") == quarters
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(14_400.0, rel=1e-3)


def test_the_day_of_the_change_is_the_sum_of_both(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT + 43_200.0, 12 * 60 + 30, 1000.0)
    taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 43_200.0, solar=400.0)))
    assert days(tmp_path / "h")["2024-11-20"] == pytest.approx(12.0 * 400.0 + 12.0 * 1000.0, rel=1e-3)


def test_teslas_five_minutes_stand_for_five_and_a_gap_for_none(tmp_path: Path) -> None:
    cloud = evenly(MIDNIGHT, MIDNIGHT + 7200.0, 300.0)
    later = evenly(MIDNIGHT + 14_400.0, MIDNIGHT + 18_000.0)
    taken(tmp_path, as_csv([*cloud, *later]))
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(3 * 900.0)
    assert [when for when, _ in rows(tmp_path / "h", "quarters", "home_wh")][-5:] == [
        MIDNIGHT + 6300.0, *(MIDNIGHT + 14_400.0 + 900.0 * number for number in range(4))
    ]  # fmt: skip


def test_what_the_cloud_filled_in_does_not_replace_what_was_measured(tmp_path: Path) -> None:
    measured = as_lines(evenly(MIDNIGHT, MIDNIGHT + 3600.0))
    cloud = as_lines(evenly(MIDNIGHT, MIDNIGHT + 3600.0, 300.0, home=5.0), tags="month=Nov,source=cloud,year=2024")
    for text in (measured + cloud, cloud + measured):
        taken(tmp_path, text)
        assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(900.0)


def test_a_point_that_comes_twice_counts_once_as_it_was_last(tmp_path: Path) -> None:
    """Of one point there may be an older one in a file and a newer one in the write-ahead log behind it."""
    old, new = (evenly(MIDNIGHT, MIDNIGHT + 3600.0, home=watts) for watts in (10.0, 900.0))
    taken(tmp_path, as_lines(old) + "# writing wal data\n" + as_lines(new))
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(900.0)


def daily(*kwh: tuple[float, str, float]) -> str:
    lines = "".join(f"http,month=Nov{tags},year=2024 home={value} {int(when) * 10**9}\n" for when, tags, value in kwh)
    return f"# CONTEXT-RETENTION-POLICY:daily\n{lines}"


def test_sums_of_days_count_where_the_minutes_are_gone(tmp_path: Path) -> None:
    before = day_start(DAY - datetime.timedelta(days=1), LOS_ANGELES)
    minutes = as_lines(evenly(MIDNIGHT, MIDNIGHT + 86_400.0))
    sums = daily((before, "", 7.0), (before, ",host=b", 2.0), (before, ",host=b", 3.0), (MIDNIGHT, "", 99.0))
    said = taken(tmp_path, minutes + sums + daily((before - 7200.0, "", 50.0)))
    assert days(tmp_path / "h", "home_wh") == {"2024-11-19": 10_000.0, "2024-11-20": pytest.approx(21_600.0)}
    assert "1 days without minutes" in said
    assert "1 sums of days that do not begin at midnight in America/Los_Angeles; not taken" in said
    csv = f"name,time,home_kwh,solar_kwh\nhttp,{int(before)},7,1\nhttp,{int(before)},3,\n"
    taken(tmp_path, csv)
    assert days(tmp_path / "h", "home_wh")["2024-11-19"] == 10_000.0
    assert days(tmp_path / "h", "solar_wh")["2024-11-19"] == 1000.0


@pytest.mark.parametrize(("date", "hours"), [(datetime.date(2024, 3, 10), 23), (datetime.date(2024, 11, 3), 25)])
def test_days_of_a_clock_change_are_whole(tmp_path: Path, date: datetime.date, hours: int) -> None:
    start = day_start(date, LOS_ANGELES)
    taken(tmp_path, as_csv(evenly(start - 3600.0, start + hours * 3600.0 + 3600.0)))
    found = days(tmp_path / "h", "home_wh")
    assert found[date.isoformat()] == pytest.approx(hours * 900.0)
    assert len(found) == 3


def test_an_outage_shows_and_the_charge_is_on_the_apps_scale(tmp_path: Path) -> None:
    text = as_csv(evenly(MIDNIGHT, MIDNIGHT + 900.0, percentage=5.0)) + "name,time,grid_status\n"
    text += "".join(f"http,{int(MIDNIGHT) + 60 * number},{int(number != 7)}\n" for number in range(15))
    taken(tmp_path, text)
    assert rows(tmp_path / "h", "quarters", "grid", "grid_min", "soe", "soe_max") == [(MIDNIGHT, 1.0, 0.0, 0.0, 0.0)]
    grid = [value for _, value in rows(tmp_path / "h", "minutes", "grid")]
    assert grid.count(0.0) == 1 and len(grid) == 15


def test_what_is_not_taken_is_named(tmp_path: Path) -> None:
    text = as_lines(evenly(MIDNIGHT, MIDNIGHT + 600.0, spare=1.0)) + as_lines(
        [(MIDNIGHT, {"PW1_temp": 21.0})], "pwtemps"
    )
    text += as_lines([(MIDNIGHT + 600.0, {"home": 2e6}), (time.time() + 86_400.0, {"home": 1.0})])
    text += f'# CONTEXT-RETENTION-POLICY:autogen\nweather,month=Nov text="rain, \\"a lot\\"" {int(MIDNIGHT)}000000000\n'
    said = taken(tmp_path, text)
    assert "not taken: autogen spare (10 values), autogen weather (1 values), pwtemps http (1 values)" in said
    assert "1 points lie in the future; not taken" in said
    assert "1 values that cannot be; not taken: line" in said and "field home is 2e+06" in said
    assert days(tmp_path / "h", "home_wh")["2024-11-20"] == pytest.approx(150.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: neither"),
        ("hello\n", "line 1: neither"),
        (b"\xff\xfen\x00a\xd8a\xd8", "it is not text in UTF-16"),
        (HEADING.encode() + b"http,1,\xff", "line 2: it is not text in UTF-8"),
        (b"\x00\x01\x02", "line 1: neither"),
        (gzip.compress(b"PK\x03\x04 a backup", mtime=0), "line 1: neither"),
        (gzip.compress(as_csv(evenly(MIDNIGHT, MIDNIGHT + 6000.0)).encode(), mtime=0)[:-20], "damaged or cut"),
        (HEADING + "http,1,a,2,3,4,5,6,7\n", "line 2, field home: 'a' is not a number"),
        (HEADING + "http,1,nan,2,3,4,5,6,7\n", "line 2, field home: 'nan' is not a number"),
        (HEADING + "http,1,1_0,2,3,4,5,6,7\n", "line 2, field home: '1_0' is not a number"),
        (HEADING + "http,noon,1,2,3,4,5,6,7\n", "line 2, field time: 'noon' is not a time"),
        (HEADING + "http,1,2\n", "line 2: 3 cells, but its heading has 9"),
        (HEADING + "ERR: retention policy not found: grid\n", "line 2: influx wrote an error"),
        ("name,time,home,solar\nhttp,1,2,3\n", "line 1: columns home, solar without percentage"),
        ("http,month=Nov home=1 1\n", "line 1: no line before it names its retention policy"),
        ("# CONTEXT-RETENTION-POLICY:autogen\nhttp,month=Nov home=x 1\n", "line 2, field home: 'x' is not a number"),
        ("# CONTEXT-RETENTION-POLICY:autogen\nhttp,month=Nov home=1\n", "line 2: not a line of InfluxDB's"),
        ("# CONTEXT-RETENTION-POLICY:autogen\nhttp home=1,,a=2 1\n", "line 2: not a line of InfluxDB's"),
        ("# CONTEXT-RETENTION-POLICY:autogen\n" + "x" * (1 << 20) + "y", "line 2: it is longer than"),
    ],
)
def test_what_cannot_be_read_is_named(text: str | bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}" if complaint.startswith("line") else complaint):
        list(points(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_windows_makes_of_a_file_is_read(encoding: str, pack) -> None:
    text = as_csv(evenly(MIDNIGHT, MIDNIGHT + 90_000.0)).replace("\n", "\r\n")
    text = f"\ufeff{text}" if encoding == "utf-16-be" else text
    found = list(points(pack(text.encode(encoding))))
    assert len(found) == 1500 and dict(found[-1].values) == EVENING


def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(tmp_path: Path) -> None:
    taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 900.0)))
    before = {file.name: file.read_bytes() for file in (tmp_path / "h").rglob("*.ring")}
    text = as_csv(evenly(MIDNIGHT, MIDNIGHT + 86_400.0)) + "http,1,a,2,3,4,5,6,7\n"
    assert "line 1442, field home: 'a' is not a number" in taken(tmp_path, text, status=1)
    assert {file.name: file.read_bytes() for file in (tmp_path / "h").rglob("*.ring")} == before


def test_a_folder_is_no_export_and_several_houses_must_be_told_apart(tmp_path: Path) -> None:
    said = io.StringIO()
    where = replace(SETTINGS, path=str(tmp_path / "h"))
    assert run(["import-influx", str(tmp_path)], where, [GATEWAY], "", io.StringIO(), said) == 1
    assert "it is a folder, not a file" in said.getvalue()
    text = as_csv(evenly(MIDNIGHT, MIDNIGHT + 3600.0))
    for name, content in (("powerwall.csv", text), ("powerwall.lp", as_lines([(MIDNIGHT, EVENING)]))):
        (tmp_path / name).write_text(content)
        assert run(["import", str(tmp_path / name)], where, [GATEWAY], "", io.StringIO(), said) == 1
        assert "is for history import-influx" in said.getvalue().splitlines()[-1]
    houses = [GATEWAY, HistoryGateway("cabin", "Cabin", "UTC"), HistoryGateway("aggregate", "All", "UTC", virtual=True)]
    for chosen in ((), ("--gateway", "aggregate")):  # one house is not the sum of all
        said_of_both = taken(tmp_path, text, *chosen, status=1, gateways=houses)
        assert "it takes the gateway whose history this is (default, cabin)" in said_of_both
    assert "cabin/quarters: 4 rows added" in taken(tmp_path, text, "--gateway", "cabin", gateways=houses)


_SAMPLE = (as_csv([(MIDNIGHT, EVENING)]) + "name,time,grid_status\nhttp,1,1\n").encode()
_EXPORTS = [
    _SAMPLE,
    as_lines([(MIDNIGHT, EVENING)]).encode(),
    gzip.compress(_SAMPLE, mtime=0),
    _SAMPLE.decode().encode("utf-16"),
]


@settings(max_examples=100, deadline=None)
@given(
    export=st.sampled_from(_EXPORTS) | st.binary(max_size=40),
    changes=st.lists(
        st.tuples(st.integers(0, 400), st.binary(max_size=3) | st.sampled_from([b'"', b"\0", b"1e999", b","]))
    ),
)
def test_whatever_a_file_holds_is_read_or_refused(export: bytes, changes: list[tuple[int, bytes]]) -> None:
    for place, piece in changes:
        export = export[: place % (len(export) + 1)] + piece + export[place % (len(export) + 1) + len(piece) :]
    found: list[Point] = []
    with contextlib.suppress(ValueError):
        found = list(points(export))
    assert all(math.isfinite(value) for point in found for _, value in point.values)


def test_beside_a_running_server_nothing_is_imported(tmp_path: Path) -> None:
    with closing(HistoryStore.open(tmp_path / "h", [plan(SETTINGS, GATEWAY)])):
        said = taken(tmp_path, as_csv(evenly(MIDNIGHT, MIDNIGHT + 3600.0)), status=1)
    assert "rows added" not in said and "another" in said, said
    assert rows(tmp_path / "h", "quarters", "home_wh") == []


@pytest.mark.parametrize("unit", ["s", "ms", "u", "ns", "rfc3339"])
def test_times_are_read_in_every_precision_that_influx_writes(unit: str) -> None:
    texts = {"s": "1763625600", "ms": "1763625600000", "u": "1763625600000000", "ns": "1763625600000000000"}
    text = texts.get(unit, "2025-11-20T08:00:00.123456789Z")
    (point,) = points(f"{HEADING}http,{text},1,2,3,4,5,6,7\n")
    assert point.seconds == 1_763_625_600


def test_years_of_minutes_need_no_memory_that_grows(tmp_path: Path) -> None:
    columns = MinuteColumns(tmp_path, 2)
    truth = {}
    chance = random.Random(1)
    for _ in range(1500):
        minute, column = chance.randrange(29_000_000, 30_500_000), chance.randrange(2)
        truth[minute, column] = float(chance.randrange(-9, 9))
        columns.put(column, minute, truth[minute, column])
        assert len(columns._open) <= 512
    found = {
        (minute, column): value
        for minute, row in columns.rows()
        for column, value in enumerate(row)
        if not math.isnan(value)
    }
    assert found == truth and list(found) == sorted(found)
    columns.close()


@settings(max_examples=15, deadline=None)
@given(
    present=st.lists(st.booleans(), min_size=1, max_size=120),
    watts=st.lists(st.floats(0, 20_000, width=32), min_size=120, max_size=120),
    shuffle=st.randoms(use_true_random=False),
)
def test_both_forms_agree_with_a_sum_made_by_hand(tmp_path_factory, present, watts, shuffle) -> None:
    minutes = [(MIDNIGHT + 60.0 * n, {"home": watts[n], "to_pw": watts[-n]}) for n, here in enumerate(present) if here]
    if not minutes:
        return
    folder = tmp_path_factory.mktemp("minutes")
    found = []
    lines = as_lines(minutes).splitlines(keepends=True)
    head, body = lines[:2], lines[2:]
    shuffle.shuffle(body)
    for text in (as_csv(minutes), "".join(head + body)):
        history = InfluxHistory(folder, plan(SETTINGS, GATEWAY), MIDNIGHT + 1e6)
        history.collect(points(text))
        incoming = history.incoming()
        history.close()
        times, columns = incoming.intervals["quarters"]
        found.append(([*times], [*columns["home_wh"]], dict(incoming.days[DAY.toordinal()])))
    assert repr(found[0]) == repr(found[1])
    total = 0.0
    steps = [b - a for (a, _), (b, _) in itertools.pairwise(minutes)]
    for number, (_, row) in enumerate(minutes):
        step = steps[number] if number < len(steps) else math.inf
        known = [one for one in steps[:number] if one <= 300.0][-2:]
        usual = known[-1] if len(known) == 2 and known[0] == known[1] else 60.0
        total += row["home"] * (step if step <= 300.0 else usual) / 3600.0
    assert found[0][2]["home_wh"] == pytest.approx(total, rel=1e-6, abs=1e-6)
    assert math.fsum(found[0][1]) == pytest.approx(total, rel=1e-6, abs=1e-6)
