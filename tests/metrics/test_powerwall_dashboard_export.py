"""The history of Powerwall-Dashboard comes over: a real InfluxDB with its schema, the commands of the documentation."""

from __future__ import annotations

import datetime
import io
import math
import re
import shlex
import subprocess
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.history_route import history
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from pwserver_ext.aggregate import app_percent
from tests.history.support import body, histories
from tests.metrics.stacks import ROOT, Influx, Tool, influxdb

ZONE = "Australia/Brisbane"  # its clocks are never changed: how InfluxDB groups such days is not the question here
WHERE = ZoneInfo(ZONE)
STEP = 20  # seconds between two polls
FLOWS = ("from_pw", "to_pw", "from_grid", "to_grid")
POWERS = ("home", "solar", *FLOWS)
ENERGIES = dict(
    zip(
        ("home_wh", "solar_wh", "battery_discharge_wh", "battery_charge_wh", "grid_import_wh", "grid_export_wh"),
        POWERS,
        strict=True,
    )
)


def of_sign(meter: str, sign: str, name: str) -> str:
    """One direction of a meter, as its query cuts it off: 0/0 is 0 in InfluxDB."""
    return f"abs((1{sign}{meter}_instant_power/abs({meter}_instant_power))*{meter}_instant_power/2) AS {name}"


MEANS = ", ".join(f"mean({name}) AS {name}" for name in POWERS)
INTEGRALS = ", ".join(f"integral({name})/1000/3600 AS {name}" for name in POWERS)
SUMS = ", ".join(f"sum({name}) AS {name}" for name in POWERS)
RAW = ", ".join(
    (
        "load_instant_power AS home, solar_instant_power AS solar",
        of_sign("battery", "+", "from_pw"),
        of_sign("battery", "-", "to_pw"),
        of_sign("site", "+", "from_grid"),
        of_sign("site", "-", "to_grid"),
        "percentage",
    )
)
GROUP = "month, year"
# Of each of its continuous queries: what it selects, from where, and how it groups. They run every minute on what has
# come since; here they run once over everything, so that minutes without a poll must stay without a row.
QUERIES = {
    "autogen": (f"{MEANS}, last(percentage) AS percentage", f"(SELECT {RAW} FROM raw.http)", "1m", ""),
    "grid": ("min(grid_status) AS grid_status", "(SELECT grid_status FROM raw.http)", "1m", ""),
    "kwh": (INTEGRALS, "autogen.http", "1h", f" tz('{ZONE}')"),
    "daily": (SUMS, "kwh.http", "1d", f" tz('{ZONE}')"),
}


def polled(when: int) -> dict[str, float]:
    """The house at a poll: the battery turns within minutes, so that both directions have their share of one."""
    solar = max(0.0, 6000.0 * math.sin(when / 13_751.0))
    home = 1500.0 + 700.0 * math.sin(when / 311.0)
    battery = round(3000.0 * math.sin(when / 97.0))
    return {"load": home, "solar": solar, "battery": float(battery), "site": home - solar - battery}


def percentage(when: int) -> float:
    return 50.0 + 50.0 * math.sin(when / 9000.0)


def make_database(stored: Influx, start: int, end: int) -> list[int]:
    """The database with its policies, polls in ``raw``, and what its queries make of them. Returns the polls' times."""
    stored.change("CREATE RETENTION POLICY raw ON powerwall DURATION 3d REPLICATION 1")
    for policy in ("strings", "pwtemps", "vitals", "kwh", "daily", "monthly", "grid", "pod", "alerts"):
        stored.change(f'CREATE RETENTION POLICY "{policy}" ON powerwall DURATION INF REPLICATION 1')
    gap = start + 7 * 3600 + 200
    times = [when for when in range(start, end, STEP) if not gap <= when < gap + 1900]
    lines = []
    for when in times:
        local = datetime.datetime.fromtimestamp(when, WHERE)
        fields = [f"{meter}_instant_power={value!r}" for meter, value in polled(when).items()]
        fields += [f"percentage={percentage(when)!r}", f"grid_status={float(when % 7200 > 90)}", "PW1_temp=21.5"]
        lines.append(f"http,host=telegraf,month={local:%b},year={local:%Y} {','.join(fields)} {when}000000000")
    for first in range(0, len(lines), 4000):
        stored.write("\n".join(lines[first : first + 4000]).encode(), "raw")
    for policy, (columns, source, length, zone) in QUERIES.items():
        window = f"time >= {start - 86400}s AND time < {end}s"  # a sum has the time at which its hour or day begins
        stored.ask(
            f'SELECT {columns} INTO powerwall."{policy}".:MEASUREMENT FROM {source} WHERE {window} '
            f"GROUP BY time({length}), {GROUP} fill(none){zone}"
        )
    return times


