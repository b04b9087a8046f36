"""Writing: the control API of both predecessors, as forms for old scripts and as JSON, each request judged here.

The order of the checks: where it comes from, body, switch, token, action, value. Only then does a command go to the
poller. Nothing else a client sends ever reaches a gateway.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import unquote

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound

from pwserver import commands
from pwserver.bounds import KEY_CHARACTERS, SHOWN_CHARACTERS, TARIFF_BYTES, shown
from pwserver.commands import CommandClient, Outcome
from pwserver.documents.catalogue import gateway_prefix
from pwserver.documents.control_reads import DISABLED
from pwserver.documents.encode import to_json
from pwserver.gateway_lookup import find_in_path
from pwserver.runtime import Runtime
from pwserver.shared import POLLER_ROW
from pwserver.state.controls import CONTROLS
from pwserver.strict_json import NotAnObject, OutOfBounds, read_object
from pwserver.web import auth, control_values
from pwserver.web.address_table import GUESSES, AddressTable
from pwserver.web.auth import Authority, Wrong, header_token, retry_after, too_many
from pwserver.web.control_values import FORM_ACTIONS, JSON_ACTIONS, READABLE, Invalid
from pwserver.web.document_routes import document_response
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import JsonBlueprint, Refusal
from pwserver.web.query_parameters import has_parameter, single
from pwserver.web.representation import check_before_writing
from pwserver.web.subpath import without_base

START_SECONDS = 5.0  # a command that could not start within this is not sent any more
LIMIT_SECONDS = 10.0  # from its start to its end
FORM_TYPE = "application/x-www-form-urlencoded"
YES = frozenset({"", "1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})
DEEPEST_SHOWN = 8  # steps of the path to a member
MAX_BACKUP = "/control/max_backup"
_MAX_BACKUP_PATH = re.compile(rf"(?:/api/gateways/(?P<segment>[^/]+))?{MAX_BACKUP}/?")


class Control:
    """What the routes share."""

    def __init__(self, runtime: Runtime, table: DocumentTable) -> None:
        settings = runtime.config.settings
        self.runtime = runtime
        self.table = table
        guesses = AddressTable(runtime.shared.arena.region(GUESSES), runtime.workers)
        self.authority = Authority(settings, runtime.config.control_enabled, guesses)
        self.body_bytes = settings["PW_MAX_CONTROL_BODY"]
        self.dispatch_seconds = max(LIMIT_SECONDS, settings["PW_TIMEOUT"] + 5.0)
        self.client: CommandClient | None = None

    def open(self, number: int, pid: int) -> None:
        """In the worker, before it serves: listen for the poller's answers."""
        shared = self.runtime.shared
        self.client = CommandClient(self.runtime.channel.workers[number], shared.beats, POLLER_ROW, pid)

    def default_gateway(self) -> str:
        """The gateway of the unprefixed routes, ready for a command."""
        default = self.runtime.server.default_gateway
        if default is None:
            raise Refusal(503, "No gateways configured")
        return default

    async def send(self, request: Request, who: str, gateway: str, action: str, arguments: dict[str, Any]) -> Outcome:
        """Hand a validated command to the poller, and wait for what became of it."""
        assert self.client is not None
        if request.method == "POST":  # GET of max_backup reads
            check_before_writing(request, self._present_tag(request, gateway))
        key = request.headers.get("idempotency-key", "")
        if len(key) > KEY_CHARACTERS:
            raise Refusal(400, f"Idempotency-Key must not be longer than {KEY_CHARACTERS} characters")
        return await self.client.carry_out(
            gateway,
            action,
            arguments,
            who=who,
            start_seconds=START_SECONDS,
            limit_seconds=self.dispatch_seconds if action in ("dispatch", "resume") else LIMIT_SECONDS,
            dry_run=wants_dry_run(request),
            key=f"{gateway} {key}" if key else "",
        )

    def _present_tag(self, request: Request, gateway: str) -> bytes | None:
        """Find the tag of the document that has the same path as this write; None where there is none."""
        path = unquote(without_base(request.path, self.runtime.config.settings["PROXY_BASE_URL"])).rstrip("/")
        if path.startswith("/api/gateways/"):
            path = f"{gateway_prefix(gateway)}/{path.split('/', 4)[4]}"
        entry = self.table.entries.get(path)
        served = None if entry is None else self.table.read(entry)
        return served.etag.strip(b'"') if served is not None and served.status == 200 else None


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """JSON that nobody keeps."""
    more = {"cache-control": "no-store", **(headers or {})}
    return HTTPResponse(to_json(body), status=status, headers=more, content_type="application/json")


