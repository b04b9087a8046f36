"""Answer ``GET /api/value``: what the energy of a gateway cost, earned and saved, by quarter hours up to years.

Days come from a ring beside the others (``value_days``), quarter hours are worked out when they are asked for.
"""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Mapping, Sequence

from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.archive import Archive
from pwserver.history.days import local_date, zone
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
from pwserver.history.value_rows import DAY, MONTH, NO_ROWS, QUARTER, STEPS, YEAR, ValueRows
from pwserver.history.value_sum import Houses, priced_houses, rows_of
from pwserver.json_types import JsonObject
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.value import AMOUNTS, RULE, sums
from pwserver_ext.series import Column, csv_rows, json_objects

MOST_QUARTER_DAYS = 7  # worked out one by one while a client waits
_DEFAULT_DAYS = {QUARTER: 0, DAY: 30, MONTH: 365, YEAR: 36525}
_DIGITS = 9
_NAMES = ("cost", "earnings", "fixed", "bill", *AMOUNTS[3:])


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
    houses = priced_houses(histories, archive)
    names = ("quarters",) if step == QUARTER else (VALUES, "days")
    sources = [house.archive.rings[name] for house in houses.priced for name in names]
    # The price of now is a part of the body.
    etag = make_etag(
        archive.gateway.id, [(source.identity, source.generation) for source in sources], sorted(arguments.items()),
        first, last, archive.timezone, [hash(house.tariff) for house in houses.priced], houses.cause, now // 60,
        weak=True,
    )  # fmt: skip
    media = CSV if form == "csv" else JSON
    if unchanged(etag, match):
        return HistoryAnswer(304, media, b"", etag)
    notes: list[str] = []
    rows = NO_ROWS
    if houses.priced:
        rows, notes = rows_of(houses.priced, step, first, last, where)
        notes = [*houses.notes, *notes]
    columns = [_label_column(step, rows)]
    columns += [Column(name, array("d", column), _DIGITS) for name, column in _named(rows.columns)]
    if form == "csv":
        return HistoryAnswer(200, CSV, csv_rows(rows.times, columns[1:], "time"), etag)
    head = _head(archive, houses, step, notes, now)
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


def _label_column(step: str, rows: ValueRows) -> Column:
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


def _head(archive: Archive, houses: Houses, step: str, notes: Sequence[str], now: float) -> JsonObject:
    tariffs = [house.tariff for house in houses.priced]
    texts = [note for tariff in tariffs for version in tariff.versions for note in version.notes]
    # Several houses may have several prices, each with the periods of its own clock.
    tariff = tariffs[0] if len(tariffs) == 1 else None
    return {
        "gateway": archive.gateway.id,
        "timezone": archive.timezone,
        "step": step,
        "currency": tariffs[0].currency if tariffs else None,
        "estimate": True,
        "rule": RULE,
        "notes": list(dict.fromkeys([*texts, *notes])),
        "cause": houses.cause,
        "remedy": houses.remedy,
        "price_now": price_now(tariff, archive.timezone, now),
    }


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
