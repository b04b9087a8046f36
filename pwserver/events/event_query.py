"""Choose events of one gateway or several, and write them as JSON or CSV. Bounded by the size of the rings."""

from __future__ import annotations

import csv
import heapq
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from itertools import islice
from typing import Final
from urllib.parse import quote, unquote

import ujson

from pwserver.events.event import utc_time
from pwserver.events.event_ring import EventRing
from pwserver.events.event_slot import EventRow
from pwserver.events.kinds import KINDS, MEMBERS
from pwserver.records import record

NEWEST_FIRST: Final = "desc"
OLDEST_FIRST: Final = "asc"
ORDERS: Final = (NEWEST_FIRST, OLDEST_FIRST)
CSV_COLUMNS: Final = ("time", "timestamp", "gateway", "sequence", "kind", *MEMBERS)

Cursor = Mapping[str, int]  # gateway -> sequence number of the event before which, or after which, one goes on
_Found = tuple[float, EventRing, EventRow]


@record(frozen=True, slots=True)
class EventQuery:
    """Holds a question: which window (half-open, epoch seconds), which kinds (empty: all), from where on."""

    start: float
    end: float
    kinds: Collection[bytes] = ()
    order: str = NEWEST_FIRST
    limit: int = 200
    cursor: Cursor = field(default_factory=dict)


@record(frozen=True, slots=True)
class EventPage:
    """Holds the events that answer a question, and where the next page begins; None at the end of the oldest ones."""

    rows: list[tuple[EventRing, EventRow]]
    next: dict[str, int] | None


def choose(rings: Collection[EventRing], asked: EventQuery) -> EventPage:
    """Return the events of these gateways, merged by time; those of one gateway stay in the order of their numbers."""
    newest_first = asked.order == NEWEST_FIRST
    heads = {ring.gateway: ring.head for ring in rings}
    each = [_of_one(ring, asked, heads[ring.gateway]) for ring in rings]
    merged = each[0] if len(each) == 1 else heapq.merge(*each, key=lambda found: found[0], reverse=newest_first)
    found = list(islice(merged, asked.limit + 1))
    page = [(ring, row) for _, ring, row in found[: asked.limit]]
    more = len(found) > asked.limit
    if newest_first and not more:
        return EventPage(page, None)
    # Where nothing more was found, the next page begins behind what was looked at, found or not.
    reached = {name: asked.cursor.get(name, 0) if more else head for name, head in heads.items()}
    if newest_first:
        reached = {name: asked.cursor.get(name, head + 1) for name, head in heads.items()}
    for ring, row in page:
        reached[ring.gateway] = row.sequence if more else max(row.sequence, reached[ring.gateway])
    return EventPage(page, reached)


def _of_one(ring: EventRing, asked: EventQuery, head: int) -> Iterator[_Found]:
    place = asked.cursor.get(ring.gateway)
    if asked.order == NEWEST_FIRST:
        rows = ring.rows(before=head + 1 if place is None else min(place, head + 1), newest_first=True)
    else:
        rows = ring.rows(after=place or 0, before=head + 1)
    for row in rows:
        if asked.start <= row.at < asked.end and (not asked.kinds or row.kind in asked.kinds):
            yield row.at, ring, row


def write_cursor(cursor: Cursor) -> str:
    """Write a cursor: the number alone for a single gateway, else ``id:number`` of each."""
    if len(cursor) == 1:
        return str(next(iter(cursor.values())))
    return ",".join(f"{quote(name, safe='')}:{place}" for name, place in cursor.items())


def read_cursor(text: str, gateways: Collection[str]) -> dict[str, int] | None:
    """Read what ``write_cursor`` wrote; None when it is none of these gateways."""
    if text.isascii() and text.isdigit() and len(text) <= 18 and len(gateways) == 1:
        return {next(iter(gateways)): int(text)}
    found: dict[str, int] = {}
    for part in text.split(","):
        name, separator, place = part.rpartition(":")
        name = unquote(name)
        if not separator or name not in gateways or not (place.isascii() and place.isdigit() and len(place) <= 18):
            return None
        found[name] = int(place)
    return found


def to_json(page: EventPage) -> bytes:
    """Write the answer; the details are taken as they are stored."""
    rows = b",".join([_json_of(ring.name_json, row) for ring, row in page.rows])
    following = b"null" if page.next is None else ujson.dumps(write_cursor(page.next)).encode()
    return b'{"events":[%b],"count":%d,"next":%b}' % (rows, len(page.rows), following)


def _json_of(gateway: bytes, row: EventRow) -> bytes:
    stamp = utc_time(row.at)
    return b'{"gateway":%b,"sequence":%d,"time":%b,"timestamp":%.3f,"kind":"%b","title":"%b","details":%b}' % (
        gateway,
        row.sequence,
        b"null" if stamp is None else b'"%b"' % stamp.encode(),
        row.at,
        row.kind,
        _TITLES.get(row.kind, row.kind),
        row.details,
    )


_TITLES: Final = {name.encode(): kind.title.encode() for name, kind in KINDS.items()}


def to_csv(page: EventPage) -> bytes:
    """Write the answer as CSV: a header line, a column for every member that any kind has."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for ring, row in page.rows:
        details = ujson.loads(row.details)
        head = (utc_time(row.at), f"{row.at:.3f}", ring.gateway, row.sequence, row.kind.decode())
        writer.writerow((*head, *(_cell(details.get(name)) for name in MEMBERS)))
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
