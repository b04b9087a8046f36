"""Answer ``GET /api/outages``: when the grid was away, of one gateway or of all. Pure, read only; workers call it.

``from``/``to`` instants (half-open): outages of which any is in the window; ``gateway`` an id (default: all); ``limit``
how many at most.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from pwserver import bounds
from pwserver.events.outage_list import find_outages
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.clock_witnesses import steady_seconds
from pwserver.history.history_answer import JSON, Histories, HistoryAnswer, json_answer, to_json, unchanged
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.timeseries import refuse

DEFAULT_LIMIT = 200


def outages(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Return the outages asked for, newest first; 404 for an unknown gateway, 422 for wrong parameters."""
    rings = {one.id: histories.events[one.id] for one in histories.gateways if one.id in histories.events}
    name = arguments.get("gateway")
    if name and not any(one.virtual and one.id == name for one in histories.gateways):
        try:
            rings = {name: rings[find_gateway(name, rings)]}
        except UnknownGateway as unknown:
            return json_answer({"detail": str(unknown)}, status=404)
    query = QueryParameters(arguments)
    start, end = query.moment("from", -math.inf, now), query.moment("to", math.inf, now)
    if start > end:
        query.problem("from", "value_error", "must not be after to", query.text("from"))
    limit = query.whole("limit", DEFAULT_LIMIT, bounds.EVENTS)
    try:
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    steady = steady_seconds()
    found = [one for ring in rings.values() for one in find_outages(ring, steady) if one.overlaps(start, end, now)]
    found.sort(key=lambda one: one.begin if one.begin is not None else one.end or now, reverse=True)
    body = to_json(
        {
            "outages": [one.as_json(now) for one in found[:limit]],
            "count": len(found),
            "seconds": round(sum(one.seconds_in(start, end, now) for one in found), 3),
            "unknown_begins": sum(one.begin is None for one in found),
        }
    )
    etag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    return HistoryAnswer(304 if unchanged(etag, match) else 200, JSON, body, etag)
