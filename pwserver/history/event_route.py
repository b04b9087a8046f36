"""Answer ``GET /api/events``: the events of one gateway, or of all merged by time. Pure, read only; workers call it.

``from``/``to`` instants (half-open), ``kind`` a comma list, ``gateway`` an id (default: all), ``order`` ``desc`` or
``asc``, ``limit``, ``cursor`` what ``next`` of the answer before said, ``format`` ``json`` or ``csv``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from pwserver import bounds
from pwserver.events.event_query import ORDERS, EventQuery, choose, read_cursor, to_csv, to_json
from pwserver.events.kinds import KINDS
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.history_answer import CSV, JSON, Histories, HistoryAnswer, json_answer, unchanged
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.timeseries import refuse

DEFAULT_LIMIT = 200


def events(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Return the events asked for; 404 for an unknown gateway, 422 for parameters that make no sense."""
    rings = {one.id: histories.events[one.id] for one in histories.gateways if one.id in histories.events}
    name = arguments.get("gateway")
    if name and not any(one.virtual and one.id == name for one in histories.gateways):
        try:
            name = find_gateway(name, rings)
        except UnknownGateway as unknown:
            return json_answer({"detail": str(unknown)}, status=404)
        rings = {name: rings[name]}
    try:
        asked, media = _asked(QueryParameters(arguments), now, list(rings))
    except BadQuery as problem:
        return refuse(problem)
    page = choose(list(rings.values()), asked)
    body = to_csv(page) if media == "csv" else to_json(page)
    etag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    media_type = CSV if media == "csv" else JSON
    return HistoryAnswer(304 if unchanged(etag, match) else 200, media_type, body, etag)


def _asked(query: QueryParameters, now: float, gateways: list[str]) -> tuple[EventQuery, str]:
    start = query.moment("from", -math.inf, now)
    end = query.moment("to", math.inf, now)
    if start > end:
        query.problem("from", "value_error", "must not be after to", query.text("from"))
    kinds = query.words("kind") or []
    if any(kind not in KINDS for kind in kinds):
        query.problem("kind", "value_error", f"known kinds: {', '.join(KINDS)}", ",".join(kinds))
    order = query.choice("order", ORDERS[0], ORDERS)
    limit = query.whole("limit", DEFAULT_LIMIT, bounds.EVENTS)
    media = query.choice("format", "json", ("json", "csv"))
    written = query.text("cursor")
    cursor = read_cursor(written, gateways) if written is not None else {}
    if cursor is None:
        query.problem("cursor", "value_error", "must be what `next` of an answer for these gateways said", written)
    query.check()
    return EventQuery(start, end, [kind.encode() for kind in kinds], order, limit, cursor or {}), media
