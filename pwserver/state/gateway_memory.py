"""Keep what the judges of one gateway remember from poll to poll; it outlives connections and restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pwserver.iana_zone import known_zone
from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.alert_memory import AlertMemory
from pwserver.state.counter_guard import CounterGuard
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings
from pwserver.state.meter_powers import MAX_FURTHER
from pwserver.state.string_memory import StringMemory
from pwserver.state.unit_numbers import UnitNumbers


@record(slots=True)
class GatewayMemory:
    """Holds the memories of all judges of one gateway, each in a field of its own, each bounded."""

    counters: CounterGuard = field(default_factory=CounterGuard)
    alerts: AlertMemory = field(default_factory=AlertMemory)
    unit_numbers: UnitNumbers = field(default_factory=UnitNumbers)
    strings: StringMemory = field(default_factory=StringMemory)
    time_zone: str | None = None  # the zone that the gateway reported last
    # What the history's days of devices say; it is kept there, and told here by the process that records.
    daily: DailyFindings = NOTHING_FOUND
    further_meters: tuple[str, ...] = ()  # the meters, apart from the main ones, that have ever shown anything but 0

    @property
    def has_read(self) -> bool:
        """Return whether the gateway was ever read, as far as this is remembered."""
        return bool(self.counters.counters or self.unit_numbers.numbers or self.time_zone)

    def to_json(self) -> JsonObject:
        """Return everything as plain JSON, to be kept with the history."""
        return {
            "counters": self.counters.to_json(),
            "alerts": self.alerts.to_json(),
            "unit_numbers": self.unit_numbers.to_json(),
            "strings": self.strings.to_json(),
            "time_zone": self.time_zone,
            "further_meters": list(self.further_meters),
        }

    @classmethod
    def from_json(cls, kept: object) -> GatewayMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        members = kept if isinstance(kept, Mapping) else {}
        meters, zone = members.get("further_meters"), members.get("time_zone")
        return cls(
            counters=CounterGuard.from_json(members.get("counters")),
            alerts=AlertMemory.from_json(members.get("alerts")),
            unit_numbers=UnitNumbers.from_json(members.get("unit_numbers")),
            strings=StringMemory.from_json(members.get("strings")),
            # Checked again, as the time zones of this machine may have changed since it was written.
            time_zone=known_zone(zone) if isinstance(zone, str) else None,
            further_meters=tuple(map(str, meters[:MAX_FURTHER])) if isinstance(meters, list) else (),
        )
