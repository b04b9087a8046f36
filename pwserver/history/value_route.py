"""Answer ``GET /api/value``: what the energy of a gateway cost, earned and saved, by quarter hours up to years.

Days come from a ring beside the others (``value_days``), quarter hours are worked out when they are asked for.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.archive import Archive
from pwserver.history.days import day_start, local_date, zone
from pwserver.history.history_answer import (
    CSV,
    JSON,
    Histories,
    HistoryAnswer,
    json_answer,
    make_etag,
    to_json,
    unchanged,
)
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.layout import VALUES
from pwserver.history.quarter_hours import days_of_quarters
from pwserver.json_types import JsonObject
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.value import AMOUNTS, RULE, Store, add_up, sums, value_quarter
from pwserver_ext.series import Column, csv_rows, json_objects

QUARTER, DAY, MONTH, YEAR = STEPS = ("15m", "day", "month", "year")
MOST_QUARTER_DAYS = 7  # worked out one by one while a client waits
NO_TARIFF = "No tariff is known, so nothing has a price."
REMEDY = "Give the tariff in a file that PW_TARIFF_FILE names; docs/value.md has examples."
NO_SUM = "Several houses together have no tariff."
SUM_REMEDY = "Ask for one of them by its id: gateway=ID."
_DEFAULT_DAYS = {QUARTER: 0, DAY: 30, MONTH: 365, YEAR: 36525}
_DIGITS = 9
_NAMES = ("cost", "earnings", "fixed", "bill", *AMOUNTS[3:])


class _Rows(NamedTuple):
    """Holds rows of AMOUNTS: when each begins (epoch seconds), its label, and one column for each amount.

    ``labels`` None: the rows are days, and their dates (ordinals) are in ``dates``.
    """

    times: array[float]
    labels: Sequence[str] | None
    columns: Sequence[Sequence[float]]
    dates: array[float] = array("d")


def value(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer ``GET /api/value``.

    200 with the rows, without any where there is no tariff; 404 for an unknown gateway; 422 for parameters that make no
    sense; 503 when the history is switched off.
    """
    if not histories.settings.enabled:
        return json_answer({"detail": "history is switched off"}, status=503)
    if not histories.gateways:
        return json_answer({"detail": "No gateways configured"}, status=503)
    try:
        archive = histories.archives[
            find_gateway(arguments.get("gateway") or histories.default_gateway or "", histories.archives)
        ]
    except UnknownGateway as unknown:
        return json_answer({"detail": str(unknown)}, status=404)
    where = zone(archive.timezone)
    query = QueryParameters(arguments)
    step = query.choice("step", DAY, STEPS)
    form = query.choice("format", "json", ("json", "csv"))
    first, last = _window(query, step, local_date(now, where))
    try:
        query.check()
    except BadQuery as problem:
        return json_answer({"detail": problem.problems}, status=422)
    tariff = histories.tariff(archive.gateway.id)
    ring = archive.rings.get(VALUES)
    source = archive.quarters if step == QUARTER else ring
    # The price of now is a part of the body.
    etag = make_etag(
        archive.gateway.id, source and (source.identity, source.generation), sorted(arguments.items()), first, last,
        archive.timezone, hash(tariff), now // 60, weak=True,
    )  # fmt: skip
    media = CSV if form == "csv" else JSON
    if unchanged(etag, match):
        return HistoryAnswer(304, media, b"", etag)
    rows = _NONE
    if tariff is not None and ring is not None:
        if step == QUARTER:
            rows = _quarters(archive, PriceLookup(tariff, where), first, last)
        else:
            rows = _grouped(_days(archive, first, last), step)
    columns = [_label_column(step, rows)]
    columns += [Column(name, array("d", column), _DIGITS) for name, column in _named(rows.columns)]
    if form == "csv":
        return HistoryAnswer(200, CSV, csv_rows(rows.times, columns[1:], "time"), etag)
    head = _head(archive, tariff, step, now)
    total = (
        {name: _known(sum_) for name, (sum_,) in _named([[each] for each in sums(rows.columns)])}
        if rows.times
        else None
    )
    body = to_json(head)[:-1] + b',"rows":' + json_objects(columns) + b',"total":' + to_json(total) + b"}"
    return HistoryAnswer(200, JSON, body, etag)


