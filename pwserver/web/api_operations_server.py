"""Describe the operations about the server itself, its pages and the routes that only old clients call."""

from __future__ import annotations

from pwserver.config.server_settings import STYLES
from pwserver.documents import schemas
from pwserver.documents.json_schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    Schema,
    array,
    integer,
    nullable,
    number,
    obj,
    string,
)
from pwserver.documents.site_schemas import LEFT_OUT
from pwserver.json_types import Json
from pwserver.state.fact import RULES
from pwserver.web.api_operations import HTML, ApiOperation, Parameter

_PAGE_PARAMETERS = (Parameter("style", string(values=STYLES), "the style; any other value means `clear`"),)
_LIVE = obj({"status": STRING})
_READY = obj({"status": schemas.STATE_WORD, "gateways_online": INTEGER})
_NUMBER: dict[str, Schema] = {
    "name": STRING,
    "title": string("the name in words"),
    "unit": nullable(string("of the value; `time` for seconds since 1970; null for a plain number")),
    "value": {"type": ["number", "string", "boolean", "null"], "description": "as the site document has it"},
}
_LOGIN = obj({"email": STRING, "token": STRING, "roles": array(STRING), "loginTime": STRING})

_TIME = nullable(number("s", "seconds since 1970"))
_ADDRESS = obj({
    "name": string("the kind of service and a hash"), "sent": INTEGER, "failed": integer("attempts that failed"),
    "given_up": integer("notices that could not be sent within a day"), "last_sent": _TIME, "last_failed": _TIME,
    "cause": nullable(string("why the last attempt failed; null once one has succeeded")),
    "remedy": nullable(string("what helps")),
})  # fmt: skip
_NOTICES = obj({
    "enabled": BOOLEAN, "rules": array(STRING), "waiting": integer("notices that wait for quiet hours or the bound"),
    "undelivered": integer("messages that have not gone to every address yet"),
    "problem": nullable(string("why nothing can be sent at all")), "remedy": nullable(string("what helps")),
    "addresses": array(_ADDRESS),
})  # fmt: skip
_NOTICES_EXAMPLE: Json = {
    "enabled": True, "rules": ["grid", "gateway", "alert"], "waiting": 0, "undelivered": 0, "problem": None,
    "remedy": None,
    "addresses": [{"name": "ntfy-3f9a1c", "sent": 4, "failed": 0, "given_up": 0, "last_sent": 1750000000.0,
                   "last_failed": None, "cause": None, "remedy": None}],
}  # fmt: skip

OPERATIONS = (
    ApiOperation("/livez", "Tells whether the processes are alive", "server", _LIVE, {"status": "alive"},
              statuses={503: ("the poller shows no sign of life", _LIVE)}),
    ApiOperation("/readyz", "Tells whether there are fresh data", "server", _READY,
              {"status": "healthy", "gateways_online": 1}, statuses={503: ("no gateway is online", _READY)}),
    ApiOperation("/api/notices", "Tells how it stands with the notices to the owner; no address is named", "server",
              _NOTICES, _NOTICES_EXAMPLE),
    ApiOperation("/stats/clear", "Returns the statistics, then begins to count anew", "server", schemas.STATS,
              text="Changes state; it is a GET because the predecessor has it as one."),
    ApiOperation("/stats/clear", "Returns the statistics, then begins to count anew", "server", schemas.STATS,
              method="post"),
    ApiOperation(
        "/api/explain", "Explains where a number of the site document comes from", "site",
        obj(optional={
            "version": INTEGER, "gateway": nullable(STRING), "names": array(STRING), **_NUMBER, "rule": STRING,
            "sentence": string("the rule in words"), "answer": nullable(string("the answer it was read from")),
            "member": nullable(string("its place in that answer")),
            "at": nullable(number("s", "when that answer arrived, seconds since 1970")),
            "set_aside": nullable(string("the value that another answer gave, and why it was not used")),
            "parts": array(obj({"name": STRING}, {**_NUMBER, "gateway": STRING, "gateway_name": nullable(STRING)})),
            "missing": array(STRING), "missing_names": array(STRING),
            "left_out": array(obj(LEFT_OUT, {"gateway_name": nullable(STRING)})),
        }),
        {"version": 1, "gateway": "home", "name": "charge_percent", "value": 78.95, "rule": "app scale",
         "sentence": RULES["app scale"], "answer": "GET /api/system_status/soe", "member": "percentage",
         "at": 1750000000.0, "set_aside": None, "parts": [{"name": "charge_raw_percent", "value": 80.0}]},
        parameters=(
            Parameter("gateway", STRING, "id of a gateway, for `/api/site/{id}`; without it, `site` of `/api/site`"),
            Parameter("name", STRING, "path of the number, `units.1.charge_percent`; without it, all names",
                      example="charge_percent"),
        ),
        errors={404: "there is no such gateway, or no such number: `names` lists what there is"},
    ),
    ApiOperation("/help", "Redirects to the API pages", "pages", success=307),
    ApiOperation("/api/login/Basic", "Fixed answer that old power flow pages need; gives access to nothing", "tesla",
              _LOGIN, method="post"),
    ApiOperation("/api/logout", "Removes the cookies of the login, which give access to nothing", "tesla", obj({})),
    ApiOperation("/api/logout", "Removes the cookies of the login, which give access to nothing", "tesla", obj({}),
              method="post"),
    ApiOperation("/openapi.json", "This description", "pages", {"type": "object"}),
    ApiOperation("/docs", "Swagger UI over this description", "pages", STRING, media_type=HTML),
    ApiOperation("/redoc", "Redoc over this description", "pages", STRING, media_type=HTML),
    *(
        ApiOperation(path, text, "pages", STRING, media_type=HTML, parameters=_PAGE_PARAMETERS)
        for path, text in {
            "/": "Power flow, which other pages can embed",
            "/houses": "List of all houses",
            "/server": "The server itself: processes, gateways' connections, MQTT",
            "/console": "Management console",
            "/history": "History charts",
            "/example": "A page that embeds the power flow",
            "/example.html": "A page that embeds the power flow",
        }.items()
    ),
)  # fmt: skip
