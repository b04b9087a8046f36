"""Remember alerts from poll to poll: when each was first seen, and which ones ended lately. Bounded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.fact import finite

# The names come from outside and are kept with the history, so every list is bounded.
MOST_ALERTS: Final = 100
MOST_PLACES: Final = 8  # devices that report the same alert
MOST_HEARD: Final = 64  # devices whose last report is remembered
MOST_ENDED: Final = 20
MOST_BYTES: Final = 64  # of a name or a label; all known ones are shorter
RECENT_SECONDS: Final = 600.0  # an alert is known to have begun when first seen if an answer this recent lacked it
ENDED_SECONDS: Final = 7 * 86_400.0  # how long an ended alert is still listed
FORGET_SECONDS: Final = 86_400.0  # after so long without its device, an alert is neither active nor ended

Told = Mapping[str, Sequence[str]]  # name of an alert -> the places that report it


@record(slots=True)
class SeenAlert:
    """Describes an active alert; it ends when all devices in ``places`` have answered without it."""

    since: float  # epoch seconds of the first answer that had it
    exact: bool  # a recent answer did not have it yet
    last: float  # epoch seconds of the last answer that had it
    places: dict[str, str | None]  # place -> its label for people


@record(frozen=True, slots=True)
class EndedAlert:
    """Describes an alert that has ended."""

    name: str
    since: float
    exact: bool
    at: float  # epoch seconds of the first answer without it
    units: tuple[str, ...]
    answer: str  # the name of that answer


@record(slots=True)
class AlertMemory:
    """Remembers the alerts of one gateway; ``heard`` holds when each place last answered, with alerts or without."""

    active: dict[str, SeenAlert] = field(default_factory=dict)
    ended: list[EndedAlert] = field(default_factory=list)  # the newest first, each name once
    heard: dict[str, float] = field(default_factory=dict)

    def note(
        self, told: Told, speaking: Collection[str], labels: Mapping[str, str | None], at: float, answer: str
    ) -> None:
        """Note one answer: ``told`` are the active alerts; any other ends once its places are among ``speaking``."""
        for name, places in told.items():
            self._goes_on(name, places, speaking, labels, at)
        for name in [name for name in self.active if name not in told]:
            self._silent(name, speaking, at, answer)
        self.heard.update(dict.fromkeys(speaking, at))
        if len(self.heard) > MOST_HEARD:
            newest = sorted(self.heard.items(), key=lambda one: (one[1], one[0]))[-MOST_HEARD:]
            self.heard = dict(newest)
        self.ended = [one for one in self.ended if -RECENT_SECONDS <= at - one.at <= ENDED_SECONDS][:MOST_ENDED]

    def _goes_on(
        self, name: str, places: Collection[str], speaking: Collection[str], labels: Mapping[str, str | None], at: float
    ) -> None:
        seen = self.active.get(name)
        if seen is None:
            if len(self.active) >= MOST_ALERTS:
                return
            # Its beginning is known if every place that reports it answered lately without it.
            exact = all(0.0 <= at - self.heard.get(place, -RECENT_SECONDS) <= RECENT_SECONDS for place in places)
            seen = self.active[name] = SeenAlert(at, exact, at, {})
        if seen.since > at + RECENT_SECONDS:  # this machine's clock was ahead when the alert was first seen
            seen.since, seen.exact = at, False
        seen.last = at
        waiting = {place: label for place, label in seen.places.items() if place not in speaking}
        seen.places = dict(list({**{one: labels.get(one) for one in places}, **waiting}.items())[:MOST_PLACES])

    def _silent(self, name: str, speaking: Collection[str], at: float, answer: str) -> None:
        seen = self.active[name]
        if all(place in speaking for place in seen.places):
            units = tuple(sorted({label for label in seen.places.values() if label is not None}))
            del self.active[name]
            over = EndedAlert(name, min(seen.since, at), seen.exact, at, units, short(answer))
            self.ended = [over, *(one for one in self.ended if one.name != name)]
        elif not 0.0 <= at - seen.last <= FORGET_SECONDS:
            del self.active[name]

    def to_json(self) -> JsonObject:
        """Return everything as plain JSON, to be kept with the history."""
        return {
            "active": {name: [one.since, one.exact, one.last, one.places] for name, one in self.active.items()},
            "ended": [[one.name, one.since, one.exact, one.at, list(one.units), one.answer] for one in self.ended],
            "heard": self.heard,
        }

    @classmethod
    def from_json(cls, kept: object) -> AlertMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        members = kept if isinstance(kept, Mapping) else {}
        active, ended, heard = (members.get(name) for name in ("active", "ended", "heard"))
        memory = cls()
        for name, row in list(active.items())[:MOST_ALERTS] if isinstance(active, Mapping) else ():
            match row:
                case [since, bool(exact), last, dict(places)] if _moments(since, last):
                    shown = {short(place): _label(label) for place, label in list(places.items())[:MOST_PLACES]}
                    memory.active[short(name)] = SeenAlert(float(since), exact, float(last), shown)
        for row in ended[:MOST_ENDED] if isinstance(ended, list) else ():
            match row:
                case [str(name), since, bool(exact), at, list(units), str(answer)] if _moments(since, at):
                    labels = tuple(short(str(unit)) for unit in units[:MOST_PLACES])
                    memory.ended.append(EndedAlert(short(name), float(since), exact, float(at), labels, short(answer)))
        for place, at in list(heard.items())[:MOST_HEARD] if isinstance(heard, Mapping) else ():
            if _moments(at):
                memory.heard[short(place)] = float(at)
        return memory


def short(text: str) -> str:
    """Return a text from outside, cut to at most MOST_BYTES in UTF-8."""
    if len(text) <= MOST_BYTES and text.isascii():  # nearly always; encoding each name in each poll would cost more
        return text
    return text.encode("utf-8", "replace")[:MOST_BYTES].decode("utf-8", "ignore")


def _moments(*values: object) -> bool:
    return all(finite(value) is not None for value in values)


def _label(label: object) -> str | None:
    return short(label) if isinstance(label, str) else None
