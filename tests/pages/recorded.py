"""A house with a past: months of powers, days of device signals, written by the real recorder."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Mapping

from pwserver.history.archive import Archive
from pwserver.history.history_answer import Histories
from pwserver.history.layout import HistoryGateway, HistorySettings, plan_all
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.reading import Reading

STEP_SECONDS = 300.0
UNITS = ("2012170-25-E--TG123456789DEF", "3012170-05-B--TG123456789GHI")


class House:
    """Sun, habits and a battery; the balance closes in every row."""

    def __init__(self, seed: int, now: float, days: int) -> None:
        self.random = random.Random(seed)
        self.level = 55.0
        self.begin = now - days * 86400.0
        self.cloud = 0.8

    def row(self, at: float, offset_hours: float) -> tuple[float, float, float, float, float]:
        """site, solar, battery, load in W, level in percent."""
        hour = (at / 3600.0 + offset_hours) % 24.0
        self.cloud = min(1.0, max(0.15, self.cloud + self.random.gauss(0.0, 0.05)))
        solar = (
            max(0.0, math.sin((hour - 6.5) / 11.5 * math.pi)) ** 1.4 * 6800.0 * self.cloud if 6.5 < hour < 18 else 0.0
        )
        evening = 2100.0 * math.exp(-(((hour - 19.3) / 1.8) ** 2)) + 1300.0 * math.exp(-(((hour - 7.6) / 1.1) ** 2))
        load = 420.0 + evening + abs(self.random.gauss(0.0, 160.0))
        spare = solar - load
        battery = (
            -min(spare, 5000.0) if spare > 0 and self.level < 99.5 else min(-spare, 5000.0) if self.level > 21 else 0.0
        )
        if spare > 0 and self.level >= 99.5:
            battery = 0.0
        self.level = min(100.0, max(0.0, self.level - battery * STEP_SECONDS / 3600.0 / 27000.0 * 100.0))
        return load - solar - battery, solar, battery, load, self.level


def histories(
    gateways: Mapping[str, str], now: float, days: int = 100, path: str | None = None, hours_ahead: int = -8
) -> Histories:
    """Histories of these gateways (id -> name) that end ``now`` (epoch seconds); in files below ``path`` if given."""
    settings = HistorySettings(path=path)
    described = [HistoryGateway(one, name, zone_name(hours_ahead)) for one, name in gateways.items()]
    layouts = plan_all(settings, described)
    store = HistoryStore.open(path, layouts) if path else HistoryStore.in_memory(layouts)
    for number, archive in enumerate(store.archives.values()):
        _fill(archive, House(number + 7, now, days), now, hours_ahead)
    result = Histories(settings, described, dict(store.archives), described[0].id if described else None)
    if path:
        store.close()
    return result


def zone_name(hours_ahead: int) -> str:
    """IANA zone so many whole hours ahead of UTC (its name has the sign the other way round)."""
    return f"Etc/GMT{-hours_ahead:+d}"


def _fill(archive: Archive, house: House, now: float, hours_ahead: int) -> None:
    recorder = Recorder(archive)
    at = house.begin
    while at < now:
        site, solar, battery, load, level = house.row(at, hours_ahead)
        if now - at > 3 * 86400.0:
            recorder.take_row(at, array("d", [site, solar, battery, load, level, 1, 20, 0, 60.0, 240.0]))
        else:
            recorder.record(_reading(archive.gateway.id, at, (site, solar, battery, load, level)))
        at += STEP_SECONDS
    recorder.checkpoint()


def _reading(gateway: str, at: float, row: tuple[float, float, float, float, float]) -> Reading:
    site, solar, battery, load, level = row
    powers = {"site": site, "solar": solar, "battery": battery, "load": load}
    warm = 19.0 + abs(battery) / 500.0
    vitals = {}
    for number, unit in enumerate(UNITS):
        vitals[f"TETHC--{unit}"] = {"THC_AmbientTemp": warm + number * 1.3}
    fans = {
        "PVAC--1538100-00-F--C123456789JKL": {
            "PVAC_Fan_Speed_Actual_RPM": max(0.0, solar / 2.4 - 200),
            "PVAC_Fan_Speed_Target_RPM": max(0.0, solar / 2.4 - 180),
        }
    }
    blocks = [{"PackageSerialNumber": unit.rpartition("--")[2]} for unit in UNITS]
    return Reading.partial(
        gateway,
        at,
        {name: {"instant_power": power} for name, power in powers.items()},
        vitals=vitals,
        fan_speeds=fans,
        soe_raw=level / 100 * 95 + 5,
        grid_status="UP",
        mode="self_consumption",
        reserve=20.0,
        system_status={"battery_blocks": blocks},
    )
