"""Keep a few figures of every device per day, for as long as days are kept.

Two kinds of devices have such rows: battery units and solar strings. The rings have a fixed width, so a device has a
slot, which it keeps for good: the row of a unit that was replaced stays its own. Which device has which slot is in a
small record (``devices``), with what else is known of it and with the figures of the day that is open.

A row has its day's first instant for a time. A clock that is ahead writes rows that lie in the future when it is right
again: they are not read before their time comes, never deleted, and replaced by the figures of the day itself.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Final

import ujson

from pwserver.history.archive import Archive
from pwserver.history.layout import DEVICE_DAYS
from pwserver.json_types import Json, JsonObject
from pwserver.records import record
from pwserver.state.fact import finite
from pwserver_ext.ring import Ring

MOST_NAME_BYTES: Final = 64
Figures = dict[str, float]  # by name; what is not known is not in it


@record(slots=True)
class OpenDay:
    """Holds what is known of the day that is open: when it began, and the figures of each device by kind."""

    start: float = -math.inf
    devices: dict[str, dict[str, Figures]] = field(default_factory=lambda: {kind: {} for kind in DEVICE_DAYS})
    more: JsonObject = field(default_factory=dict)  # what the writers of figures need from poll to poll


class DeviceDays:
    """Writes the rows of one gateway. One writer; ``read_series`` reads them in any process."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._record = archive.devices
        payload = self._record.read()[1] if self._record is not None else b""
        kept = parse_devices(payload)
        self._slots = {kind: dict(slots) for kind, slots in kept.slots.items()}
        self.about = {kind: dict(kept.about[kind]) for kind in DEVICE_DAYS}
        self.open = _open_day(payload, kept.slots)
        self.refused: set[str] = set()  # devices for which there was no slot left
        self.show()

    def begin(self, day: float) -> None:
        """Begin a day (its first instant, epoch seconds); the one before is written."""
        if day == self.open.start:
            return
        self._close()
        there = {kind: self._read(kind, day) for kind in DEVICE_DAYS}
        self.open = OpenDay(day, there)

    def figures(self, kind: str, device: str) -> Figures | None:
        """Return the open figures of a device, to be changed in place; None when there is no slot for it."""
        return self.open.devices[kind].setdefault(device, {}) if self.give_slot(kind, device) else None

    def give_slot(self, kind: str, device: str) -> bool:
        """Give a device its slot unless it has one; False when there is none left."""
        slots = self._slots[kind]
        if device not in slots:
            if len(slots) >= DEVICE_DAYS[kind].slots or len(device.encode()) > MOST_NAME_BYTES:
                if len(self.refused) < DEVICE_DAYS[kind].slots:
                    self.refused.add(device)
                return False
            slots[device] = len(slots)
        return True

    def replace(self, kind: str, days: Mapping[float, Mapping[str, Figures]]) -> None:
        """Replace all rows but the open day by these, by day and device, in order of time."""
        plan = DEVICE_DAYS[kind]
        for name in plan.rings:
            self._archive.rings[name].truncate_after(-math.inf)
        for day, devices in days.items():
            for bank, row in self._rows(kind, devices).items():
                self._archive.rings[plan.ring(bank)].append(day, row)

    @property
    def is_open(self) -> bool:
        """Return whether a day is open."""
        return math.isfinite(self.open.start)

    @property
    def counts(self) -> tuple[int, ...]:
        """Return how many devices have figures today, by kind."""
        return tuple(map(len, self.open.devices.values()))

    def has(self, kind: str, device: str) -> bool:
        """Return whether a device has a slot."""
        return device in self._slots[kind]

    def describe(self, kind: str, device: str, about: JsonObject) -> None:
        """Keep what else is to be known of a device that has a slot."""
        if device in self._slots[kind]:
            self.about[kind][device] = about

    def show(self) -> None:
        """Let readers see the open day as it is now."""
        if not self.is_open:
            return
        for kind, plan in DEVICE_DAYS.items():
            rows = self._rows(kind, self.open.devices[kind])
            for bank, row in rows.items():
                ring = self._archive.rings[plan.ring(bank)]
                if self.open.start > ring.last_timestamp_or(-math.inf):
                    ring.set_live(self.open.start, row)
                else:  # beside rows of a wrong clock, which lie in the future, only a written row can be read
                    put(ring, self.open.start, row)

    def keep(self) -> None:
        """Store the open day, so that a killed process loses nothing before this moment."""
        if self._record is None:
            return
        body = {
            "slots": {kind: list(slots) for kind, slots in self._slots.items()},
            "about": self.about,
            "day": self.open.start if self.is_open else None,
            "devices": self.open.devices,
            "more": self.open.more,
        }
        content = ujson.dumps(body, ensure_ascii=False).encode()
        if len(content) <= self._record.room:
            self._record.write(content)

    def _close(self) -> None:
        if not self.is_open:
            return
        self.keep()  # the names first: a slot without a name could not be read back
        for kind, plan in DEVICE_DAYS.items():
            for bank, row in self._rows(kind, self.open.devices[kind]).items():
                put(self._archive.rings[plan.ring(bank)], self.open.start, row)

    def _rows(self, kind: str, devices: Mapping[str, Mapping[str, float]]) -> dict[int, array[float]]:
        """Return the row of each bank in which a device has a figure."""
        plan, slots = DEVICE_DAYS[kind], self._slots[kind]
        found: dict[int, array[float]] = {}
        for device, figures in devices.items():
            bank, first = plan.place(slots[device])
            for position, name in enumerate(plan.figures):
                if name in figures:
                    row = found.setdefault(bank, array("d", [math.nan]) * plan.columns)
                    row[first + position] = figures[name]
        return found

    def _read(self, kind: str, day: float) -> dict[str, Figures]:
        """Return the figures that a day has already, by device: after a clock was put right, a day comes twice."""
        series = read_series(self._archive, kind, self._slots[kind], day, day)
        rows = {
            device: {name: column[0] for name, column in one.figures.items() if column and math.isfinite(column[0])}
            for device, one in series.items()
        }
        return {device: figures for device, figures in rows.items() if figures}


