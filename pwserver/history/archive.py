"""Give access to the rings of one gateway by name, and to the small records beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import lru_cache
from pathlib import Path

import ujson

from pwserver.history.health_memory import HealthMemory
from pwserver.history.layout import (
    BANK,
    CORRECTION_BYTES,
    DEVICES,
    PAGE_BYTES,
    WAITING,
    GatewayLayout,
    HistoryGateway,
    HistorySettings,
    RingPlan,
)
from pwserver.history.mapped_file import RecordFile
from pwserver.json_types import Json
from pwserver.records import record
from pwserver.state.fact import finite
from pwserver.two_copy_record import HEAD_BYTES, TwoCopyRecord
from pwserver_ext.ring import Ring


class StoredRecord(TwoCopyRecord):
    """Stores a record in shared memory and writes it to a file, which it never reads again.

    For what live data depend on: a mapped file that is cut, or that the disk cannot read, ends every process that
    touches it. What is written is in the file's pages at once, as with a mapping, and outlives a killed process.

    The file takes the other copy when the one before has been brought to the disk, not each time: this is written after
    every poll, and one page that changes is half as much for a memory card as two. A call that writes one page is never
    interrupted, so a kill leaves it whole; a power cut leaves what was brought to the disk last.
    """

    def __init__(self, file: RecordFile) -> None:
        super().__init__(memoryview(file.memory))
        self._file = file
        self._sequence: int | None = None  # of the newest copy in the file; None before this process has written
        self._flushes = -1  # of the file, when the copy in use was begun

    def write(self, payload: bytes) -> None:
        """Replace the record; the file follows as far as the disk lets it."""
        self.put(*self.next_copy(payload))
        if self._sequence is None:
            self._sequence = TwoCopyRecord(memoryview(self._file.read())).read()[0]
        flushes = self._file.flushes
        again = flushes == self._flushes and len(payload) <= PAGE_BYTES - HEAD_BYTES
        self._sequence += 2 if again else 1
        self._flushes = flushes
        start, piece = self.copy(self._sequence, payload)
        self._file.write(start, memoryview(piece))


@record(frozen=True, slots=True)
class Notes:
    """Holds what the rows do not say: which series is which, and what the units are called."""

    series: tuple[tuple[str, str], ...] = ()  # (device, metric); the position is the column
    units: Mapping[str, tuple[str, int]] | None = None  # serial -> label, order
    timezone: str | None = None  # in which the days are counted, where the gateway told it
    days_zone: str | None = None  # in which the days are counted, whoever told it: for commands that are not told
    capacity_wh: float | None = None  # of the batteries together, by which their charge weighs in a sum

    def to_bytes(self) -> bytes:
        """Write the notes as they are stored."""
        return ujson.dumps(
            {
                "series": self.series,
                "units": self.units or {},
                "timezone": self.timezone,
                "days_zone": self.days_zone,
                "capacity_wh": self.capacity_wh,
            },
            ensure_ascii=False,
        ).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Notes:
        """Read stored notes; they are empty when the record is, or cannot be understood."""
        try:
            body: Json = ujson.loads(payload) if payload else {}
            return cls(
                tuple((str(device), str(metric)) for device, metric in body.get("series", ())),
                {str(serial): (str(label), int(order)) for serial, (label, order) in body.get("units", {}).items()},
                str(body["timezone"]) if body.get("timezone") else None,
                str(body["days_zone"]) if body.get("days_zone") else None,
                finite(body.get("capacity_wh")),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


class Archive:
    """Holds everything kept of one gateway. The poller writes it and workers read it, because the memory is shared.

    ``folder``: where its files are, None in memory.
    """

    def __init__(
        self,
        layout: GatewayLayout,
        rings: Mapping[str, Ring],
        records: Mapping[str, TwoCopyRecord],
        correction: memoryview,
        folder: Path | None = None,
    ) -> None:
        self.layout = layout
        self.folder = folder
        self.rings = dict(rings)
        self.plans: dict[str, RingPlan] = {plan.name: plan for plan in layout.rings}
        self.state = records["state"]
        self.notes = records["notes"]
        self.clock = records["clock"]
        self.devices = records.get(DEVICES)  # None for a sum of gateways
        self.tariff = records["tariff"]
        self._correction = correction[:CORRECTION_BYTES].cast("d")
        self.polls = rings["polls"]
        self.minutes = rings["minutes"]
        self.quarters = rings["quarters"]
        self.days = rings["days"]
        self.waiting = rings[WAITING]
        self.signals = tuple(rings[f"signals-{bank}"] for bank in range(layout.banks))
        self.signal_days = tuple(rings[f"signal-days-{bank}"] for bank in range(layout.banks))
        self._positions = {plan.name: _positions_of(plan.columns) for plan in layout.rings}
        self._places: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        self._notes_seen: tuple[int, Notes] = (-1, Notes())
        self.health = HealthMemory()

    def renamed(self, layout: GatewayLayout) -> Archive:
        """Return this archive for a reloaded configuration, in which all but the shape of its files may be another."""
        found = copy(self)
        found.layout = layout
        found.health = HealthMemory()
        return found

    @property
    def gateway(self) -> HistoryGateway:
        """Return the gateway whose history this is."""
        return self.layout.gateway

    @property
    def correction_seconds(self) -> float:
        """Return what must be added to the machine's clock for the time of the newest rows; 0 while it is trusted."""
        return self._correction[0]

    @correction_seconds.setter
    def correction_seconds(self, seconds: float) -> None:
        self._correction[0] = seconds

    @property
    def settings(self) -> HistorySettings:
        """Return the settings the rings were made from."""
        return self.layout.settings

    def column(self, ring: str, name: str) -> int:
        """Return the position of a column in a ring; KeyError when it has none of that name."""
        return self._positions[ring][name]

    def places(self, ring: str, names: tuple[str, ...]) -> list[int]:
        """Return the positions of some columns in a ring; the lists of names are those of the program."""
        found = self._places.get((ring, names))
        if found is None:
            found = self._places[ring, names] = [self.column(ring, name) for name in names]
        return found

    def columns(self, ring: str) -> Mapping[str, int]:
        """Return all columns of a ring by name."""
        return self._positions[ring]

    def read_notes(self) -> Notes:
        """Return the notes as they are now (parsed once per change)."""
        sequence, payload = self.notes.read()
        if sequence != self._notes_seen[0]:
            self._notes_seen = (sequence, Notes.from_bytes(payload))
        return self._notes_seen[1]

    @property
    def timezone(self) -> str:
        """Return the IANA name of the zone whose midnights divide the days."""
        gateway = self.layout.gateway
        return gateway.timezone if gateway.timezone_set else self.read_notes().timezone or gateway.timezone

    @property
    def recorded(self) -> bool:
        """Return whether at least one poll was ever recorded."""
        return self.polls.bounds() is not None or self.days.bounds() is not None

    @property
    def generation(self) -> str:
        """Name the exact content of the power rings: every change changes it."""
        return "-".join(f"{ring.identity:x}.{ring.generation:x}" for ring in (self.polls, self.days))

    @property
    def signal_generation(self) -> str:
        """Name the exact content of the device signals: every change changes it."""
        rings = (*self.signals, *self.signal_days)
        return f"{self.notes.read()[0]:x}-" + "-".join(f"{ring.identity:x}.{ring.generation:x}" for ring in rings)


@lru_cache(maxsize=128)  # a hundred gateways have the same columns
def _positions_of(columns: tuple[str, ...]) -> Mapping[str, int]:
    """Return the position of each column by its name."""
    return {name: index for index, name in enumerate(columns)}


def bank_of(series: int) -> tuple[int, int]:
    """Return the bank of a series number, and its column there."""
    return divmod(series, BANK)


def build(
    layout: GatewayLayout,
    pieces: Mapping[str, memoryview],
    folder: Path | None = None,
    room: Mapping[str, Callable[[], None]] | None = None,
) -> Archive:
    """Make an archive over named buffers (``GatewayLayout.carve``, or control blocks and files).

    ``room``: what takes the room of those rings that have none yet, by name.
    """
    rings = {
        plan.name: Ring(
            pieces[plan.name],
            len(plan.columns),
            plan.rows,
            plan.step_seconds,
            plan.value_bytes,
            pieces[f"{plan.name}.control"],
            (room or {}).get(plan.name),
        )
        for plan in layout.rings
    }
    records = {name: TwoCopyRecord(pieces[name]) for name, _ in layout.records}
    return Archive(layout, rings, records, pieces["correction"], folder)