def acknowledged(outcome: Outcome, body: Any) -> HTTPResponse:
    """Success; the header names what the next polls still have to confirm."""
    headers = {"x-powerwall-via": outcome.via}
    if outcome.pending:
        headers["x-powerwall-pending"] = ", ".join(outcome.pending)
    return reply(body, 200, headers)


def failure(outcome: Outcome, action: str) -> tuple[int, Any, dict[str, str]]:
    """Status, detail and headers for what was not acknowledged."""
    failed = f"Control operation failed for {action}"
    if outcome.kind == commands.UNKNOWN:
        return 504, outcome.message, {}
    if outcome.kind in (commands.BUSY, commands.REPEATED):
        return 409, outcome.message, {}
    if outcome.kind == commands.COOLING:
        return 429, outcome.message, retry_after(outcome.retry_after_seconds)
    if outcome.kind == commands.NO_GATEWAY:
        return 404, outcome.message, {}
    if outcome.kind == commands.REFUSED and action == "islanding" and outcome.result is not None:
        message = "The gateway did not acknowledge islanding. Check grid status before retrying."
        return 502, {"message": message, "response": outcome.result}, {}
    if outcome.kind == commands.REFUSED and action == "tariff" and isinstance(outcome.result, dict):
        told = outcome.result.get("ERROR") or outcome.result.get("error")
        return (502, str(told), {}) if told else (503, f"{failed}: {outcome.message}", {})
    if outcome.kind == commands.REFUSED:
        return 503, f"{failed}: {outcome.message}", {}
    whole = "requires" in outcome.message or "unavailable" in outcome.message
    return 503, outcome.message if whole else f"{failed}: {outcome.message}", {}


def json_answer(outcome: Outcome, action: str) -> HTTPResponse:
    """What the JSON API says."""
    if outcome.kind == commands.ACKNOWLEDGED:
        return acknowledged(outcome, outcome.result)
    if outcome.kind == commands.DRY_RUN:
        return reply({**outcome.result, "action": action, "over": outcome.via})
    status, detail, headers = failure(outcome, action)
    return reply({"detail": detail}, status, headers)


def form_answer(outcome: Outcome, action: str) -> HTTPResponse:
    """What old scripts look for: the member ``error``, or a status of 400 and more."""
    if outcome.kind == commands.ACKNOWLEDGED:
        done = {action: "Set Successfully"}
        return acknowledged(outcome, done if action in ("grid_charging", "grid_export") else outcome.result)
    if outcome.kind == commands.DRY_RUN:
        return json_answer(outcome, action)
    status, detail, headers = failure(outcome, action)
    return reply({"error": detail}, 400 if status in (502, 503) else status, headers)


