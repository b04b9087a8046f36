"""The interface of a family of hardware, which every simulated installation implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .hardware import Hardware
from .house import Plant, Snapshot

JsonObject = dict[str, Any]
Alerts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class HouseFacts:
    """What a document of the web API is written from."""

    snapshot: Snapshot
    moment: datetime  # of the snapshot, in the zone of the house
    config: Mapping[str, Any]  # config.json as it is now
    counters: Mapping[str, Any]  # ``load.energy_imported`` -> what the meter says instead


class GatewayFamily(Protocol):
    """One family of hardware: it writes a gateway's answers from a snapshot of the house and keeps no state.

    ``units`` have inverters, ``packs`` hold energy.
    """

    din: str
    units: Sequence[Hardware]
    packs: Sequence[Hardware]
    plant: Plant
    version: str  # firmware, as the web API says it

    @property
    def firmware(self) -> JsonObject | None:
        """Return the answer to the firmware request of TEDAPI; None where the gateway does not tell."""

    def config(self) -> JsonObject:
        """Return config.json as the installer left it."""

    def status(self, snapshot: Snapshot, alerts: Alerts, full: bool, variables: JsonObject) -> JsonObject:
        """Return the answer to the status query of TEDAPI; ``full`` asks for the devices on the bus, too.

        Where ``system.time`` is null the device fills in its clock.
        """

    def components(self, snapshot: Snapshot, din: str, variables: JsonObject, alerts: Alerts) -> JsonObject | None:
        """Return the answer to the components query that is sent to this unit; None where it does not answer."""

    def api(self, path: str, facts: HouseFacts) -> Any:
        """Return the document of the web API at this path; None where there is none."""

    def vitals(self, snapshot: Snapshot, alerts: Alerts) -> JsonObject | None:
        """Return the devices of the binary vitals; None where the firmware has none."""
        return None

    def truth(self) -> JsonObject | None:
        """Return what is true instead of what the simulated house says; None where the house is right."""
        return None
