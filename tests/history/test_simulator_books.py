"""The history's energies against the simulated house's own books, at polls of 1, 5 and 30 seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from pwserver.history.day_books import BOOKS, own_share, read_days
from pwserver.history.layout import ENERGY_NAMES, HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.simulator.house import Energy, House, Plant, Snapshot
from pwserver.state.judge import GatewayJudge
from tests.history.support import archive, reading

ZONE = "Europe/Berlin"
MORNING = 1_782_540_000.0  # 2026-06-27T08:00 in Berlin
EVER = (1, 3_652_059)  # proleptic ordinals
# Of each energy, and of the percentage: half a percent, as nobody reads a meter closer.
NEAR = 0.005

OF_THE_SIMULATOR = {
    "solar_wh": "solar", "home_wh": "load", "battery_charge_wh": "battery_charged",
    "battery_discharge_wh": "battery_discharged", "grid_import_wh": "site_imported", "grid_export_wh": "site_exported",
}  # fmt: skip


class Street:
    """A simulated house, its recorder, and the parts of the home's energy as they were second by second."""

    def __init__(self, poll_seconds: float, start: float = MORNING) -> None:
        self.now = start
        # A small battery, so that it is full at noon and empty at night within the few hours that are simulated.
        plant = Plant(pack_wh=(5_000,), timezone=ZONE, start_percent=40.0)
        self.house = House(plant, clock=lambda: self.now, start=start)
        settings = HistorySettings(poll_interval=poll_seconds, max_signals=0)
        self.store = archive(settings, HistoryGateway("home", "Home", ZONE))
        self.recorder = Recorder(self.store)
        self.judge = GatewayJudge()
        self.own = self.whole = 0.0
        self.begun = self.house.snapshot().energy
        self.poll(self.house.snapshot())

    def seconds(self, count: float) -> Iterator[Snapshot]:
        """Let time pass second by second, and keep the books of where the home's energy comes from."""
        seen = self.house.snapshot()
        for _ in range(round(count)):
            flows = seen.flows
            sun = min(max(flows.solar, 0.0), flows.load)
            from_battery = min(max(flows.battery, 0.0), flows.load - sun)
            self.own += sun + from_battery
            self.whole += flows.load
            self.now += 1.0
            seen = self.house.snapshot()
            yield seen

    def run(self, hours: float, poll_seconds: float) -> None:
        """Poll every ``poll_seconds`` for so long."""
        for number, seen in enumerate(self.seconds(hours * 3600.0), 1):
            if number % poll_seconds == 0:
                self.poll(seen)

    def poll(self, seen: Snapshot) -> None:
        """Record what the gateway tells at this moment."""
        flows, energy = seen.flows, seen.energy
        counters = {
            "site": {"energy_imported": energy.site_imported, "energy_exported": energy.site_exported},
            "battery": {"energy_imported": energy.battery_charged, "energy_exported": energy.battery_discharged},
            "load": {"energy_imported": energy.load, "energy_exported": 0.0},
            "solar": {"energy_imported": 0.0, "energy_exported": energy.solar},
        }
        one = reading(seen.time, flows.site, flows.solar, flows.battery, flows.load, counters=counters)
        self.recorder.record(one, judged=self.judge.take(one))

    def books(self) -> dict[str, float]:
        """The history's own books over all days."""
        books = read_days(self.store, *EVER)
        share = own_share(books.columns)
        found = {name: math.fsum(column) for name, column in zip(BOOKS, books.columns, strict=True)}
        return {**found, "percent": 100.0 * math.fsum(share.own) / math.fsum(share.whole)}

    def compare(self) -> dict[str, float]:
        """Compare both books; returns the history's."""
        ours, theirs = self.books(), self.house.snapshot().energy
        for name in ENERGY_NAMES:
            meter = OF_THE_SIMULATOR[name]
            truth = getattr(theirs, meter) - getattr(self.begun, meter)
            assert ours[name] == pytest.approx(truth, rel=NEAR, abs=1.0), name
        return ours


def test_the_simulator_has_a_meter_for_every_energy() -> None:
    assert list(OF_THE_SIMULATOR) == list(ENERGY_NAMES)
    assert set(OF_THE_SIMULATOR.values()) <= {*Energy.__dataclass_fields__}


# The fewer polls, the longer the day that can be simulated in a second.
@pytest.mark.parametrize(("poll_seconds", "hours"), [(1, 0.5), (5, 1.5), (30, 6.0)])
def test_energies_are_those_of_the_simulators_own_books(poll_seconds: int, hours: float) -> None:
    street = Street(poll_seconds, MORNING + 8 * 3600.0)
    street.run(hours / 3.0, poll_seconds)
    street.house.command(grid_outage=True)
    street.run(hours / 3.0, poll_seconds)
    street.house.command(grid_outage=False, mode="backup")
    street.run(hours / 3.0, poll_seconds)
    ours = street.compare()
    assert ours["covered_seconds"] == pytest.approx(hours * 3600.0) and ours["gap_seconds"] == 0.0
    assert ours["percent"] == pytest.approx(100.0 * street.own / street.whole, abs=100.0 * NEAR)


def test_over_a_gap_they_still_are() -> None:
    """The server was away for two hours of the afternoon; the house went on counting."""
    street = Street(30, MORNING + 8 * 3600.0)
    street.run(1.0, 30)
    for _ in street.seconds(2 * 3600.0):
        pass
    street.run(1.0, 30)
    ours = street.compare()
    assert ours["gap_seconds"] == pytest.approx(2 * 3600.0 + 30.0)
    assert ours["covered_seconds"] == pytest.approx(4 * 3600.0)
