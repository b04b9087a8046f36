"""Describe the operation of the events; their members follow from the table of kinds."""

from __future__ import annotations

from typing import Final

from pwserver.bounds import EVENTS
from pwserver.documents.json_schema import ANY, BOOLEAN, INTEGER, STRING, Schema, array, nullable, number, obj, string
from pwserver.events.event_query import ORDERS
from pwserver.events.kinds import FLAG, KINDS, MEMBERS, NUMBER, TEXT, Member
from pwserver.history.event_route import DEFAULT_LIMIT
from pwserver.web.api_operations import INVALID, ApiOperation, Parameter

TAG: Final = "events"
EVENTS_PATH: Final = "/api/events"
OUTAGES_PATH: Final = "/api/outages"
_INSTANT: Final = "an instant: seconds or milliseconds since 1970, an ISO time, or `now-6h`"

_LIMIT: Final[Schema] = {"type": "integer", "minimum": EVENTS[0], "maximum": EVENTS[1], "default": DEFAULT_LIMIT}


def _schema(member: Member) -> Schema:
    if member.type == NUMBER:
        return nullable(number(member.unit or "", member.sentence))
    if member.type == FLAG:
        return nullable({**BOOLEAN, "description": member.sentence})
    if member.type == TEXT:
        return nullable(string(member.sentence, values=member.words) if member.words else string(member.sentence))
    return {**ANY, "description": member.sentence}


EVENT: Final = obj(
    {
        "gateway": STRING,
        "sequence": INTEGER,
        "time": nullable(STRING),
        "timestamp": number("s"),
        "kind": string(values=tuple(KINDS)),
        "title": STRING,
        "details": obj({}, {name: _schema(member) for name, member in MEMBERS.items()}),
    }
)
_OUTAGE: Final = obj(
    {
        "gateway": STRING,
        "begin": nullable(number("s", "null: the grid was away when it was first looked at")),
        "end": nullable(number("s", "null: it goes on")),
        "duration_seconds": nullable(number("s", "of one that goes on, until now")),
        "charge_begin_percent": nullable(number("%", "on the Tesla app's scale")),
        "charge_end_percent": nullable(number("%", "on the same scale")),
        "home_wh": nullable(number("Wh", "that the house used meanwhile")),
        "purpose": _schema(MEMBERS["purpose"]),
        "exact": _schema(MEMBERS["exact"]),
    }
)
OPERATIONS: Final = (
    ApiOperation(
        EVENTS_PATH, "What happened: outages, alerts, changed settings, silent gateways", TAG,
        obj({"events": array(EVENT), "count": INTEGER, "next": nullable(STRING)}),
        text="Each event once, and only when it is on the disk. `sequence` counts the events of a gateway; `next` is "
             "the cursor of the following page, and with `order=asc` also that of what will happen later. "
             "docs/events.md has the kinds, their members and rules.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("gateway", STRING, "id of a gateway; without it, all of them, merged by time"),
            Parameter("from", STRING, f"{_INSTANT}; without it, from the oldest event on", example="now-30d"),
            Parameter("to", STRING, f"{_INSTANT}; not a part of the window", example="now"),
            Parameter("kind", STRING, "kinds of events, separated by commas; without it, all",
                      example="grid_down,grid_up"),
            Parameter("order", string(values=ORDERS), "`desc` begins with the newest event, `asc` with the oldest"),
            Parameter("limit", _LIMIT, "the largest number of events"),
            Parameter("cursor", STRING, "`next` of the answer before"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors={404: "there is no such gateway"}, statuses=INVALID,
    ),
    ApiOperation(
        OUTAGES_PATH, "When the grid was away, for how long, and how the house did", TAG,
        obj({"outages": array(_OUTAGE), "count": INTEGER,
             "seconds": number("s", "within the window; outages whose begin is not known are not counted"),
             "unknown_begins": INTEGER}),
        text="The events of lost grids put together, newest first: every outage of which any is in the window.",
        parameters=(
            Parameter("gateway", STRING, "id of a gateway; without it, all of them"),
            Parameter("from", STRING, f"{_INSTANT}; without it, from the oldest event on", example="now-30d"),
            Parameter("to", STRING, f"{_INSTANT}; not a part of the window", example="now"),
            Parameter("limit", _LIMIT, "the largest number of outages"),
        ),
        errors={404: "there is no such gateway"}, statuses=INVALID,
    ),
    ApiOperation(
        "/ws/events", "WebSocket: the newest 20 events, when there are new ones", TAG, success=101,
        parameters=(Parameter("gateway", STRING, "id of a gateway; without it, all of them, merged by time"),),
        errors={400: "the handshake is malformed", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 426: "the request is no WebSocket handshake"},
    ),
)  # fmt: skip