def wants_dry_run(request: Request) -> bool:
    """Is ``?dry_run`` there? Whoever writes it means it: only a clear no is taken for one."""
    value = single(request, "dry_run")
    if value is not None and value.lower() not in YES | NO:
        raise Refusal(400, f"'dry_run' must be 1 or 0, not {shown(value)}")
    return value is not None and value.lower() in YES


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_json(request: Request) -> bool | None:
    """Is the body JSON, or a form? None: neither."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or (media.startswith("application/") and media.endswith("+json")):
        return True
    if media == FORM_TYPE:
        return False
    return request.body[:1] in (b"{", b"[") if not media else None


def object_of(control: Control, request: Request, longest: int, what: str) -> dict[str, Any]:
    """The JSON object in the body, or a Refusal."""
    authority = control.authority
    if len(request.body) > longest:
        authority.refused(authority.who(request), what, "body too long")
        raise Refusal(413, f"the body must not be longer than {longest} bytes")
    try:
        return read_object(request.body)
    except OutOfBounds as problem:
        authority.refused(authority.who(request), what, "body out of bounds")
        raise out_of_bounds(problem) from None
    except NotAnObject:
        authority.refused(authority.who(request), what, "body is no JSON object")
        raise not_an_object() from None


def out_of_bounds(problem: OutOfBounds) -> Refusal:
    """422 that names the member. Names are what the client made up, so they are shortened."""
    path: list[str | int] = list(problem.path)
    if len(path) > DEEPEST_SHOWN:
        path[DEEPEST_SHOWN - 1 : -1] = ["…"]
    where = [step if isinstance(step, int) else _name(step) for step in path]
    message = f"{'.'.join(map(str, where)) or 'the body'} {problem}"
    loc = ["body", *where]
    return Refusal(422, [{"type": "value_error", "loc": loc, "msg": message}])


def not_an_object() -> Refusal:
    """422, in the shape validation errors have always had here. What was sent is not repeated: it may hold a token."""
    return Refusal(422, [{"type": "dict_type", "loc": ["body"], "msg": "Input should be a valid dictionary"}])


def _name(step: str) -> str:
    return step[:SHOWN_CHARACTERS].encode("utf-8", "replace").decode()


async def by_json(control: Control, request: Request, gateway: str, action: str) -> HTTPResponse:
    """One request of the JSON API."""
    body = object_of(control, request, control.body_bytes, named(action))
    who = control.authority.require(request, named(action))
    wants_dry_run(request)  # a slip in it is told before anything else is looked at
    if action not in JSON_ACTIONS:
        control.authority.refused(who, named(action), "no such action")
        raise NotFound("Not Found")
    arguments = checked(control, who, action, lambda: JSON_ACTIONS[action](body))
    command = CONTROLS[action].operation
    return json_answer(await control.send(request, who, gateway, command, arguments), action)


def checked(control: Control, who: str, action: str, parse: Any) -> dict[str, Any]:
    """The arguments, or a Refusal that states the allowed range."""
    try:
        found: dict[str, Any] = parse()
    except Invalid as invalid:
        control.authority.refused(who, named(action), "invalid value")
        raise Refusal(400, str(invalid)) from None
    return found


def named(action: str) -> str:
    """An action's name for the log: what clients make up does not get there."""
    known = action in JSON_ACTIONS or action in ("tariff", "operation", "health/reset", "backup_events")
    return action if known else "unknown action"


async def by_form(control: Control, request: Request, gateway: str, action: str, read_target: str) -> HTTPResponse:
    """One request of an old script."""
    authority = control.authority
    if not authority.enabled:
        authority.refused(authority.who(request), named(action), "control is off")
        return reply({"error": DISABLED}, 400)
    try:
        if len(request.body) > control.body_bytes:
            raise Invalid("Control Command Error: Invalid Request")
        fields = control_values.form_fields(request.body)
    except Invalid as invalid:
        authority.refused(authority.who(request), named(action), "body is no proper form")
        return reply({"error": str(invalid)}, 400)
    token = fields["token"].encode() if fields.get("token") else header_token(request)
    try:
        who = authority.check(request, token, named(action))
    except Wrong as wrong:
        if wrong.wait_seconds:
            return reply({"error": too_many(wrong)}, 429, retry_after(wrong.wait_seconds))
        return reply({"unauthorized": "Control Command Token Invalid"}, 401)
    if action not in FORM_ACTIONS:
        authority.refused(who, named(action), "no such action")
        return reply({"error": "Invalid Command Action"}, 400)
    if action in READABLE and not fields.get("value"):
        return document_response(request, control.table, control.table.entries[read_target])
    try:
        arguments = FORM_ACTIONS[action](fields)
    except Invalid as invalid:
        authority.refused(who, named(action), "invalid value")
        return reply({"error": str(invalid)}, 400)
    command = CONTROLS[action].operation
    return form_answer(await control.send(request, who, gateway, command, arguments), action)


async def backup_events(control: Control, request: Request, gateway: str) -> HTTPResponse:
    """GET max_backup with the token: read afresh, and an event whose time is over is cleared away."""
    given = single(request, "token")
    try:
        token = given.encode() if given else header_token(request)
        who = control.authority.check(request, token, "backup_events")
    except Wrong as wrong:
        if wrong.wait_seconds:
            return reply({"detail": too_many(wrong)}, 429, retry_after(wrong.wait_seconds))
        return reply({"detail": "Invalid control token"}, 401)
    outcome = await control.send(request, who, gateway, "backup_events", {})
    if outcome.kind == commands.ACKNOWLEDGED:
        return acknowledged(outcome, outcome.result)
    unable = "max_backup requires v1r LAN transport"
    return reply({"error": unable if "requires v1r" in outcome.message else "Failed to get backup events"})


