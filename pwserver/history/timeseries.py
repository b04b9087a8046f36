"""Answer the predecessor's ``/api/timeseries/*`` from the rings. Pure functions, read only.

Every route is ``(histories, arguments, now, if_none_match) -> HistoryAnswer``; ``arguments`` are the query's
parameters, ``now`` epoch seconds, ``if_none_match`` the request header as bytes or None.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping
from functools import lru_cache

from pwserver import bounds
from pwserver.history.archive import Archive
from pwserver.history.day_books import (
    BOOK_MEMBERS,
    EPOCH_ORDINAL,
    DayBooks,
    OwnShare,
    book_values,
    own_share,
    read_days,
    sums_over,
)
from pwserver.history.days import local_date, zone
from pwserver.history.fill_memory import told_of_fill
from pwserver.history.history_answer import JSON, Histories, HistoryAnswer, json_answer, make_etag, to_json, unchanged
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.house_sums import add_up
from pwserver.history.layout import AGGREGATE, ENERGIES, POWERS
from pwserver.history.ring_choice import FINE_TO_COARSE, aggregate, before, choose
from pwserver.history.sum_days import read_sum
from pwserver.history.value_figures import value_figures
from pwserver.json_types import JsonMapping
from pwserver.tariff.price_lookup import PriceLookup
from pwserver_ext.rows import complete, largest, pick, split
from pwserver_ext.series import Column, Objects, json_by_date, json_objects, json_rows, object_texts

POINTS = 360
CLOCK_SLACK_SECONDS = 300.0  # a window up to now reaches a little further, as the predecessor's does


def _start(archives: list[Archive], arguments: Mapping[str, str], *more: object) -> bytes:
    """Make a tag of what was recorded and asked; weak, because these bodies also tell the time."""
    asked = sorted(arguments.items())
    return make_etag(*(f"{one.gateway.id} {one.generation}" for one in archives), asked, *more, weak=True)


def _with_sum(histories: Histories, archives: list[Archive]) -> list[Archive]:
    """Return what the days of these houses depend on: their sum is a record of its own, written a little later."""
    record = histories.archives.get(AGGREGATE.id)
    return [*archives, record] if len(archives) > 1 and record is not None else archives


def _not_modified(etag: bytes) -> HistoryAnswer:
    return HistoryAnswer(304, JSON, b"", etag)


def refuse(problem: BadQuery) -> HistoryAnswer:
    """Answer 422 with the list of problems."""
    return json_answer({"detail": problem.problems}, status=422)


# --- days ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _day_members(gateway: str | None) -> Objects:
    """Make the members of an answer about days of a gateway, or of all of them; the first one has the dates."""
    nothing = array("d")
    named = [] if gateway is None else [Column("gateway_id", nothing, words=[gateway])]
    stamps = [Column("last_sample_ts", nothing, 15), Column("updated_at", nothing, 15)]
    energies, more = BOOK_MEMBERS[: len(ENERGIES)], BOOK_MEMBERS[len(ENERGIES) :]
    return Objects([Column("day", nothing, dates=True), *named, *energies, *stamps, *more])


def _day_objects(books: DayBooks, share: OwnShare, gateway: str | None = None) -> Objects:
    """Return the days of a gateway, or of all of them, as they are written."""
    values = book_values(books.columns, share)
    named = [] if gateway is None else [array("d", bytes(8 * len(books.ordinals)))]
    energies, more = values[: len(ENERGIES)], values[len(ENERGIES) :]
    return _day_members(gateway).of([books.ordinals, *named, *energies, books.sampled, books.updated, *more])


_SUM_MEMBERS = Objects([Column("days", array("d"), 15), *BOOK_MEMBERS])


def _sum_text(books: DayBooks, share: OwnShare, oldest: int) -> bytes:
    """Write the sum over the days from row ``oldest`` on."""
    newest = len(books.ordinals)
    sums = sums_over(books, share, array("q", [oldest]), array("q", [newest]))
    return object_texts(_SUM_MEMBERS.of([array("d", [newest - oldest]), *book_values(*sums)]))[0]


_EARLIEST, _LATEST = EPOCH_ORDINAL, datetime.date(2100, 1, 1).toordinal()


def daily(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/daily``: energies by day and gateway, newest day first."""
    try:
        query = QueryParameters(arguments)
        days = query.whole("days", 7, bounds.DAYS)
        start, end = query.day("start"), query.day("end")
        if start and end and start > end:
            query.problem("start", "value_error", "must not be after end", start)
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    if not histories.settings.enabled:
        return json_answer({"enabled": False, "days": [], "last_updated": None})
    archives = histories.real(query.text("gateway"))
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    etag = _start(_with_sum(histories, archives), arguments, today)
    if unchanged(etag, match):
        return _not_modified(etag)
    ranged = start is not None or end is not None
    if ranged:
        first = datetime.date.fromisoformat(start).toordinal() if start else _EARLIEST
        last = datetime.date.fromisoformat(end).toordinal() if end else _LATEST
    else:
        first, last = today.toordinal() - days, _LATEST
    books = [read_days(archive, first, last) for archive in archives]
    shares = [own_share(one.columns) for one in books]
    names = [archive.gateway.id for archive in archives]
    parts = [_day_objects(*part) for part in zip(books, shares, names, strict=True)]
    updated = [when for one in books if not math.isnan(when := largest(one.sampled))]
    tail = b',"last_updated":' + to_json(max(updated, default=None))
    if len(books) == 1:
        shown, share = books[0], shares[0]
    else:
        shown = read_sum(histories, books, first, last)
        share = own_share(shown.columns)
    oldest = 0 if ranged else max(0, len(shown.ordinals) - days)
    tail += b',"sum":' + _sum_text(shown, share, oldest)
    if len(books) > 1:
        tail += b',"totals":[' + b",".join(reversed(object_texts(_day_objects(shown, share))[oldest:])) + b"]"
    body = json_by_date(names, parts, 0 if ranged else days, b'{"enabled":true,"days":', tail + b"}")
    return HistoryAnswer(200, JSON, body, etag)


