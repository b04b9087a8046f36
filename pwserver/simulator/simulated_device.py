"""Keep the state of one simulated gateway: its house, its configuration, what was written to it, who is logged in."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import field
from typing import Any

from pwserver.json_types import JsonObject
from pwserver.records import record

from .faults import Fault, null_strings, unit_missing, without
from .gateway_family import GatewayFamily, HouseFacts
from .house import House, Snapshot
from .http_messages import Response
from .scenarios import Scenario
from .signed import SignedTransport
from .writes import Writes

GARBAGE = b"\x0a\xff\xff\xff\xff\x0fthis is no message\x07\x07\x07"  # the fault garbage-protobuf
_MOST_LOGINS = 64  # at the same time; beyond that, the oldest expires


@record(slots=True)
class DeviceAnswer:
    """Holds the answer of a device to one request."""

    response: Response
    about: str  # the subject: status, controller, config, firmware, components:<DIN>, din, login, or the /api path


@record(slots=True)
class SimulatedDevice:
    """Holds the state of one gateway; ``password`` is the one on its sticker."""

    scenario: Scenario
    family: GatewayFamily
    house: House
    password: str
    signed: SignedTransport | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    writes: Writes = field(default_factory=Writes)
    failed_logins: int = 0
    config: JsonObject = field(init=False)
    alerts: dict[str, list[str]] = field(default_factory=dict)  # serial or "site" -> extra alerts
    counters: JsonObject = field(default_factory=dict)  # ``load.energy_imported`` -> value reported instead
    alter: Callable[[Any], Any] | None = None  # a test's function that changes every document
    _tokens: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LOGINS))

    def __post_init__(self) -> None:
        self.config = self.family.config()
        self.apply_config()

    @property
    def customer_password(self) -> str:
        """Return the owner's default password, which is the last five characters of the one on the sticker."""
        return self.password[-5:]

    def apply_config(self) -> None:
        """Make the house behave as config.json says."""
        info = self.config.get("site_info") or {}
        changes: dict[str, object] = {}
        reserve = info.get("backup_reserve_percent")
        if isinstance(reserve, (int, float)):
            changes["reserve_percent"] = float(reserve)
        if isinstance(self.config.get("default_real_mode"), str):
            changes["mode"] = self.config["default_real_mode"]
        if isinstance(info.get("customer_preferred_export_rule"), str):
            changes["export_rule"] = info["customer_preferred_export_rule"]
        changes["grid_charging"] = not info.get("disallow_charge_from_grid_with_solar_installed")
        self.house.command(**changes)

    def site_alerts(self, snapshot: Snapshot) -> dict[str, list[str]]:
        """Return all active alerts by serial number or "site": those that follow from the state, then raised ones."""
        usual = ["GridCodesWrite", "FWUpdateSucceeded", "PodCommissionTime"]
        if snapshot.grid == "up":
            usual.append("SystemConnectedToGrid")
        elif snapshot.grid == "down":
            usual += ["IslandingControllerIslanded", "BackfeedLimited"]
        if snapshot.controls.off_grid:
            usual.append("ScheduledIslandContactorOpen")
        if snapshot.load_shed:
            usual.append("RealPowerAvailableLimited")
        alerts = {serial: list(names) for serial, names in self.alerts.items()}
        alerts["site"] = usual + alerts.get("site", [])
        return alerts

    def facts(self) -> HouseFacts:
        """Return the facts from which the documents of the web API are written at this moment."""
        snapshot = self.house.snapshot()
        return HouseFacts(snapshot, self.house.local_time(snapshot.time), self.config, self.counters)

    def json_text(self, document: object, fault: Fault) -> str:
        """Return a document as JSON, with the faults of its content."""
        if self.alter is not None:
            document = self.alter(document)
        if fault.kind in ("absent", "null"):
            document = without(document, fault.fields, null=fault.kind == "null")
        elif fault.kind == "null-strings":
            document = null_strings(document)
        elif fault.kind == "unit-missing":
            document = unit_missing(document, fault.unit)
        text = json.dumps(document, separators=(",", ":"))
        return text[: len(text) // 2] if fault.kind == "garbage-json" else text

    def log_in(self) -> str:
        """Start a login and return its token."""
        token = secrets.token_urlsafe(32)
        self._tokens.append(token)
        return token

    def knows(self, token: str) -> bool:
        """Return whether this is the token of a login that has not expired."""
        return token in self._tokens

    def forget_logins(self) -> None:
        """Let all logins expire."""
        with self.lock:
            self._tokens.clear()
