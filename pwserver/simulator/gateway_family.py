"""Define the interface of a family of hardware, which every simulated installation implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.records import record

from .hardware import Hardware
from .house import Plant, Snapshot

Alerts = Mapping[str, Sequence[str]]


@record(frozen=True, slots=True)
class HouseFacts:
    """Holds what a document of the web API is written from."""

    snapshot: Snapshot
    moment: datetime  # of the snapshot, in the zone of the house
    config: JsonMapping  # config.json as it is now
    counters: JsonMapping  # ``load.energy_imported`` -> the value that the meter reports instead of its own


class GatewayFamily(Protocol):
    """Writes a gateway's answers for one family of hardware from a snapshot of the house, and keeps no state."""

    din: str
    units: Sequence[Hardware]  # those with an inverter
    packs: Sequence[Hardware]  # those that hold energy
    plant: Plant
    version: str  # of the firmware, as the web API writes it

    @property
    def firmware(self) -> JsonObject | None:
        """Return the answer to the firmware request of TEDAPI; None if the gateway does not give it."""

    def config(self) -> JsonObject:
        """Return config.json as the installer left it."""

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        """Return the answer to the status query of TEDAPI; ``full`` asks for the devices on the bus, too.

        If ``system.time`` is null, the device fills in its clock.
        """

    def components(self, snapshot: Snapshot, din: str, variables: JsonObject, alerts: Alerts) -> JsonObject | None:
        """Return the answer of the unit with this DIN to the components query; None if it does not answer."""

    def api(self, path: str, facts: HouseFacts) -> Json:
        """Return the document of the web API at this path; None if there is none."""

    def vitals(self, snapshot: Snapshot, alerts: Alerts) -> JsonObject | None:
        """Return the devices of the binary vitals; None if the firmware has none."""
        return None

    def truth(self) -> JsonObject | None:
        """Return the figures that are true instead of the simulated house's; None if the house's are true."""
        return None
