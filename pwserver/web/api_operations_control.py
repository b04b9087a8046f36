"""Describe the operations of the control API and the streams."""

from __future__ import annotations

from dataclasses import replace

from pwserver.bounds import BACKUP_SECONDS, DISPATCH_SECONDS, DISPATCH_WATTS, RESERVE_PERCENT
from pwserver.documents import schemas
from pwserver.documents.document import JSON
from pwserver.documents.json_schema import ANY, BOOLEAN, STRING, Schema, array, integer, nullable, obj, one_of, string
from pwserver.state.controls import CHOICE, CONTROLS, NUMBER, PRESS, Control
from pwserver.state.operating_settings import EXPORT_RULES, MODES
from pwserver.web.api_operations import FORM, INVALID, ApiOperation, Parameter

TAG = "control"
_MODE = string(values=MODES)
_PERCENT: Schema = {
    "type": "integer",
    "minimum": RESERVE_PERCENT[0],
    "maximum": RESERVE_PERCENT[1],
    "description": "%, the Tesla app's scale",
}
_WATTS: Schema = {"type": "number", "minimum": DISPATCH_WATTS[0], "maximum": DISPATCH_WATTS[1], "description": "W"}
_BACKUP = integer("seconds, {} to {}".format(*BACKUP_SECONDS))
_DISPATCH = integer("seconds, {} to {}".format(*DISPATCH_SECONDS))
_TEXT = "Old scripts send a form with `value` and `token`; its errors have a member `error` or `unauthorized`."
_DRY_RUN = Parameter("dry_run", BOOLEAN, "check the request, but send nothing to the gateway")
_UNACKNOWLEDGED = {
    400: "a value is out of its range, or the form was refused",
    401: "the token is missing or wrong",
    403: "control is switched off",
    404: "there is no such action or gateway",
    409: "another such command is not finished yet",
    413: "the body is too long",
    429: "too many wrong tokens, or too soon after the last such command; `Retry-After` says how long to wait",
    502: "the gateway or Tesla answered, but did not acknowledge the command",
    503: "no connection can carry out this command now",
    504: "the command was sent, but its outcome is not known",
}
# Controls whose body has more, or other, members than a value, and those whose label says too little here.
_OTHER_ACTIONS: dict[str, tuple[str, Schema]] = {
    "reserve": (
        "Sets the backup reserve, and the mode where one is given",
        obj({"value": _PERCENT}, {"mode": _MODE}, more=False),
    ),
    "mode": (
        "Sets the operating mode, and the reserve where one is given",
        obj({"value": _MODE}, {"level": _PERCENT}, more=False),
    ),
    "reserve_hold": ("Sets the reserve to the present charge", obj(more=False)),
    "grid_charging": ("Allows or forbids charging from the grid", obj({"value": BOOLEAN}, more=False)),
    "grid_export": (
        "Sets what may be exported to the grid",
        obj({"value": string(values=EXPORT_RULES)}, more=False),
    ),
    "max_backup": (
        "Charges to full for a time, over v1r only",
        obj({"value": one_of(_BACKUP, string(values=("cancel",)))}, more=False),
    ),
    "islanding": (
        "Leaves or rejoins the grid, over v1r only",
        obj({"value": string(values=("off_grid", "on_grid"))}, {"confirm": BOOLEAN}, more=False),
    ),
    "dispatch": (
        "Charges (-) or discharges (+) with a given power, over v1r only",
        obj({"power_watts": _WATTS, "duration_seconds": _DISPATCH}, more=False),
    ),
    "resume": ("Ends a dispatch, over v1r only", obj(more=False)),
}


def body_of_control(control: Control) -> Schema:
    """Describe the body of a control that takes its value and nothing else."""
    if control.kind == PRESS:
        return obj(more=False)
    if control.kind == CHOICE:
        value = string(values=control.choices)
    elif control.kind == NUMBER:
        value = integer("{}, {} to {}".format(control.unit or "", *(control.range or (0, 0))))
    else:
        value = BOOLEAN
    return obj({"value": value}, more=False)


_ACTIONS: dict[str, tuple[str, Schema]] = {
    name: _OTHER_ACTIONS.get(name) or (f"Commands: {control.label}", body_of_control(control))
    for name, control in CONTROLS.items()
    if name != "tariff"  # it has a path of its own
}
_FORM = obj({"value": STRING, "token": STRING}, {"mode": _MODE, "level": STRING})


