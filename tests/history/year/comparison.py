"""Say where what is recorded of an accelerated year differs from the house's own books."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from statistics import median
from typing import Any, Final

from pwserver.events import kinds
from pwserver.history.health_route import battery_health
from pwserver.history.string_route import solar_strings
from pwserver.history.value_route import value
from tests.history.year.books import MONEY, PARTS, SECONDS
from tests.history.year.gateway import FIRMWARES, HOT, RESERVES
from tests.history.year.house import AGEING_PER_YEAR, NAMEPLATE_WH, SERIALS
from tests.history.year.life import Year
from tests.history.year.plot import HOUR
from tests.history.year.server import GATEWAY

TOLERANCE: Final = 0.005  # of an energy, and of money
# A power that begins just before a poll counts for half the step, and is taken off again when the counter moves next,
# perhaps on another day (docs/energy.md): so much a day may be wrong for each second between polls.
WATTS_AT_ONCE: Final = 2500.0
# A quarter hour knows its lowest and highest charge, not its last (docs/value.md): where the battery turns within it,
# what it is said to end with is up to half a percent of the charge off, however short the polls are. The next quarter
# hours take that back. So much a day of what is carried in the battery, in euros.
TURNED_MONEY: Final = 0.01
TREND_SLACK: Final = 0.1  # percent a year beside the range that is told, which is to hold 95 of 100 trends
FIRST_STEP_DAYS, SURE_STEP_DAYS = 5, 16  # after a step, before and from which it is known
ALL: Final = "all days"


def faults(year: Year) -> list[str]:
    """What the recorded year says otherwise than the house, up to now; none is right."""
    parts = (events, energies, worth, strings, batteries)
    return [fault for part in parts for fault in part(year)]


def happened(year: Year) -> list[tuple[str, float, dict[str, Any]]]:
    """What there was to tell until now, in its order: kind, when, and what the details must say."""
    plot = year.plot
    before, after = FIRMWARES
    low, high = RESERVES
    found: list[tuple[str, float, dict[str, Any]]] = [
        (kinds.FIRMWARE_CHANGED, plot.firmware, {"before": before, "after": after}),
        (kinds.RESERVE_CHANGED, plot.reserve, {"before": low, "after": high, "by": kinds.ELSEWHERE}),
    ]
    for begin, end in plot.outages:
        found.append((kinds.GRID_DOWN, begin, {"purpose": kinds.UNSCHEDULED}))
        found.append((kinds.GRID_UP, end, {"purpose": kinds.UNSCHEDULED}))
    for begin, end in plot.hot:
        found += [(kinds.ALERT_BEGUN, begin, {"alert": HOT}), (kinds.ALERT_ENDED, end, {"alert": HOT})]
    return sorted((one for one in found if one[1] < year.computer.now), key=lambda one: one[1])


def events(year: Year) -> Iterator[str]:
    """Every event once and in order, none invented."""
    told, expected = year.server.store.events[GATEWAY].after(0), happened(year)
    for event, (kind, at, details) in zip(told, expected, strict=False):
        if (
            event.kind != kind
            or not at <= event.at <= at + 3.0 * year.step
            or any(event.details.get(name) != wanted for name, wanted in details.items())
        ):
            yield f"{kind} of {_time(year, at)}: told is {event.kind} at {_time(year, event.at)}, {dict(event.details)}"
    if len(told) != len(expected):
        yield f"{len(told)} events are told, {len(expected)} happened: {[one.kind for one in told]}"


def recorded(year: Year, part: str) -> dict[date, float]:
    """Wh of each day, from the rows of days."""
    archive = year.server.archive
    times, (column,) = archive.days.select(-math.inf, math.inf, [archive.column("days", f"{part}_wh")])
    return {year.books.day(when): energy for when, energy in zip(times, column, strict=True)}


def energies(year: Year) -> Iterator[str]:
    """The energies of each day, and of all days."""
    step_wh = WATTS_AT_ONCE / 2.0 * year.step / HOUR
    days = year.books.energies()
    for part in PARTS:
        truths = {day: parts[part] for day, parts in days.items()}
        yield from _differences(f"{part} (Wh)", recorded(year, part), truths, step_wh)


def asked_worth(year: Year, step: str) -> dict[str, dict[str, float]]:
    """What pwserver says that days, months or years were worth."""
    days = list(year.books.energies())
    arguments = {"step": step, "start": days[0].isoformat(), "end": days[-1].isoformat()}
    answer = json.loads(value(year.server.histories(), arguments, year.computer.now).body)
    return {row[step]: row for row in answer["rows"]}


def worth(year: Year) -> Iterator[str]:
    """Cost, earnings and savings of each day, month and year."""
    step_money = WATTS_AT_ONCE / 2.0 * year.step / HOUR / 1000.0 * 0.6
    truths = year.books.worth(year.prices)
    for step, length, slack in (("day", 10, step_money), ("month", 7, step_money), ("year", 4, step_money)):
        found = asked_worth(year, step)
        for name in (*MONEY, *SECONDS):
            sums: dict[str, float] = {}
            for day, amounts in truths.items():
                label = day.isoformat()[:length]
                sums[label] = sums.get(label, 0.0) + amounts[name]
            told = {label: row[name] for label, row in found.items()}
            turned = TURNED_MONEY if name in ("battery_carried", "battery_savings") else 0.0
            yield from _differences(f"{name} by {step}", told, sums, slack + turned)


def strings(year: Year) -> Iterator[str]:
    """The energy of each string, and on which days which one is weak."""
    answer = json.loads(solar_strings(year.server.histories(), {}, year.computer.now).body)
    found = answer["gateways"][GATEWAY]["strings"]
    step_wh = WATTS_AT_ONCE / 2.0 * year.step / HOUR
    days = year.books.energies()
    truth = year.books.weak_days()
    unread = {year.books.day(at) for at in year.plot.wrong_clock}
    for name, one in found.items():
        gave = {date.fromisoformat(row["day"]): row["energy_wh"] for row in one["daily"]}
        truths = {day: year.books.strings[day][name] for day in days if day not in unread}
        yield from _differences(f"string {name} (Wh)", gave, truths, step_wh)
        told = {row["day"] for row in one["daily"] if row["weak"] == "yes"}
        weak = {day.isoformat() for day, names in truth.items() if name in names and day in days}
        if told != weak:
            yield f"string {name} is weak on {sorted(told)}, by the books on {sorted(weak)}"
    shown = [sorted(names) for _, names in year.weak]
    changes = [sorted(names) for names in _changes(truth, year.books.today)]
    if shown != changes:
        yield f"weak strings are shown as {year.weak}, by the books {changes}"


def _changes(truth: Mapping[date, set[str]], today: date) -> Iterator[set[str]]:
    """Return which strings are weak, whenever that changes; a day is judged when it is over."""
    before: set[str] = set()
    for day, names in truth.items():
        if names != before and day < today:
            before = names
            yield names


def batteries(year: Year) -> Iterator[str]:
    """Full energy of each day, state of health, steps, trend and cycles."""
    answer = json.loads(battery_health(year.server.histories(), {}, year.computer.now).body)["gateways"][GATEWAY]
    told = {day: {**full, "whole": sum(full.values())} for day, full in year.books.full.items()}
    counted = year.house.snapshot().energy.battery_discharged
    stepped = year.books.day(year.plot.firmware)
    for name, one in {**answer["units"], "whole": answer["whole"]}.items():
        units = len(SERIALS) if name == "whole" else 1
        nominal = units * NAMEPLATE_WH
        truths = {day: full[name] for day, full in told.items()}
        gave = {date.fromisoformat(row["day"]): row["full_wh"] for row in one["daily"]}
        over = {day: full for day, full in truths.items() if day < year.books.today}
        yield from _differences(f"full energy of {name}", gave, over, 0.0)
        days = [day for day in truths if (year.books.today - day).days < 30]
        told_steps = [step["day"] for step in one["steps"]]
        age = (year.books.today - stepped).days
        steps = [stepped.isoformat()] if name != SERIALS[0] and age >= SURE_STEP_DAYS else []
        if FIRST_STEP_DAYS <= age < SURE_STEP_DAYS and name != SERIALS[0] and told_steps:
            steps = [stepped.isoformat()]  # it is known sooner or later, as days are looked at by tens
        if steps:
            days = [day for day in days if day >= stepped]
        expected = {
            "health_percent": (median(truths[day] for day in days) / nominal * 100.0, 0.05),
            "cycles": (counted / len(SERIALS) * units / nominal, 0.1),
        }
        for figure, (truth, slack) in expected.items():
            if not abs(one[figure] - truth) <= slack:
                yield f"{figure} of {name}: {one[figure]}, by the books {truth:.3f}"
        if told_steps != steps:
            yield f"steps of {name}: {one['steps']}, by the books {steps}"
        since = max(stepped, year.plot.first_day) if steps else year.plot.first_day
        trend, slope = one["trend_percent_per_year"], -100.0 * AGEING_PER_YEAR
        low, high = one["trend_range_percent_per_year"] or (math.nan, math.nan)
        if (year.books.today - since).days < 90:
            if trend is not None:
                yield f"trend of {name}: {trend} after too few days"
        elif trend is None or not low - TREND_SLACK <= slope <= high + TREND_SLACK:
            yield f"trend of {name}: {trend} ({low} to {high}) % a year, by the books {slope}"
    if set(answer["units"]) != set(SERIALS):
        yield f"units: {sorted(answer['units'])}"


def _differences(what: str, found: Mapping[Any, float], truths: Mapping[Any, float], slack: float) -> Iterator[str]:
    """Compare each truth, and their sum, with what is found; the sum may be off by the slack but once."""
    whole = {ALL: math.fsum(truths.values())}
    told = {**found, ALL: math.fsum(found[key] for key in truths if found.get(key) is not None)}
    for key, truth in {**truths, **whole}.items():
        figure = told.get(key)
        if figure is None or not abs(figure - truth) <= TOLERANCE * abs(truth) + slack:
            yield f"{what} of {key}: {figure}, by the books {truth:.4f}"


def _time(year: Year, seconds: float) -> str:
    return datetime.fromtimestamp(seconds, year.plot.zone).isoformat(sep=" ", timespec="seconds")
