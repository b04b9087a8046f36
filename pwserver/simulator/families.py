"""Define the families of hardware that can be simulated, one class each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pwserver.json_types import Json, JsonObject

from . import binary_vitals, powerwall2, powerwall3, web_api
from .blocks import FIRMWARE, GIT_HASH, neurio_block
from .gateway_family import Alerts, GatewayFamily, HouseFacts
from .hardware import Hardware
from .house import Plant, Snapshot


class Powerwall2(GatewayFamily):
    """Simulates Powerwall 2 units behind a Backup Gateway 2, and a Tesla solar inverter."""

    def __init__(self, units: Sequence[Hardware] = powerwall2.UNITS) -> None:
        self.din = powerwall2.GATEWAY_DIN
        self.units = units
        self.packs: Sequence[Hardware] = self.units
        self.plant = Plant(pack_wh=(13500,) * len(self.units))
        self.version = FIRMWARE

    @property
    def firmware(self) -> JsonObject | None:
        part, _, serial = self.din.partition("--")
        return {"part": part, "serial": serial, "din": self.din, "version": self.version, "githash": GIT_HASH}

    def config(self) -> JsonObject:
        return powerwall2.config(self.plant, units=self.units, din=self.din)

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        names = variables.get("msaSignals")
        return powerwall2.status(snapshot, units=self.units, alerts=alerts, full=full, names=names)

    def components(self, snapshot: Snapshot, din: str, variables: JsonObject, alerts: Alerts) -> JsonObject | None:
        # A Powerwall 2 has no components of this kind, so its gateway answers with empty lists.
        return {"components": {"pws": [], "pch": [], "bms": [], "hvp": [], "baggr": []}}

    def api(self, path: str, facts: HouseFacts) -> Json:
        return web_api.document(path, self, facts)


class LocalPowerwall2(Powerwall2):
    """Simulates Powerwall 2 units with firmware of 2023, which still had the binary vitals."""

    def __init__(self) -> None:
        super().__init__()
        self.version = "23.28.2 27626f98"

    def vitals(self, snapshot: Snapshot, alerts: Alerts) -> JsonObject | None:
        return binary_vitals.devices(
            snapshot, din=self.din, units=self.units, alerts=alerts, firmware=self.version.split()[1]
        )


class SolarOnly(Powerwall2):
    """Simulates a Tesla solar inverter with a Neurio meter and no battery."""

    def __init__(self) -> None:
        super().__init__()
        self.din = "1538100-00-F--C123456789JKL"
        self.units = self.packs = ()
        self.plant = Plant(pack_wh=())

    def config(self) -> JsonObject:
        config = super().config()
        info = config["site_info"]
        for name in (
            "backup_reserve_percent",
            "battery_commission_date",
            "customer_preferred_export_rule",
            "disallow_charge_from_grid_with_solar_installed",
            "nominal_system_energy_ac",
        ):
            del info[name]
        info["nominal_system_power_ac"] = 7.6
        connection = {"device_serial": powerwall2.NEURIO_SERIAL}
        config["meters"] = [
            {
                "type": "neurio_w2_tcp",
                "location": place,
                "connection": connection,
                "cts": cts,
                "real_power_scale_factor": 1,
                "inverted": [False] * 4,
            }
            for place, cts in (("site", [True, True, False, False]), ("solar", [False, False, True, True]))
        ]
        del config["default_real_mode"]
        return config

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        status = super().status(snapshot, alerts, full, variables)
        flows, bus = snapshot.flows, status["esCan"]["bus"]
        watts = (flows.site / 2.0, flows.site / 2.0, flows.solar / 2.0, flows.solar / 2.0)
        status["neurio"] = neurio_block(snapshot, powerwall2.NEURIO_SERIAL, watts)
        nothing = {"packagePartNumber": None, "packageSerialNumber": None}
        bus["SYNC"] = nothing | {
            "METER_X_AcMeasurements": {"isMIA": True},
            "METER_Y_AcMeasurements": {"isMIA": True},
        }
        bus["MSA"] = nothing | {"METER_Z_AcMeasurements": {"isMIA": True}}
        bus["ISLANDER"] = {"ISLAND_GridConnection": None, "ISLAND_AcMeasurements": None}
        return status


class Powerwall3(GatewayFamily):
    """Simulates a Powerwall 3 leader with followers, and expansion packs on the leader."""

    def __init__(self, units: int = 3, expansions: int = 0) -> None:
        self.units: Sequence[Hardware] = powerwall3.UNITS[:units]
        self.expansions: Sequence[Hardware] = (powerwall3.EXPANSION,)[:expansions]
        self.packs: Sequence[Hardware] = (*self.units, *self.expansions)
        self.din = self.units[0].din
        self.plant = Plant(
            pack_wh=(13500,) * len(self.packs), pack_watts=5000.0, solar_peak_watts=5000.0 * units, load_scale=1.6
        )
        self.version = "26.26.11 3d0a9c71"

    @property
    def firmware(self) -> JsonObject | None:
        part, _, serial = self.din.partition("--")
        return {"part": part, "serial": serial, "din": self.din, "version": self.version, "githash": "3d0a9c71"}

    def config(self) -> JsonObject:
        return powerwall3.config(self.plant, self.units, self.expansions)

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        names = variables.get("msaSignals")
        return powerwall3.status(snapshot, units=self.units, alerts=alerts, full=full, names=names)

    def components(self, snapshot: Snapshot, din: str, variables: JsonObject, alerts: Alerts) -> JsonObject | None:
        return powerwall3.components(
            snapshot, units=self.units, expansions=self.expansions, din=din, variables=variables, alerts=alerts
        )

    def api(self, path: str, facts: HouseFacts) -> Json:
        return web_api.document(path, self, facts)


class WithGenerator(Powerwall3):
    """Simulates a single Powerwall 3 with a running generator."""

    def __init__(self) -> None:
        super().__init__(1)
        self.plant = replace(self.plant, generator_watts=4200.5)
