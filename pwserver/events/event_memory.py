"""Remember the state that polls are compared with. It outlives restarts, so that no event is made up or missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

import ujson

from pwserver.events.kinds import KINDS, SENDERS
from pwserver.json_types import Json, JsonObject
from pwserver.records import record
from pwserver.state.alert_memory import short
from pwserver.state.fact import finite
from pwserver.state.grid import DOWN

MOST_PLACES: Final = 64  # devices whose alerts are remembered
MOST_ALERTS: Final = 40  # of one device
MOST_REPEATS: Final = 128  # alerts whose begins are counted
MOST_UNITS: Final = 64
MOST_RESETS: Final = 256
MOST_COMMANDS: Final = 16
SETTINGS: Final = ("mode", "reserve", "grid_export", "grid_charging")


@record(slots=True)
class Outage:
    """Holds an outage that goes on, or how it seems to end. ``at`` is None where nobody saw it begin."""

    at: float | None = None
    exact: bool = False  # a poll shortly before showed the other state
    purpose: str | None = None
    charge_percent: float | None = None
    counter_wh: float | None = None  # of the house, when it began
    # Not kept. What the house has used by the powers, in case that it does not count.
    home_wh: float | None = field(default=None, compare=False)
    integrated_at: float | None = field(default=None, compare=False)  # steady clock at the newest power in ``home_wh``
    watts: float | None = field(default=None, compare=False)  # that power


@record(slots=True)
class Repeats:
    """Counts how often an alert of a device has begun since its first begin; events/alert_events has the rule."""

    since: float  # when the first of them was
    told: int  # that have an event of their own
    untold: int = 0  # that came and went without one
    untold_since: float | None = None  # since when the alert is on without an event; None: it is told, or off
    exact: bool = False  # as the event of ``untold_since`` will say


@record(slots=True)
class EventMemory:
    """Holds the last known state of one gateway; None everywhere before anything is known.

    Two are equal when what is kept of them is.
    """

    heard: bool = False  # it has been read at least once
    away_at: float | None = None  # since when it is silent, once that was told
    away_cause: str | None = None
    grid: str | None = None  # UP or DOWN, as told or as first seen
    grid_doubt: Outage | None = None  # the first poll of the other state, until a second one confirms it
    outage: Outage | None = None
    alerts: dict[str, dict[str, float | None]] = field(default_factory=dict)  # place -> alert -> since when
    labels: dict[str, str | None] = field(default_factory=dict)  # place -> what people call it
    repeats: dict[tuple[str, str], Repeats] = field(default_factory=dict)  # (place, alert)
    settings: dict[str, Json] = field(default_factory=dict)
    commands: dict[str, tuple[Json, str, float]] = field(default_factory=dict)  # setting -> value, sender, steady clock
    firmware: str | None = None
    units: dict[str, str] | None = None  # serial -> label
    resets: dict[str, float] | None = None  # counter -> when its last reset was believed
    counts: dict[str, int] = field(default_factory=dict)  # kind -> how many events there have been
    last_outage_seconds: float | None = None
    boot: float = field(default=0.0, compare=False)  # names the start of the machine of which ``noted`` tells
    # Noted time -> the steady clock then: how long something lasts does not follow a clock that is set meanwhile.
    noted: dict[float, float] = field(default_factory=dict, compare=False)
    # Not kept: what is not sure yet, and what the newest poll of this process told. It says whether a change was seen
    # as it happened.
    silent_at: float | None = field(default=None, compare=False)  # since when it seems to be silent, until that is sure
    firmware_doubt: str | None = field(default=None, compare=False)
    units_at: float | None = field(default=None, compare=False)  # steady clock when units were first seen
    units_doubt: list[str] = field(default_factory=list, compare=False)  # serials that seem to be gone
    seen_grid_at: float | None = field(default=None, compare=False)  # steady clock when the grid was known last
    # place -> steady clock when it answered last
    seen_places: dict[str, float] = field(default_factory=dict, compare=False)

    def to_json(self) -> JsonObject:
        """Return all that is to be kept as plain JSON."""
        return {
            "heard": self.heard,
            "away": [self.away_at, self.away_cause],
            "grid": self.grid,
            "grid_doubt": _outage_row(self.grid_doubt),
            "outage": _outage_row(self.outage),
            "alerts": self.alerts,
            "labels": {place: label for place, label in self.labels.items() if label is not None},
            "repeats": [
                [*key, one.since, one.told, one.untold, one.untold_since, one.exact]
                for key, one in self.repeats.items()
            ],
            "settings": self.settings,
            "commands": {name: list(one) for name, one in self.commands.items()},
            "firmware": self.firmware,
            "units": self.units,
            "resets": self.resets,
            "counts": self.counts,
            "last_outage": self.last_outage_seconds,
            "noted": self._noted_json(),
        }

    def _noted_json(self) -> Json:
        rows = [[at, self.noted[at]] for at in self._lasting() if at is not None and at in self.noted]
        return [self.boot, rows] if rows else None

    def note(self, at: float, steady: float) -> None:
        """Note what the steady clock says at a time that may be noted next; forget that of times that are not any more.

        Of alerts the steady clock is not kept over a restart: there may be too many of them.
        """
        alerts = {since for alerts in self.alerts.values() for since in alerts.values()}
        wanted = {*self._lasting(), *alerts}
        self.noted = {when: moment for when, moment in self.noted.items() if when in wanted}
        self.noted[at] = steady

    def lasted(self, begin: float | None, end: float | None) -> float | None:
        """Return the seconds between two noted times: by the steady clock where it has run since, else by the calendar.

        None where one is not known, or where the calendar is all there is and was set back meanwhile.
        """
        if begin is None or end is None:
            return None
        if begin in self.noted and end in self.noted:
            return max(0.0, self.noted[end] - self.noted[begin])
        return None if end < begin else end - begin

    def stay_in(self, boot: float) -> None:
        """Forget what the steady clock of another start of the machine said."""
        if boot != self.boot or not boot:
            self.noted.clear()
        self.boot = boot

    def _lasting(self) -> tuple[float | None, ...]:
        """Return the noted times of what may last for long."""
        outages = (None if one is None else one.at for one in (self.outage, self.grid_doubt))
        return self.away_at, self.silent_at, *outages

    def shift(self, first: float, last: float, seconds: float) -> None:
        """Add seconds to every noted time from ``first`` to ``last``: the clock was wrong then."""

        def right(at: float | None) -> float | None:
            return at + seconds if at is not None and first <= at <= last else at

        self.noted = {right(at) or at: steady for at, steady in self.noted.items()}
        self.away_at, self.silent_at = right(self.away_at), right(self.silent_at)
        for outage in (self.outage, self.grid_doubt):
            if outage is not None:
                outage.at = right(outage.at)
        for alerts in self.alerts.values():
            for name, since in alerts.items():
                alerts[name] = right(since)
        for repeats in self.repeats.values():
            repeats.since, repeats.untold_since = right(repeats.since) or repeats.since, right(repeats.untold_since)

    @classmethod
    def from_bytes(cls, kept: bytes) -> EventMemory:
        """Return the memory that a ring keeps; that of nothing when it cannot be read."""
        try:
            return cls.from_json(ujson.loads(kept or b"{}"))
        except ValueError:
            return cls()

    @classmethod
    def from_json(cls, kept: object) -> EventMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        told: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        found = cls(heard=told.get("heard") is True)
        match told.get("away"):
            case [at, cause] if finite(at) is not None:
                found.away_at, found.away_cause = float(at), cause if isinstance(cause, str) else None
        found.grid = _text(told.get("grid"))
        found.grid_doubt, found.outage = _outage(told.get("grid_doubt")), _outage(told.get("outage"))
        if found.outage is None and found.grid == DOWN:
            found.outage = Outage()
        for place, alerts in _items(told.get("alerts"), MOST_PLACES):
            found.alerts[short(place)] = {short(name): finite(since) for name, since in _items(alerts, MOST_ALERTS)}
        found.labels = {short(place): _text(label) for place, label in _items(told.get("labels"), MOST_PLACES)}
        found.repeats = dict(_repeats(told.get("repeats")))
        found.settings = {
            name: value
            for name, value in _items(told.get("settings"), len(SETTINGS))
            if name in SETTINGS and isinstance(value, (str, float, int, bool))
        }
        for name, row in _items(told.get("commands"), MOST_COMMANDS):
            match row:
                case [value, str(sender), moment] if sender in SENDERS and finite(moment) is not None:
                    found.commands[short(name)] = (value, sender, float(moment))
        found.firmware = _text(told.get("firmware"))
        if isinstance(told.get("units"), Mapping):
            found.units = {short(serial): short(str(label)) for serial, label in _items(told["units"], MOST_UNITS)}
        if isinstance(told.get("resets"), Mapping):
            found.resets = {
                short(name): float(at) for name, at in _items(told["resets"], MOST_RESETS) if finite(at) is not None
            }
        counts = _items(told.get("counts"), len(KINDS))
        found.counts = {kind: count for kind, count in counts if kind in KINDS and type(count) is int and count >= 0}
        found.last_outage_seconds = finite(told.get("last_outage"))
        match told.get("noted"):
            case [boot, [*rows]] if finite(boot) is not None:
                found.boot = float(boot)
                found.noted = dict(_pairs(rows))
        return found


def _outage_row(outage: Outage | None) -> Json:
    if outage is None:
        return None
    # The steady clock of the newest power means nothing after a restart, so the energy has a hole then.
    return [outage.at, outage.exact, outage.purpose, outage.charge_percent, outage.counter_wh]


def _outage(row: object) -> Outage | None:
    match row:
        case [at, exact, purpose, charge, counter]:
            return Outage(finite(at), exact is True, _text(purpose), finite(charge), finite(counter))
    return None


def _repeats(kept: object) -> Iterator[tuple[tuple[str, str], Repeats]]:
    for row in kept[:MOST_REPEATS] if isinstance(kept, list) else []:
        match row:
            case [str(place), str(name), since, int(told), int(untold), began, exact] if finite(since) is not None:
                yield (short(place), short(name)), Repeats(float(since), told, untold, finite(began), exact is True)


def _pairs(rows: list[Any]) -> Iterator[tuple[float, float]]:
    for row in rows[:8]:
        match row:
            case [at, steady] if finite(at) is not None and finite(steady) is not None:
                yield at, steady


def _items(kept: object, most: int) -> list[tuple[str, Any]]:
    return list(kept.items())[:most] if isinstance(kept, Mapping) else []


def _text(value: object) -> str | None:
    return short(value) if isinstance(value, str) else None
