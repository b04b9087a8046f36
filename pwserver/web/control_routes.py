"""Serve the control API of both predecessors, as forms for old scripts and as JSON. Each request is judged here.

The order of the checks: where it comes from, body, switch, token, action, value. Only then does a command go to the
poller. Nothing else that a client sends ever reaches a gateway.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from urllib.parse import unquote

from sanic import Blueprint, HTTPResponse, Request
from sanic.exceptions import NotFound

from pwserver import commands
from pwserver.bounds import TARIFF_BYTES
from pwserver.documents.catalogue import gateway_prefix
from pwserver.documents.control_reads import DISABLED
from pwserver.gateway_lookup import find_in_path
from pwserver.json_types import JsonObject
from pwserver.state.controls import CONTROLS
from pwserver.web import auth, control_values
from pwserver.web.auth import WrongToken, header_token, retry_after, too_many
from pwserver.web.command_sender import CommandSender
from pwserver.web.control_answers import acknowledged, form_answer, json_answer, reply
from pwserver.web.control_bodies import is_json, not_an_object, object_of, wants_dry_run
from pwserver.web.control_values import FORM_ACTIONS, JSON_ACTIONS, READABLE, Invalid
from pwserver.web.document_routes import document_response
from pwserver.web.errors import JsonBlueprint, Refusal, error
from pwserver.web.own_names import OwnNames
from pwserver.web.request_query import has_parameter, single
from pwserver.web.sanic_app import App
from pwserver.web.subpath import without_base

MAX_BACKUP = "/control/max_backup"
_MAX_BACKUP_PATH = re.compile(rf"(?:/api/gateways/(?P<segment>[^/]+))?{MAX_BACKUP}/?")


async def by_json(sender: CommandSender, request: Request, gateway: str, action: str) -> HTTPResponse:
    """Carry out one request of the JSON API."""
    body = object_of(sender.authority, request, sender.body_bytes, named(action))
    who = sender.authority.require(request, named(action))
    wants_dry_run(request)  # a mistake in it is reported before anything else is judged
    if action not in JSON_ACTIONS:
        sender.authority.refused(who, named(action), "no such action")
        raise NotFound("Not Found")
    arguments = checked(sender, who, action, lambda: JSON_ACTIONS[action](body))
    command = CONTROLS[action].operation
    return json_answer(await sender.send(request, who, gateway, command, arguments), action)


def checked(sender: CommandSender, who: str, action: str, parse: Callable[[], JsonObject]) -> JsonObject:
    """Return the arguments that ``parse`` finds. Raises a Refusal that states the allowed range."""
    try:
        found = parse()
    except Invalid as invalid:
        sender.authority.refused(who, named(action), "invalid value")
        raise Refusal(400, str(invalid)) from None
    return found


def named(action: str) -> str:
    """Return the name of an action for the log, where no text that a client made up may get to."""
    known = action in JSON_ACTIONS or action in ("tariff", "operation", "health/reset", "notices/test", "backup_events")
    return action if known else "unknown action"


async def by_form(sender: CommandSender, request: Request, gateway: str, action: str, read_target: str) -> HTTPResponse:
    """Carry out one form, as old scripts send them. ``read_target``: the document that an empty value asks for."""
    authority = sender.authority
    if not authority.enabled:
        authority.refused(authority.who(request), named(action), "control is off")
        return reply({"error": DISABLED}, 400)
    try:
        if len(request.body) > sender.body_bytes:
            raise Invalid("Control Command Error: Invalid Request")
        fields = control_values.form_fields(request.body)
    except Invalid as invalid:
        authority.refused(authority.who(request), named(action), "body is no proper form")
        return reply({"error": str(invalid)}, 400)
    token = fields["token"].encode() if fields.get("token") else header_token(request)
    try:
        who = authority.check(request, token, named(action))
    except WrongToken as wrong:
        if wrong.wait_seconds:
            return reply({"error": too_many(wrong)}, 429, retry_after(wrong.wait_seconds))
        return reply({"unauthorized": "Control Command Token Invalid"}, 401)
    if action not in FORM_ACTIONS:
        authority.refused(who, named(action), "no such action")
        return reply({"error": "Invalid Command Action"}, 400)
    if action in READABLE and not fields.get("value"):
        return document_response(request, sender.table, sender.table.entries[read_target])
    try:
        arguments = FORM_ACTIONS[action](fields)
    except Invalid as invalid:
        authority.refused(who, named(action), "invalid value")
        return reply({"error": str(invalid)}, 400)
    command = CONTROLS[action].operation
    return form_answer(await sender.send(request, who, gateway, command, arguments), action)


async def backup_events(sender: CommandSender, request: Request, gateway: str) -> HTTPResponse:
    """Answer GET max_backup with the token: read the events afresh, and clear away one whose time is over."""
    given = single(request, "token")
    try:
        token = given.encode() if given else header_token(request)
        who = sender.authority.check(request, token, "backup_events")
    except WrongToken as wrong:
        if wrong.wait_seconds:
            return reply({"detail": too_many(wrong)}, 429, retry_after(wrong.wait_seconds))
        return reply({"detail": "Invalid control token"}, 401)
    outcome = await sender.send(request, who, gateway, "backup_events", {})
    if outcome.kind == commands.ACKNOWLEDGED:
        return acknowledged(outcome, outcome.result)
    unable = "max_backup requires v1r LAN transport"
    return reply({"error": unable if "requires v1r" in outcome.message else "Failed to get backup events"})


def blueprint(sender: CommandSender) -> Blueprint:
    """Make the routes of the control API."""
    routes = JsonBlueprint("control")

    async def write(request: Request, gateway: str, action: str, prefix: str) -> HTTPResponse:
        json_body = is_json(request)
        if json_body is None or (action == "islanding" and not json_body):
            raise not_an_object()
        if json_body:
            return await by_json(sender, request, gateway, action)
        return await by_form(sender, request, gateway, action, f"{prefix}/control/{action}")

    def known(segment: str) -> str:
        return find_in_path(segment, sender.runtime.shared.gateways)

    async def default(request: Request, action: str = "") -> HTTPResponse:
        action = action or request.path.rpartition("/")[2]
        return await write(request, sender.default_gateway(), action, "")

    # By name as well: some of these paths are documents too, and their routes would hide the general one from POST.
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
        # Two paths are allowed; no other one is ever sent to the gateway.
        if path not in ("operation", "tesla/time_of_use_settings"):
            raise NotFound("Not Found")
        tariff = path != "operation"
        action = "tariff" if tariff else "operation"
        body = object_of(sender.authority, request, TARIFF_BYTES if tariff else sender.body_bytes, action)
        who = sender.authority.require(request, action)
        gateway = known(gateway)
        parse = control_values.tariff if tariff else control_values.raw_operation
        arguments = checked(sender, who, action, lambda: parse(body))
        outcome = await sender.send(request, who, gateway, action, arguments)
        if outcome.kind == commands.NOT_SENT:
            return reply({"detail": f"API call failed or gateway offline: {outcome.message}"}, 503)
        return json_answer(outcome, action)

    @routes.post("/api/tesla/time_of_use_settings")
    async def tariff(request: Request) -> HTTPResponse:
        body = object_of(sender.authority, request, TARIFF_BYTES, "tariff")
        who = sender.authority.require(request, "tariff")
        arguments = checked(sender, who, "tariff", lambda: control_values.tariff(body))
        return json_answer(await sender.send(request, who, sender.default_gateway(), "tariff", arguments), "tariff")

    @routes.post("/health/reset")
    async def reset(request: Request) -> HTTPResponse:
        who = sender.authority.require(request, "health/reset")
        outcome = await sender.send(request, who, "*", "release", {})
        if outcome.kind != commands.ACKNOWLEDGED:
            return json_answer(outcome, "health/reset")
        message = "Fallback state and waiting times reset for all gateways; a wait that one asked for (429) stays"
        return reply({"status": "ok", "message": message})

    @routes.post("/api/notices/test")
    async def try_notices(request: Request) -> HTTPResponse:
        who = sender.authority.require(request, "notices/test")
        wants_dry_run(request)
        outcome = await sender.send(request, who, "*", "notices_test", {})
        if outcome.kind in (commands.NOT_SENT, commands.BUSY):
            return reply({"detail": outcome.message}, 503 if outcome.kind == commands.NOT_SENT else 409)
        return json_answer(outcome, "notices/test")

    return routes


def install(app: App, sender: CommandSender, names: OwnNames) -> None:
    """Add the routes, the check against pages of other sites, and GET of max_backup with the token."""
    web = sender.runtime.config.settings.web
    auth.install(app, sender.authority, web.cors_origins, names)
    base = web.base_path

    @app.on_request
    async def fresh_backup_events(request: Request) -> HTTPResponse | None:
        # Without a token, the route of the document answers this path.
        if request.method != "GET" or not sender.authority.enabled:
            return None
        if "authorization" not in request.headers and not has_parameter(request, "token"):
            return None
        match = _MAX_BACKUP_PATH.fullmatch(without_base(request.path, base))
        if match is None:
            return None
        if unknown := names.unknown_of_request(request):
            # A browser does not say of a GET that a page sent it, so no page may bring a token under a name of its own.
            return error(421, names.explain(unknown))
        segment = match["segment"]
        if segment is None:
            return await backup_events(sender, request, sender.default_gateway())
        return await backup_events(sender, request, find_in_path(segment, sender.runtime.shared.gateways))

    async def open_channel(app: App) -> None:
        sender.open(app.ctx.number, os.getpid())

    app.register_listener(open_channel, "before_server_start")
    app.blueprint(blueprint(sender))
