"""Answer ``GET /api/solar/strings``: energy of every solar string per day, and whether it is weak.

``gateway`` an id (default: all), ``from``/``to`` instants between which the days of ``daily`` begin (default the last
year; half-open), ``format`` ``json`` or ``csv``. Everything but ``daily`` is of now, whatever the window.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.day_window import DayWindow, DeviceAnswer, day_ordinal, day_text, quoted, rounded
from pwserver.history.device_days import DeviceSeries, kept_devices, read_series
from pwserver.history.history_answer import Histories, HistoryAnswer, to_json
from pwserver.history.string_days import STRING, weak_days
from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.string_weakness import (
    NO_NEIGHBOUR,
    NO_SUN,
    OLDEST_DAYS,
    RULE,
    TOO_FEW_DAYS,
    Verdict,
    judge_string,
    weak_neighbours,
    weak_since,
)
from pwserver_ext.rows import pick
from pwserver_ext.series import Column, json_objects

CSV_HEAD: Final = "gateway,string,day,energy_wh,share,weak\n"
_DAY_SECONDS: Final = 86400.0
_WORDS: Final = ("no", "yes")


@record(frozen=True, slots=True)
class StringDays:
    """Holds one string with its days up to now, and what follows from them."""

    name: str
    verdict: Verdict
    since: float | None
    last_judged: float | None
    series: DeviceSeries


def strings_of(archive: Archive, now: float) -> list[StringDays]:
    """Return all strings of a gateway that ever gave something, by name."""
    slots = kept_devices(archive).slots[STRING]
    series = read_series(archive, STRING, slots, -math.inf, now)
    weak_on = weak_days(series)
    return [_judged(name, series[name], now, weak_on, len(slots) > 1) for name in sorted(slots)]


def _judged(
    name: str, series: DeviceSeries, now: float, weak_on: Mapping[float, Collection[str]], neighbours: bool
) -> StringDays:
    share = series.figures["share"]
    rows = [row for row, value in enumerate(share) if value == value]
    days, shares, weak = ([column[row] for row in rows] for column in (series.days, share, series.figures["weak"]))
    if not neighbours:
        return StringDays(name, Verdict(reason=NO_NEIGHBOUR), None, None, series)
    if not days:
        return StringDays(name, Verdict(reason=TOO_FEW_DAYS), None, None, series)
    verdict = judge_string(days, shares, weak, weak_neighbours(name, days, weak_on))
    if now - days[-1] > OLDEST_DAYS * _DAY_SECONDS:
        return StringDays(name, Verdict(reason=NO_SUN), None, days[-1], series)
    return StringDays(name, verdict, weak_since(days, weak) if verdict.weak else None, days[-1], series)


def solar_strings(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/solar/strings``."""
    return DeviceAnswer(STRING, {"rule": RULE}, _gateway, CSV_HEAD, _csv).give(histories, arguments, now, match)


def _gateway(archive: Archive, window: DayWindow) -> bytes:
    texts = [to_json(one.name) + b":" + _described(one, archive, window) for one in strings_of(archive, window.now)]
    head = to_json({"timezone": archive.timezone})
    return head[:-1] + b',"strings":{' + b",".join(texts) + b"}}"


def _described(one: StringDays, archive: Archive, window: DayWindow) -> bytes:
    verdict, zone_name = one.verdict, archive.timezone
    body: JsonObject = {
        "weak": verdict.weak,
        "since": day_text(one.since, zone_name) if one.since is not None else None,
        "share": rounded(verdict.share, 4),
        "earlier_share": rounded(verdict.earlier_share, 4),
        "compared_with": verdict.compared_with,
        "reason": verdict.reason,
        "last_judged_day": day_text(one.last_judged, zone_name) if one.last_judged is not None else None,
    }
    return to_json(body)[:-1] + b',"daily":' + _daily(one, zone_name, window) + b"}"


def _within(one: StringDays, window: DayWindow) -> tuple[array[float], Mapping[str, array[float]]]:
    """Return the days of a window that have an energy."""
    days, energy = one.series.days, one.series.figures["energy_wh"]
    first, last = bisect_left(days, window.start), bisect_left(days, window.end)
    rows = array("q", [row for row in range(first, last) if energy[row] == energy[row]])
    return pick(days, rows), {name: pick(column, rows) for name, column in one.series.figures.items()}


def _daily(one: StringDays, zone_name: str, window: DayWindow) -> bytes:
    days, figures = _within(one, window)
    if not days:
        return b"[]"
    return json_objects(
        [
            Column("day", array("d", [day_ordinal(when, zone_name) for when in days]), dates=True),
            Column("energy_wh", figures["energy_wh"], 7),
            Column("share", figures["share"], 5),
            Column("weak", figures["weak"], words=_WORDS),
        ]
    )


def _csv(archive: Archive, window: DayWindow) -> Iterator[str]:
    for one in strings_of(archive, window.now):
        days, figures = _within(one, window)
        for row, when in enumerate(days):
            energy, share, weak = (figures[name][row] for name in ("energy_wh", "share", "weak"))
            cells = [
                quoted(archive.gateway.id),
                quoted(one.name),
                day_text(when, archive.timezone),
                f"{energy:.1f}",
                "" if share != share else f"{share:.4f}",
                "" if weak != weak else _WORDS[int(weak)],
            ]
            yield ",".join(cells) + "\n"
