"""The constant installation that the compatibility recordings were made with, as scenarios of the simulator."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from pwserver.json_types import JsonObject
from pwserver.simulator import SCENARIOS, Scenario
from pwserver.simulator.families import Powerwall2
from pwserver.simulator.gateway_family import Alerts, HouseFacts
from pwserver.simulator.house import Snapshot

_FOLDER = Path(__file__).parent / "recorded"
_TEDAPI: dict[str, Any] = json.loads((_FOLDER / "tedapi.json").read_text())
_WEB_API: dict[str, Any] = json.loads((_FOLDER / "web_api.json").read_text())


class RecordedPowerwall2(Powerwall2):
    """The recorded installation as TEDAPI tells of it. Its gateway gave one document to every query."""

    @property
    def firmware(self) -> JsonObject | None:
        return None

    def config(self) -> JsonObject:
        return copy.deepcopy(_TEDAPI["config"])

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        return _TEDAPI["status"]

    def components(self, snapshot: Snapshot, din: str, variables: JsonObject, alerts: Alerts) -> JsonObject | None:
        return _TEDAPI["status"]

    def api(self, path: str, facts: HouseFacts) -> Any:
        return _TEDAPI["aggregates"] if path == "/api/meters/aggregates" else _WEB_API["api"].get(path)

    def vitals(self, snapshot: Snapshot, alerts: Alerts) -> JsonObject | None:
        return _WEB_API["devices"]

    def truth(self) -> JsonObject | None:
        meters = _TEDAPI["aggregates"]
        system = _TEDAPI["status"]["control"]["systemStatus"]
        stored, capacity = system["nominalEnergyRemainingWh"], system["nominalFullPackEnergyWh"]
        return {
            **{name: meters[name]["instant_power"] for name in ("site", "load", "solar", "battery")},
            "soe": stored / capacity * 100.0,
            "stored_wh": stored,
            "capacity_wh": capacity,
            "grid": "unknown",
            "energy_wh": {
                f"{name}_{way}": meters[name][f"energy_{way}"]
                for name in ("solar", "load", "site", "battery")
                for way in ("imported", "exported")
            },
        }


class RecordedWebApi(RecordedPowerwall2):
    """The recorded installation as the web API tells of it."""

    def truth(self) -> JsonObject | None:
        level = _WEB_API["api"]["/api/system_status/soe"]["percentage"]
        return (super().truth() or {}) | {"soe": level, "grid": "up", "stored_wh": None, "capacity_wh": None}


_RECORDED = (
    Scenario("recorded", "the recorded installation over TEDAPI", RecordedPowerwall2),
    Scenario("recorded-local", "the recorded one over the web API", RecordedWebApi, tedapi=False, api_paths=None),
)
ALL_SCENARIOS = {**SCENARIOS, **{scenario.name: scenario for scenario in _RECORDED}}