def put(ring: Ring, day: float, row: array[float]) -> None:
    """Write the row of a day, in the place of the one that it may have; rows of later days stay."""
    ring.clear_live()
    if ring.append(day, row):
        return
    times, columns = ring.select(day, math.inf)
    ring.truncate_after(math.nextafter(day, -math.inf))
    ring.append(day, row)
    for number, when in enumerate(times):
        if when > day:
            ring.append(when, array("d", [column[number] for column in columns]))


@record(frozen=True, slots=True)
class KeptDevices:
    """Holds which devices have days: by kind the slot of each, and what else is known of it. Not to be changed."""

    slots: Mapping[str, Mapping[str, int]]
    about: Mapping[str, Mapping[str, JsonObject]]


def kept_devices(archive: Archive) -> KeptDevices:
    """Return the devices of a gateway as its record has them."""
    return _parsed(archive.devices.read()[1] if archive.devices is not None else b"")


def parse_devices(payload: bytes) -> KeptDevices:
    """Read a record; what cannot be understood is left out."""
    body = _body(payload)
    slots = {kind: _slots(kind, _member(body, "slots", kind)) for kind in DEVICE_DAYS}
    about = {kind: _objects(slots[kind], _member(body, "about", kind)) for kind in DEVICE_DAYS}
    return KeptDevices(slots, about)


_parsed = lru_cache(maxsize=32)(parse_devices)  # a record is asked for far more often than it changes


def _open_day(payload: bytes, slots: Mapping[str, Mapping[str, int]]) -> OpenDay:
    """Return the open day of a record; no figure is believed that is not finite."""
    body = _body(payload)
    start, more = finite(body.get("day")), body.get("more")
    if start is None:
        return OpenDay()
    devices = {
        kind: {
            device: {name: value for name, told in figures.items() if (value := finite(told)) is not None}
            for device, figures in _objects(slots[kind], _member(body, "devices", kind)).items()
        }
        for kind in DEVICE_DAYS
    }
    return OpenDay(start, devices, more if isinstance(more, dict) else {})


def _body(payload: bytes) -> JsonObject:
    try:
        body: Json = ujson.loads(payload) if payload else None
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _member(body: JsonObject, name: str, kind: str) -> Json:
    found = body.get(name)
    return found.get(kind) if isinstance(found, dict) else None


def _slots(kind: str, names: Json) -> dict[str, int]:
    listed = names[: DEVICE_DAYS[kind].slots] if isinstance(names, list) else []
    return {str(name): slot for slot, name in enumerate(listed)}


def _objects(slots: Mapping[str, int], told: Json) -> dict[str, JsonObject]:
    given = told if isinstance(told, dict) else {}
    return {name: body for name, body in given.items() if name in slots and isinstance(body, dict)}


@record(frozen=True, slots=True)
class DeviceSeries:
    """Holds the days of one device: when each began, and a column for every figure, NaN where it is not known."""

    days: array[float]
    figures: Mapping[str, array[float]]


def read_series(
    archive: Archive, kind: str, slots: Mapping[str, int], start: float, end: float
) -> dict[str, DeviceSeries]:
    """Return the days that begin from ``start`` to ``end`` of devices that are given by name and slot."""
    plan = DEVICE_DAYS[kind]
    width = len(plan.figures)
    found: dict[str, DeviceSeries] = {}
    for bank in range(plan.banks):
        here = {device: plan.place(slot)[1] for device, slot in slots.items() if plan.place(slot)[0] == bank}
        if here:
            columns = [first + position for first in here.values() for position in range(width)]
            days, values = archive.rings[plan.ring(bank)].select(start, end, columns)
            for number, device in enumerate(here):
                own = values[number * width : (number + 1) * width]
                found[device] = DeviceSeries(days, dict(zip(plan.figures, own, strict=True)))
    return found