def _write(action: str, summary: str, body: Schema) -> ApiOperation:
    return ApiOperation(
        f"/control/{action}",
        summary,
        TAG,
        ANY,
        method="post",
        text=_TEXT,
        parameters=(_DRY_RUN,),
        bodies={JSON: body, FORM: _FORM},
        errors=_UNACKNOWLEDGED,
        statuses=INVALID,
        token=True,
    )


_ID = Parameter("id", STRING, "id of a gateway", place="path")
_WRITES = [_write(action, summary, body) for action, (summary, body) in _ACTIONS.items()]
_STREAM = "Server-Sent Events: one at once and one for every change. Each has the object of "

OPERATIONS = (
    *_WRITES,
    *(
        replace(write, path=f"/api/gateways/{{id}}{write.path}", parameters=(_ID, *write.parameters))
        for write in _WRITES
    ),
    ApiOperation(
        "/api/gateways/{id}/api/{path}", "Writes to one of two paths of the gateway itself", "gateways", ANY,
        method="post", parameters=(_ID, Parameter("path", STRING, "the path below /api", place="path")),
        bodies={JSON: schemas.OBJECT}, errors=_UNACKNOWLEDGED, statuses=INVALID, token=True,
    ),
    ApiOperation(
        "/api/tesla/time_of_use_settings", "Sets the tariff, over a Tesla cloud connection", "tesla", ANY,
        method="post", bodies={JSON: obj({"tou_settings": obj({"tariff_content_v2": schemas.OBJECT})})},
        errors=_UNACKNOWLEDGED, statuses=INVALID, token=True,
    ),
    ApiOperation(
        "/health/reset", "Forgets failures and fallbacks, and connects anew", "server",
        obj({"status": STRING, "message": STRING}), method="post", errors=_UNACKNOWLEDGED, token=True,
    ),
    ApiOperation(
        "/api/notices/test", "Sends a test message to every address that notices go to", "server",
        obj({"addresses": array(obj({
            "name": string("the kind of service and a hash"),
            "sent": nullable({**BOOLEAN, "description": "null: not known yet, `/api/notices` will tell"}),
            "cause": nullable(string("why it was not sent")), "remedy": nullable(string("what helps")),
        }))}),
        {"addresses": [{"name": "ntfy-3f9a1c", "sent": True, "cause": None, "remedy": None}]},
        method="post", parameters=(_DRY_RUN,), errors=_UNACKNOWLEDGED, token=True,
    ),
    ApiOperation(
        "/api/stream", "Live data for browsers and scripts", "aggregate", STRING, media_type="text/event-stream",
        text=f"{_STREAM}`/api/aggregate/`, or of one gateway.",
        parameters=(
            Parameter("gateway", STRING, "id of a gateway; without it, the sum of all"),
            Parameter("document", string(values=("aggregate", "site", "events")),
                      "`site`: the object of `/api/site`, or of `/api/site/{id}`, when it has changed; "
                      "`events`: the newest 20 events, as `/api/events` tells them, when there are new ones"),
        ),
        errors={400: "there is no such document", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 503: "too many streams are open"},
    ),
    ApiOperation(
        "/ws/aggregate", "WebSocket: the object of `/api/aggregate/`, once a second", "aggregate", success=101,
        errors={400: "the handshake is malformed", 403: "the page's origin is not allowed",
                426: "the request is no WebSocket handshake"},
    ),
    ApiOperation(
        "/ws/site", "WebSocket: the object of `/api/site`, when it has changed", "site", success=101,
        parameters=(Parameter("gateway", STRING, "id of a gateway: the object of `/api/site/{id}`"),),
        errors={400: "the handshake is malformed", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 426: "the request is no WebSocket handshake"},
    ),
    ApiOperation(
        "/ws/site/{id}", "WebSocket: the object of `/api/site/{id}`, when it has changed", "site", success=101,
        parameters=(_ID,),
        errors={400: "the handshake is malformed", 403: "the page's origin is not allowed",
                404: "there is no such gateway", 426: "the request is no WebSocket handshake"},
    ),
    ApiOperation(
        "/ws/gateway/{id}", "WebSocket: the object of `/api/gateways/{id}`, once a second", "gateways", success=101,
        parameters=(_ID,),
        errors={400: "the handshake is malformed", 403: "the page's origin is not allowed",
                426: "the request is no WebSocket handshake"},
    ),
)  # fmt: skip