def _window(query: QueryParameters, step: str, today: datetime.date) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day that are asked for."""
    start, end = query.day("start"), query.day("end")
    for name, given in (("start", start), ("end", end)):
        if given and not _EARLIEST <= datetime.date.fromisoformat(given) <= _LATEST:
            query.problem(name, "value_error", f"days are from {_EARLIEST} to {_LATEST}", given)
            return today, today
    last = datetime.date.fromisoformat(end) if end else today
    back = max(_EARLIEST.toordinal(), last.toordinal() - _DEFAULT_DAYS[step])
    first = datetime.date.fromisoformat(start) if start else datetime.date.fromordinal(back)
    if first > last:
        query.problem("start", "value_error", "must not be after end", start)
    if step == QUARTER and (last - first).days >= MOST_QUARTER_DAYS:
        query.problem("start", "value_error", f"quarter hours of {MOST_QUARTER_DAYS} days at most", start)
    if start is None and step in (MONTH, YEAR):  # whole ones
        first = first.replace(day=1)
    return first, last


_EARLIEST, _LATEST = datetime.date(1970, 1, 2), datetime.date(2100, 1, 1)
_NONE = _Rows(array("d"), (), [array("d") for _ in AMOUNTS])


def _days(archive: Archive, first: datetime.date, last: datetime.date) -> tuple[array[float], list[array[float]]]:
    """Read the rows of days: their dates (ordinals), and AMOUNTS."""
    # A local day begins at most a day from its UTC day.
    start = (first.toordinal() - 1 - _EPOCH_ORDINAL) * 86400.0
    end = (last.toordinal() + 1 - _EPOCH_ORDINAL) * 86400.0
    wanted = [archive.column(VALUES, name) for name in ("date", *AMOUNTS)]
    _, (dates, *columns) = archive.rings[VALUES].select(start, end, wanted)
    begin, until = 0, len(dates)
    while begin < until and dates[begin] < first.toordinal():
        begin += 1
    while begin < until and dates[until - 1] > last.toordinal():
        until -= 1
    return dates[begin:until], [column[begin:until] for column in columns]


_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()


def _grouped(found: tuple[array[float], list[array[float]]], step: str) -> _Rows:
    """Add days up to months or years; days stay as they are."""
    dates, columns = found
    starts = array("d", [(date - _EPOCH_ORDINAL) * 86400.0 for date in dates])
    if step == DAY:
        return _Rows(starts, None, columns, dates)
    length = {MONTH: 7, YEAR: 4}[step]
    labels = [datetime.date.fromordinal(int(date)).isoformat()[:length] for date in dates]
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    added = [add_up([[column[row] for column in columns] for row in rows]) for rows in groups.values()]
    times = array("d", [starts[rows[0]] for rows in groups.values()])
    return _Rows(times, list(groups), list(zip(*added, strict=True)) or columns)


def _quarters(archive: Archive, lookup: PriceLookup, first: datetime.date, last: datetime.date) -> _Rows:
    """Work out quarter hours; the store of the battery is that of the day before."""
    start = day_start(first, lookup.where)
    end = day_start(last + datetime.timedelta(days=1), lookup.where)
    kept = [archive.column(VALUES, name) for name in ("store_cost", "store_percent")]
    _, (costs, charges) = archive.rings[VALUES].select(-math.inf, math.nextafter(start, -math.inf), kept, 1)
    store = Store(costs[-1], charges[-1]) if costs else Store()
    times, rows = array("d"), []
    for day in days_of_quarters(archive, lookup.where, start, end):
        for quarter in day.quarter_hours():
            times.append(quarter.start)
            rows.append(value_quarter(quarter, lookup.quarter(quarter.start), store))
    labels = [datetime.datetime.fromtimestamp(when, datetime.UTC).isoformat().replace("+00:00", "Z") for when in times]
    return _Rows(times, labels, list(zip(*rows, strict=True)) or _NONE.columns)


def _label_column(step: str, rows: _Rows) -> Column:
    if rows.labels is None:
        return Column(DAY, rows.dates, dates=True)
    return Column("time" if step == QUARTER else step, array("d", range(len(rows.labels))), words=rows.labels)


def _named(columns: Sequence[Sequence[float]]) -> list[tuple[str, Sequence[float]]]:
    """Return the columns of an answer by name: AMOUNTS with the bill among them."""
    cost, earnings, fixed = columns[:3]
    bill = [
        paid - earned + (part if part == part else 0.0)
        for paid, earned, part in zip(cost, earnings, fixed, strict=True)
    ]
    return list(zip(_NAMES, (cost, earnings, fixed, bill, *columns[3:]), strict=True))


def _known(number: float) -> float | None:
    return round(number, 6) if number == number else None


def _head(archive: Archive, tariff: Tariff | None, step: str, now: float) -> JsonObject:
    head: JsonObject = {
        "gateway": archive.gateway.id,
        "timezone": archive.timezone,
        "step": step,
        "currency": None,
        "estimate": True,
        "rule": RULE,
        "notes": [],
        "cause": NO_TARIFF,
        "remedy": REMEDY,
        "price_now": price_now(None, archive.timezone, now),
    }
    if archive.gateway.virtual:
        head |= {"cause": NO_SUM, "remedy": SUM_REMEDY}
    if tariff is not None:
        notes = dict.fromkeys(note for version in tariff.versions for note in version.notes)
        head |= {"currency": tariff.currency, "notes": list(notes), "cause": None, "remedy": None}
        head["price_now"] = price_now(tariff, archive.timezone, now)
    return head


def price_now(tariff: Tariff | None, timezone: str, now: float) -> JsonObject:
    """Write what a kWh costs and earns now, with the names of the periods."""
    if tariff is None:
        return {"buy": None, "sell": None, "buy_period": None, "sell_period": None}
    found = PriceLookup(tariff, zone(timezone)).at(now)
    return {
        "buy": found.buy.per_kwh,
        "sell": found.sell.per_kwh,
        "buy_period": found.buy.period,
        "sell_period": found.sell.period,
    }