def blueprint(control: Control) -> Blueprint:
    """The routes."""
    routes = JsonBlueprint("control")

    async def write(request: Request, gateway: str, action: str, prefix: str) -> HTTPResponse:
        json_body = is_json(request)
        if json_body is None or (action == "islanding" and not json_body):
            raise not_an_object()
        if json_body:
            return await by_json(control, request, gateway, action)
        return await by_form(control, request, gateway, action, f"{prefix}/control/{action}")

    def known(segment: str) -> str:
        return find_in_path(segment, control.runtime.shared.gateways)

    async def default(request: Request, action: str = "") -> HTTPResponse:
        action = action or request.path.rpartition("/")[2]
        return await write(request, control.default_gateway(), action, "")

    # By name as well: the paths that are documents have routes of their own, which would hide the general one.
    for action in sorted(READABLE | {"status"}):
        routes.add_route(default, f"/control/{action}", methods=["POST"], name=f"write_{action}")
    routes.add_route(default, "/control/<action:str>", methods=["POST"], name="write")

    @routes.post("/api/gateways/<gateway:str>/control/<action:str>")
    async def of_gateway(request: Request, gateway: str, action: str) -> HTTPResponse:
        gateway = known(gateway)
        return await write(request, gateway, unquote(action), gateway_prefix(gateway))

    @routes.post("/api/gateways/<gateway:str>/api/<path:path>")
    async def raw(request: Request, gateway: str, path: str) -> HTTPResponse:
        path = unquote(path)
        # An allow-list of two; every other path is unknown here and stays unknown to the gateway.
        if path not in ("operation", "tesla/time_of_use_settings"):
            raise NotFound("Not Found")
        tariff = path != "operation"
        action = "tariff" if tariff else "operation"
        body = object_of(control, request, TARIFF_BYTES if tariff else control.body_bytes, action)
        who = control.authority.require(request, action)
        gateway = known(gateway)
        parse = control_values.tariff if tariff else control_values.raw_operation
        arguments = checked(control, who, action, lambda: parse(body))
        outcome = await control.send(request, who, gateway, action, arguments)
        if outcome.kind == commands.NOT_SENT:
            return reply({"detail": f"API call failed or gateway offline: {outcome.message}"}, 503)
        return json_answer(outcome, action)

    @routes.post("/api/tesla/time_of_use_settings")
    async def tariff(request: Request) -> HTTPResponse:
        body = object_of(control, request, TARIFF_BYTES, "tariff")
        who = control.authority.require(request, "tariff")
        arguments = checked(control, who, "tariff", lambda: control_values.tariff(body))
        return json_answer(await control.send(request, who, control.default_gateway(), "tariff", arguments), "tariff")

    @routes.post("/health/reset")
    async def reset(request: Request) -> HTTPResponse:
        who = control.authority.require(request, "health/reset")
        outcome = await control.send(request, who, "*", "release", {})
        if outcome.kind != commands.ACKNOWLEDGED:
            return json_answer(outcome, "health/reset")
        message = "Fallback state and waiting times reset for all gateways; a wait that one asked for (429) stays"
        return reply({"status": "ok", "message": message})

    return routes


def install(app: Sanic[Any, Any], control: Control) -> None:
    """All of it: routes, the check for other sites' pages, and the token of GET max_backup."""
    auth.install(app, control.authority, control.runtime.config.settings["CORS_ORIGINS"])
    base = control.runtime.config.settings["PROXY_BASE_URL"]

    @app.on_request
    async def fresh_backup_events(request: Request) -> HTTPResponse | None:
        # The documents' route answers this path; only with a token is it more than a document.
        if request.method != "GET" or not control.authority.enabled:
            return None
        if "authorization" not in request.headers and not has_parameter(request, "token"):
            return None
        match = _MAX_BACKUP_PATH.fullmatch(without_base(request.path, base))
        if match is None:
            return None
        segment = match["segment"]
        if segment is None:
            return await backup_events(control, request, control.default_gateway())
        return await backup_events(control, request, find_in_path(segment, control.runtime.shared.gateways))

    async def open_channel(app: Sanic[Any, Any]) -> None:
        control.open(app.ctx.number, os.getpid())

    app.register_listener(open_channel, "before_server_start")
    app.blueprint(blueprint(control))