def documented(name: str) -> str:
    """The command of the page that has this word."""
    page = (ROOT / "docs/powerwall-dashboard.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    (found,) = [line.strip() for block in blocks for line in block.splitlines() if name in line]
    return found


def exported(tool: Tool, stored: Influx, file: Path) -> None:
    command, _, target = documented("percentage").rpartition(" > ")
    words = shlex.split(command)
    assert words[:3] == ["docker", "exec", "influxdb"] and words[3] == "influx" and target == "powerwall.csv"
    port = stored.base.rpartition(":")[2]
    with open(file, "wb") as out:
        subprocess.run([tool("influx"), "-port", port, *words[4:]], stdout=out, check=True, timeout=60)


@pytest.fixture(scope="module")
def export(tool, tmp_path_factory):
    """An export, and the times of the polls behind it."""
    folder = tmp_path_factory.mktemp("influx")
    end = int(time.time()) // 3600 * 3600 - 1800
    with influxdb(tool, folder) as stored:
        times = make_database(stored, end - 50 * 3600, end)
        exported(tool, stored, folder / "powerwall.csv")
    return folder / "powerwall.csv", times


def truth(times: list[int]) -> dict[str, dict[str, float]]:
    """Watt-hours by energy and local date: the mean of the polls of every minute, for that minute."""
    minutes = defaultdict(list)
    for when in times:
        minutes[when // 60].append(polled(when))
    known = sorted(minutes)
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for minute in known:
        polls = minutes[minute]
        date = datetime.datetime.fromtimestamp(minute * 60, WHERE).date().isoformat()
        for energy, name in ENERGIES.items():
            meter, sign = {
                "home": ("load", 1),
                "solar": ("solar", 1),
                "from_pw": ("battery", 1),
                "to_pw": ("battery", -1),
                "from_grid": ("site", 1),
                "to_grid": ("site", -1),
            }[name]
            mean = math.fsum(max(0.0, sign * poll[meter]) for poll in polls) / len(polls)
            found[energy][date] += mean / 60.0
    return found


@pytest.fixture
def house(tmp_path):
    """Imports a file with the documented command, and reads rings back as a server that starts now has them."""
    command = shlex.split(documented("import-influx"))
    assert command == ["pwserver", "history", "import-influx", "powerwall.csv"]
    settings = HistorySettings(path=str(tmp_path / "h"))
    gateway = HistoryGateway("default", "Home", ZONE)

    def take(file):
        said = io.StringIO()
        assert run([command[2], str(file)], settings, [gateway], "", io.StringIO(), said) == 0, said.getvalue()
        return said.getvalue()

    def rows(ring):
        with closing(HistoryStore.open(tmp_path / "h", [plan(settings, gateway)])) as store:
            archive = store.archives["default"]
            Recorder(archive)
            when, columns = archive.rings[ring].select(-math.inf, math.inf)
            return {
                name: dict(zip(when, column, strict=True))
                for name, column in zip(archive.plans[ring].columns, columns, strict=True)
            }

    def days():
        found = rows("days")
        dates = {when: datetime.date.fromordinal(int(date)).isoformat() for when, date in found["date"].items()}
        return {energy: {dates[when]: wh for when, wh in found[energy].items()} for energy in ENERGIES}

    def ask(**question):
        with closing(HistoryStore.open(tmp_path / "h", [plan(settings, gateway)])) as store:
            Recorder(store.archives["default"])
            return body(history(histories(*store.archives.values()), question, time.time(), None))

    return SimpleNamespace(take=take, rows=rows, days=days, ask=ask)


def test_an_export_of_its_database_comes_over_whole(export, house):
    file, times = export
    said = house.take(file)
    minutes = sorted({when // 60 for when in times})
    assert f"{len(minutes)} rows of powers" in said and "not taken" not in said
    days, quarters = house.days(), house.rows("quarters")
    for energy, truths in truth(times).items():
        assert len(truths) >= 3 and days[energy] == pytest.approx(truths, rel=1e-5), energy
        assert math.fsum(quarters[energy].values()) == pytest.approx(sum(truths.values()), rel=1e-5)
    rows = house.rows("minutes")
    assert sorted(rows["load"]) == [60.0 * minute for minute in minutes]
    for minute, when in {when // 60 * 60: when for when in times}.items():
        assert rows["soe"][minute] == pytest.approx(app_percent(percentage(when)), abs=1e-4)
    away = {minute for minute, state in rows["grid"].items() if state == 0.0}
    assert away == {when // 60 * 60 for when in times if when % 7200 <= 90} and away
    assert "nothing to add" in house.take(file)
    # As the API tells it: energies of every hour, and no extremes of what only means are known.
    hours = house.ask(
        step="1h", fields="home_kwh,load,load_max,soe_min,covered_seconds", **{"from": str(times[0] - 3600)}
    )
    homes = truth(times)["home_wh"]
    assert math.fsum(row["home_kwh"] or 0.0 for row in hours) == pytest.approx(sum(homes.values()) / 1000.0, abs=0.05)
    assert {row["load_max"] for row in hours} == {None}
    for row in hours:
        if row["covered_seconds"] == 3600.0:
            assert row["load"] / 1000.0 == pytest.approx(row["home_kwh"], abs=0.002) and row["soe_min"] is not None
    assert sum(row["covered_seconds"] or 0.0 for row in hours) == pytest.approx(60.0 * len(minutes))


def test_its_own_sums_of_days_agree(export, house, tmp_path):
    """What its queries have made of the same minutes, where those are gone."""
    file, times = export
    _, _, sums = file.read_text().rpartition("name,time,home_kwh")
    (tmp_path / "days.csv").write_text(f"name,time,home_kwh{sums}")
    days = truth(times)["home_wh"]
    assert f"{len(days)} days without minutes, of which the sums are taken" in house.take(tmp_path / "days.csv")
    # Its integral goes straight on over a gap of 1900 s, in which the house uses 2200 W at most; ours does not.
    assert house.days()["home_wh"] == pytest.approx(days, rel=1e-3, abs=1900 * 2200 / 3600)
