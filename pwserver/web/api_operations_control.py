"""The part of the API description about the control API and the streams."""

from __future__ import annotations

from dataclasses import replace

from pwserver.bounds import BACKUP_SECONDS, DISPATCH_SECONDS, DISPATCH_WATTS, RESERVE_PERCENT
from pwserver.documents import schemas
from pwserver.documents.document import JSON
from pwserver.documents.json_schema import ANY, BOOLEAN, STRING, Schema, integer, obj, one_of, string
from pwserver.state.operating_settings import EXPORT_RULES, MODES
from pwserver.web.api_operations import FORM, INVALID, ApiOperation, Parameter

TAG = "control"
_MODE = string(values=MODES)
_PERCENT: Schema = {"type": "integer", "minimum": RESERVE_PERCENT[0], "maximum": RESERVE_PERCENT[1],
                    "description": "%, the Tesla app's scale"}  # fmt: skip
_WATTS: Schema = {"type": "number", "minimum": DISPATCH_WATTS[0], "maximum": DISPATCH_WATTS[1], "description": "W"}
_BACKUP = integer("seconds, {} to {}".format(*BACKUP_SECONDS))
_DISPATCH = integer("seconds, {} to {}".format(*DISPATCH_SECONDS))
_TEXT = "Old scripts send a form with `value` and `token`; their errors carry `error` or `unauthorized`."
_DRY_RUN = Parameter("dry_run", BOOLEAN, "check everything and send nothing")
_UNACKNOWLEDGED = {
    400: "a value out of its range, or a form that was refused",
    401: "no token, or a wrong one",
    403: "control is switched off",
    404: "there is no such action or gateway",
    409: "another such command is not finished yet",
    413: "the body is too long",
    429: "too many wrong tokens, or too soon after the last such command; `Retry-After` says for how long",
    502: "the gateway or Tesla answered, but did not acknowledge",
    503: "no connection can write this now",
    504: "sent, but it is not known what became of it",
}
_ACTIONS: dict[str, tuple[str, Schema]] = {
    "reserve": ("Backup reserve, with an optional mode", obj({"value": _PERCENT}, {"mode": _MODE}, more=False)),
    "mode": ("Operating mode, with an optional reserve", obj({"value": _MODE}, {"level": _PERCENT}, more=False)),
    "reserve_hold": ("Hold the present charge as the reserve", obj(more=False)),
    "grid_charging": ("Charging from the grid", obj({"value": BOOLEAN}, more=False)),
    "grid_export": (
        "Exporting to the grid",
        obj({"value": string(values=EXPORT_RULES)}, more=False),
    ),
    "max_backup": (
        "Charge to full for a time, v1r only",
        obj({"value": one_of(_BACKUP, string(values=("cancel",)))}, more=False),
    ),
    "islanding": (
        "Leave or rejoin the grid, v1r only",
        obj({"value": string(values=("off_grid", "on_grid"))}, {"confirm": BOOLEAN}, more=False),
    ),
    "dispatch": (
        "Charge (-) or discharge (+) with a power, v1r only",
        obj({"power_watts": _WATTS, "duration_seconds": _DISPATCH}, more=False),
    ),
    "resume": ("End a dispatch, v1r only", obj(more=False)),
}
_FORM = obj({"value": STRING, "token": STRING}, {"mode": _MODE, "level": STRING})


def _write(action: str, summary: str, body: Schema) -> ApiOperation:
    return ApiOperation(
        f"/control/{action}", summary, TAG, ANY, method="post", text=_TEXT, parameters=(_DRY_RUN,),
        bodies={JSON: body, FORM: _FORM}, errors=_UNACKNOWLEDGED, statuses=INVALID, token=True,
    )  # fmt: skip


_ID = Parameter("id", STRING, "id of a gateway", place="path")
_WRITES = [_write(action, summary, body) for action, (summary, body) in _ACTIONS.items()]
_STREAM = "One event at once and one for every change, as Server-Sent Events: the object of "

OPERATIONS = (
    *_WRITES,
    *(
        replace(write, path=f"/api/gateways/{{id}}{write.path}", parameters=(_ID, *write.parameters))
        for write in _WRITES
    ),
    ApiOperation(
        "/api/gateways/{id}/api/{path}", "Write to one of the gateway's own paths, from a fixed list", "gateways", ANY,
        method="post", parameters=(_ID, Parameter("path", STRING, "the path below /api", place="path")),
        bodies={JSON: schemas.OBJECT}, errors=_UNACKNOWLEDGED, statuses=INVALID, token=True,
    ),
    ApiOperation(
        "/api/tesla/time_of_use_settings", "Set the tariff, over a Tesla cloud connection", "tesla", ANY,
        method="post", bodies={JSON: obj({"tou_settings": obj({"tariff_content_v2": schemas.OBJECT})})},
        errors=_UNACKNOWLEDGED, statuses=INVALID, token=True,
    ),
    ApiOperation(
        "/health/reset", "Forget failures and fallbacks, and connect anew", "server",
        obj({"status": STRING, "message": STRING}), method="post", errors=_UNACKNOWLEDGED, token=True,
    ),
    ApiOperation(
        "/api/stream", "Live data for browsers and scripts", "aggregate", STRING, media_type="text/event-stream",
        text=f"{_STREAM}`/api/aggregate/`, or of one gateway.",
        parameters=(
            Parameter("gateway", STRING, "id of a gateway; without it, the sum of all"),
            Parameter("document", string(values=("aggregate", "site")),
                      "`site`: the object of `/api/site`, or of `/api/site/{id}`, when it has changed"),
        ),
        errors={400: "there is no such document", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 503: "too many streams"},
    ),
    ApiOperation(
        "/ws/aggregate", "WebSocket: the object of `/api/aggregate/`, once a second", "aggregate", success=101,
        errors={400: "no proper handshake", 403: "the page's origin is not allowed", 426: "no handshake at all"},
    ),
    ApiOperation(
        "/ws/site", "WebSocket: the object of `/api/site`, when it has changed", "site", success=101,
        parameters=(Parameter("gateway", STRING, "id of a gateway: the object of `/api/site/{id}`"),),
        errors={400: "no proper handshake", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 426: "no handshake at all"},
    ),
    ApiOperation(
        "/ws/site/{id}", "WebSocket: the object of `/api/site/{id}`, when it has changed", "site", success=101,
        parameters=(_ID,),
        errors={400: "no proper handshake", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 426: "no handshake at all"},
    ),
    ApiOperation(
        "/ws/gateway/{id}", "WebSocket: the object of `/api/gateways/{id}`, once a second", "gateways", success=101,
        parameters=(_ID,),
        errors={400: "no proper handshake", 403: "the page's origin is not allowed", 426: "no handshake at all"},
    ),
)  # fmt: skip