def today(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/today``: energies of each gateway's own day so far."""
    if not histories.settings.enabled:
        return json_answer({"enabled": False, "gateways": {}})
    archives = histories.real()
    etag = _start(_with_sum(histories, archives), arguments, now // 60)
    if unchanged(etag, match):
        return _not_modified(etag)
    rows: list[bytes] = []
    books: list[DayBooks] = []
    for archive in archives:
        ordinal = local_date(now, zone(archive.timezone)).toordinal()
        found = read_days(archive, ordinal, ordinal)
        books.append(found)
        texts = object_texts(_day_objects(found, own_share(found.columns), archive.gateway.id))
        rows += [to_json(archive.gateway.id) + b":" + text for text in texts]
    body = b'{"enabled":true,"gateways":{' + b",".join(rows) + b'},"server_time":' + to_json(now)
    record = histories.archives.get(AGGREGATE.id)
    if len(books) > 1 and record is not None:
        ordinal = local_date(now, zone(record.timezone)).toordinal()
        both = read_sum(histories, books, ordinal, ordinal)
        texts = object_texts(_day_objects(both, own_share(both.columns)))
        totals = dict(zip(both.ordinals, texts, strict=True))
        body += b',"total":' + totals.get(float(ordinal), b"null")
    value = {
        archive.gateway.id: value_figures(archive, PriceLookup(tariff, zone(archive.timezone)), now).document(now)
        for archive in archives
        if (tariff := histories.tariff(archive.gateway.id)) is not None
    }
    if value:
        body += b',"value":' + to_json(value)
    return HistoryAnswer(200, JSON, body + b"}", etag)


# --- powers --------------------------------------------------------------------------------------------------------

_TREND = ("solar", "load", "battery", "site", "soe")
_KILO = ("solar_kw", "home_kw", "battery_kw", "grid_kw")


def trend(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/trend``: about 360 means over the window, gateways added up."""
    try:
        query = QueryParameters(arguments)
        hours = query.whole("hours", 24, bounds.TREND_HOURS)
        start, end = query.number("start", bounds.EPOCH_SECONDS), query.number("end", bounds.EPOCH_SECONDS)
        fit = query.flag("fit")
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    if not histories.settings.enabled:
        return json_answer({"enabled": False, "points": [], "count": 0})
    archives = histories.real(query.text("gateway"))
    etag = _start(archives, arguments, now // 60)
    if unchanged(etag, match):
        return _not_modified(etag)
    begin = now - hours * 3600.0 if start is None else start
    until = end or now + CLOCK_SLACK_SECONDS
    if fit:
        covered = [found for archive in archives if (found := archive.polls.bounds()) is not None]
        if covered:
            begin, until = min(low for low, _ in covered), max(high for _, high in covered)
    bucket = max(60.0, round(max(60.0, until - begin) / POINTS / 60.0) * 60.0)
    beyond = math.nextafter(until, math.inf) if fit else until  # the newest sample belongs to what fits all of them
    parts = [
        aggregate(archive, choose(archive, begin, bucket, FINE_TO_COARSE[:3]), begin, beyond, _TREND)
        for archive in archives
    ]
    # Nobody is added up on a server without gateways.
    parts = parts or [(array("d"), [array("d") for _ in _TREND])]
    times, values = parts[0] if len(parts) == 1 else add_up(archives, parts, bucket)
    columns = [Column(name, values[index], 7, 0.001) for index, name in enumerate(_KILO)]
    columns.append(Column("battery_level", values[4]))
    points = json_rows(times, columns, "ts", False)
    head = {"enabled": True, "hours": hours, "bucket_seconds": bucket, "start": begin, "end": until}
    return _with_rows(head, "points", points, {"count": len(times), "last_updated": now}, etag)


def _with_rows(head: JsonMapping, name: str, rows: bytes, tail: JsonMapping, etag: bytes) -> HistoryAnswer:
    """Write a JSON object around rows that are already text."""
    opening, closing = json_answer(head).body, json_answer(tail).body
    return HistoryAnswer(200, JSON, opening[:-1] + f',"{name}":'.encode() + rows + b"," + closing[1:], etag)


def samples(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/samples``: the newest polls with all four powers known, oldest first."""
    try:
        query = QueryParameters(arguments)
        start, end = query.number("start", bounds.EPOCH_SECONDS), query.number("end", bounds.EPOCH_SECONDS)
        limit = query.whole("limit", 500, bounds.SAMPLES)
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    if not histories.settings.enabled:
        return json_answer({"enabled": False, "samples": [], "count": 0})
    archives = histories.real(query.text("gateway"))
    etag = _start(archives, arguments)
    if unchanged(etag, match):
        return _not_modified(etag)
    low = -math.inf if start is None else start
    high = math.inf if end is None else before(end)
    times, owners = array("d"), array("d")
    powers = [array("d") for _ in (*POWERS, "soe")]
    for number, archive in enumerate(archives):
        columns = [archive.column("polls", name) for name in (*POWERS, "soe")]
        found, values = archive.polls.select(low, high, columns, limit)
        times.extend(found)
        owners.extend(array("d", [number]) * len(found))
        for power, value in zip(powers, values, strict=True):
            power.extend(value)
    rows = complete(powers[:-1])
    if len(archives) > 1:
        rows = array("q", sorted(rows, key=lambda row: (times[row], owners[row])))
    rows = rows[-limit:]
    site, solar, battery, load, soe = (pick(power, rows) for power in powers)
    written = [
        Column("ts", pick(times, rows), 15),
        Column("solar_w", split(solar)[0]),
        Column("home_w", split(load)[0]),
        Column("battery_charge_w", split(battery)[1]),
        Column("battery_discharge_w", split(battery)[0]),
        Column("grid_import_w", split(site)[0]),
        Column("grid_export_w", split(site)[1]),
        Column("soe", soe),
    ]
    ids = [archive.gateway.id for archive in archives]
    body = json_objects([Column("gateway_id", pick(owners, rows), words=ids), *written])
    return _with_rows({"enabled": True}, "samples", body, {"count": len(rows)}, etag)


# --- status --------------------------------------------------------------------------------------------------------


def status(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/status``: what is kept, and how much of it there is."""
    settings = histories.settings
    archives = histories.real() if settings.enabled else []
    disk_bytes = histories.disk_bytes() if histories.disk_bytes is not None else None
    memory = sum(archive.layout.size_bytes for archive in histories.archives.values())
    names = {gateway.id: gateway.name for gateway in histories.gateways if not gateway.virtual}
    # Only where Tesla's history was asked for: the predecessor has no such member.
    filled = {archive.gateway.id: told for archive in archives if (told := told_of_fill(archive)) is not None}
    body = {
        "enabled": settings.enabled,
        "retention_seconds": int(settings.poll_retention_seconds) if settings.enabled else -1,
        "daily_retention_seconds": int(settings.daily_retention_seconds),
        "db_file": settings.path.rstrip("/").rpartition("/")[2] if settings.enabled and settings.path else None,
        "db_size_bytes": 0 if not settings.enabled else memory if disk_bytes is None else disk_bytes,
        "samples": sum(archive.polls.count for archive in archives),
        "daily_rows": sum(len(read_days(archive, _EARLIEST, _LATEST).ordinals) for archive in archives),
        "signals_enabled": settings.signals_enabled,
        "signal_retention_seconds": int(settings.signal_retention_seconds) if settings.signals_enabled else -1,
        "signal_interval_seconds": int(settings.signal_interval_seconds),
        **_signal_counts(archives),
        **({"fill": filled} if filled else {}),
        "write_failures": 0,
        "writes_pending": 0,
        "write_rejections": 0,
        "gateways": [archive.gateway.id for archive in archives if archive.recorded],
        "gateway_names": names,
        "timezones": {name: archive.timezone for name, archive in histories.archives.items()},
        "first_days": {name: first for name, archive in histories.archives.items() if (first := _first_day(archive))},
    }
    return json_answer(body)


def _first_day(archive: Archive) -> str | None:
    """Return the first recorded day of a house; None where there is none."""
    found = archive.days.bounds()
    return None if found is None else local_date(found[0], zone(archive.timezone)).isoformat()


def _signal_counts(archives: list[Archive]) -> dict[str, int]:
    """Count the device signals: their series, their samples, and their days."""
    stored = [
        bank.column_bounds(column) for archive in archives for bank in archive.signals for column in range(bank.columns)
    ]
    return {
        "signal_series": sum(len(archive.read_notes().series) for archive in archives),
        "signal_samples": sum(found[2] for found in stored if found is not None),
        "signal_daily_rows": sum(_daily_figures(archive) for archive in archives),
    }


def _daily_figures(archive: Archive) -> int:
    """Count the days of device signals, for each series."""
    means = range(archive.signals[0].columns if archive.signals else 0)
    found = [ring.column_bounds(column) for ring in archive.signal_days for column in means]
    return sum(bounds[2] for bounds in found if bounds is not None)
