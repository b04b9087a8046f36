"""Judge which notices follow from events and from judged figures. Pure: docs/notices.md has the rules.

Each rule remembers what it has raised, so that each beginning is told once and each end once. What is not known
neither raises nor recovers anything. Events are read from the ring by their numbers: ``RuleMemory.cursor`` is the last
one that was judged, and is kept together with the notices that followed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from pwserver.config.notice_settings import HEALTH, NoticeSettings
from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.json_types import JsonObject
from pwserver.notices.notice import LARGEST, LONGEST_TEXT, LONGEST_TITLE, Notice
from pwserver.records import record
from pwserver.state.alert_meanings import SERIOUS
from pwserver.state.fact import finite

GRID, GATEWAY, ALERT = "grid", "gateway", "alert"
CHARGE_BELOW, CHARGE_ABOVE, BACKUP = "charge_below", "charge_above", "backup"
CHARGE_SLACK_PERCENT: Final = 5.0  # how far beyond its threshold the charge must come back before that is told
BACKUP_SLACK: Final = 1.25  # the same for the time that the batteries last, as a factor
MOST_RAISED: Final = 64  # of one gateway
LONGEST_KEY: Final = 200  # characters


@record(frozen=True, slots=True)
class Place:
    """Says whose notices these are: a gateway, its name for people, and its clock."""

    gateway: str
    name: str
    zone: tzinfo = UTC


@record(frozen=True, slots=True)
class Figures:
    """Holds what a fresh poll says; None where it does not say it. ``steady``: seconds of a clock nobody sets."""

    at: float
    steady: float
    charge_percent: float | None = None
    backup_seconds: float | None = None


@record(slots=True)
class RuleMemory:
    """Remembers what the rules have raised for one gateway. ``passed`` is not kept: a hold begins anew after a kill."""

    cursor: int = 0
    raised: dict[str, float] = field(default_factory=dict)  # key -> when, epoch seconds
    away_at: float | None = None  # since when the gateway is silent
    away_cause: str | None = None
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)  # serial -> day and percent of its newest step
    passed: dict[str, float] = field(default_factory=dict)  # rule -> since when its threshold is passed, steady seconds

    def to_json(self) -> JsonObject:
        """Return what is to be kept as plain JSON."""
        return {
            "cursor": self.cursor,
            "raised": dict(self.raised),
            "away": [self.away_at, self.away_cause],
            "steps": {serial: list(step) for serial, step in self.steps.items()},
        }

    @classmethod
    def from_json(cls, kept: object) -> RuleMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        told: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        cursor, raised, steps = told.get("cursor"), told.get("raised"), told.get("steps")
        found = cls(cursor if isinstance(cursor, int) and 0 <= cursor < LARGEST else 0)
        for key, at in list(raised.items())[:MOST_RAISED] if isinstance(raised, Mapping) else ():
            moment = finite(at)
            if isinstance(key, str) and moment is not None:
                found.raised[key[:LONGEST_KEY]] = moment
        for serial, step in list(steps.items())[:MOST_RAISED] if isinstance(steps, Mapping) else ():
            match step:
                case [day, percent] if (begun := finite(day)) is not None and (more := finite(percent)) is not None:
                    found.steps[str(serial)[:LONGEST_KEY]] = (begun, more)
        match told.get("away"):
            case [at, cause] if finite(at) is not None:
                found.away_at = finite(at)
                found.away_cause = cause if isinstance(cause, str) else None
        return found

    def forget_unwanted(self, rules: tuple[str, ...]) -> None:
        """Drop what rules remember that are no longer wanted: nobody waits for a recovery, nor for what is past."""
        self.raised = {key: at for key, at in self.raised.items() if key.partition(":")[0] in rules}
        if HEALTH not in rules:
            self.steps.clear()


def judge_event(event: Event, place: Place, memory: RuleMemory, settings: NoticeSettings) -> list[Notice]:
    """Return the notices of one event, in the order of the ring; ``memory`` has it behind itself afterwards."""
    memory.cursor = event.sequence
    told = event.details
    if event.kind == kinds.GATEWAY_AWAY:
        memory.away_at, memory.away_cause = event.at, _text(told.get("cause"))
        return []  # it is told of when it has been away for long enough
    if event.kind == kinds.GATEWAY_BACK:
        memory.away_at = memory.away_cause = None
        return _recover(
            GATEWAY,
            place,
            memory,
            event.at,
            "Gateway answers again",
            _lasted(told, "It was silent for", "It gives data again."),
        )
    if event.kind == kinds.GRID_DOWN and GRID in settings.rules:
        purpose = " on purpose" if told.get("purpose") == kinds.SCHEDULED else ""
        text = f"The house is off the grid{purpose}.{_charge(told)}"
        return _raise(GRID, place, memory, event.at, "Grid lost", text)
    if event.kind == kinds.GRID_UP:
        return _recover(
            GRID,
            place,
            memory,
            event.at,
            "Grid back",
            _lasted(told, "It was away for", "The house is on the grid again.") + _charge(told),
        )
    alert, device = _text(told.get("alert")), _text(told.get("unit")) or _text(told.get("device"))
    where = f" at {device}" if device else ""
    key = f"{ALERT}:{alert}:{_text(told.get('device')) or ''}"[:LONGEST_KEY]
    if event.kind == kinds.ALERT_BEGUN and ALERT in settings.rules and told.get("severity") == SERIOUS:
        text = f"{alert}{where}."
        return _raise(key, place, memory, event.at, "Serious alert", text)
    if event.kind == kinds.ALERT_ENDED:
        return _recover(key, place, memory, event.at, "Alert ended", f"{alert}{where} has ended. {_lasted(told)}")
    return []


def judge_silence(place: Place, memory: RuleMemory, now: float, settings: NoticeSettings) -> list[Notice]:
    """Return the notice of a gateway that has been silent for so long, by the clock of this machine."""
    since = memory.away_at
    if since is None or GATEWAY not in settings.rules or now - since < settings.silent_seconds:
        return []
    cause = f" Cause: {memory.away_cause}." if memory.away_cause else ""
    text = f"It has given no data since {_clock(since, place)}.{cause}"
    return _raise(GATEWAY, place, memory, now, "Gateway silent", text)


def judge_figures(seen: Figures, place: Place, memory: RuleMemory, settings: NoticeSettings) -> list[Notice]:
    """Return the notices of thresholds that have been passed for long enough, or are no longer."""
    found: list[Notice] = []
    charge, lasts = seen.charge_percent, seen.backup_seconds
    below, above, short = settings.charge_below_percent, settings.charge_above_percent, settings.backup_below_seconds
    if charge is not None and below is not None and CHARGE_BELOW in settings.rules:
        shown, over = f"The charge is {charge:.0f} %.", charge >= min(100.0, below + CHARGE_SLACK_PERCENT)
        found += _threshold(
            CHARGE_BELOW, charge < below, over, seen, place, memory, settings,
            (f"Charge below {below} %", f"Charge no longer below {below} %"), shown,
        )  # fmt: skip
    if charge is not None and above is not None and CHARGE_ABOVE in settings.rules:
        shown, over = f"The charge is {charge:.0f} %.", charge <= max(0.0, above - CHARGE_SLACK_PERCENT)
        found += _threshold(
            CHARGE_ABOVE, charge > above, over, seen, place, memory, settings,
            (f"Charge above {above} %", f"Charge no longer above {above} %"), shown,
        )  # fmt: skip
    if lasts is not None and short is not None and BACKUP in settings.rules:
        shown, limit = f"The batteries would last for {_span(lasts)}.", _span(short)
        found += _threshold(
            BACKUP, lasts < short, lasts >= short * BACKUP_SLACK, seen, place, memory, settings,
            (f"Backup shorter than {limit}", f"Backup no longer shorter than {limit}"), shown,
        )  # fmt: skip
    return found


def _threshold(
    rule: str,
    passed: bool,
    over: bool,
    seen: Figures,
    place: Place,
    memory: RuleMemory,
    settings: NoticeSettings,
    titles: tuple[str, str],
    text: str,
) -> list[Notice]:
    """Judge one threshold. ``over``: the figure has come back so far that it counts as recovered."""
    begun, ended = titles
    raised = rule in memory.raised
    if not (over if raised else passed):
        memory.passed.pop(rule, None)
        return []
    if seen.steady - memory.passed.setdefault(rule, seen.steady) < settings.hold_seconds:
        return []
    del memory.passed[rule]
    if raised:
        return _recover(rule, place, memory, seen.at, ended, text)
    return _raise(rule, place, memory, seen.at, begun, text)


def _raise(key: str, place: Place, memory: RuleMemory, at: float, title: str, text: str) -> list[Notice]:
    if key in memory.raised or len(memory.raised) >= MOST_RAISED:
        return []
    memory.raised[key] = at
    return [make_notice(key, place, at, title, text)]


def _recover(key: str, place: Place, memory: RuleMemory, at: float, title: str, text: str) -> list[Notice]:
    if memory.raised.pop(key, None) is None:
        return []
    return [make_notice(key, place, at, title, text, recovery=True)]


def make_notice(key: str, place: Place, at: float, title: str, text: str, recovery: bool = False) -> Notice:
    """Make the notice of a rule; ``key`` begins with its name."""
    shown = f"{title} – {place.name}"[:LONGEST_TITLE]
    told = f"{_clock(at, place)} – {text.strip()}"[:LONGEST_TEXT]
    return Notice(place.gateway, key.partition(":")[0], shown, told, at, recovery)


def _clock(at: float, place: Place) -> str:
    """Write a moment by the clock of the house."""
    try:
        return datetime.fromtimestamp(at, place.zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "a time that is not known"


def _lasted(told: Mapping[str, Any], words: str = "It lasted for", unknown: str = "") -> str:
    seconds = finite(told.get("duration_seconds"))
    return unknown if seconds is None else f"{words} {_span(seconds)}."


def _charge(told: Mapping[str, Any]) -> str:
    percent = finite(told.get("charge_percent"))
    return "" if percent is None else f" The charge was {percent:.0f} %."


def _span(seconds: float) -> str:
    """Write a time in its two largest units."""
    minutes = round(seconds / 60.0)
    if minutes < 1:
        return f"{round(seconds)} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join([part for part in parts if part][:2])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
