"""Serve documents, one route for each row of the catalogue. The gate answers most requests before Sanic sees them."""

from __future__ import annotations

from collections.abc import Container
from typing import Any
from urllib.parse import quote

from sanic import Blueprint, HTTPResponse, Request

from pwserver.bounds import shown
from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS, gateway_prefix
from pwserver.gateway_lookup import find_gateway, find_in_path
from pwserver.shared import AGGREGATE
from pwserver.web.document_table import DocumentTable, Entry, Forms
from pwserver.web.errors import JsonBlueprint, Refusal
from pwserver.web.representation import Representation, send
from pwserver.web.request_query import has_parameter, single

METHODS = ("GET", "HEAD")
SITE = "/api/site"
BY_ID = frozenset(target.removesuffix("/{id}") for row in GATEWAY_DOCUMENTS if row.by_id for target in row.targets)


def site_target(gateway_id: str) -> str:
    """Return the request target of one gateway's part of the site document."""
    return f"{SITE}/{quote(gateway_id, safe='')}"


def site_gateways(table: DocumentTable) -> list[str]:
    """Return the ids of the gateways that the site document tells about."""
    return [gateway for gateway in table.gateways if site_target(gateway) in table.entries]


def document_response(
    request: Request, table: DocumentTable, entry: Entry, vary: str = "Accept-Encoding"
) -> HTTPResponse:
    """Answer with the present document: 304 when the client has it, its gzip twin when the client takes that."""
    served = table.read(entry)
    headers = {"cache-control": "no-cache"}
    if served.timestamp:
        headers["age"] = str(int(served.age_seconds))
        headers["x-powerwall-timestamp"] = f"{served.timestamp:.3f}"
    request.app.ctx.count_hit(entry.column, served.status)
    tag = served.etag.strip(b'"')
    return send(request, Representation(served.body, served.gzip, tag, entry.media_type, served.status), headers, vary)


def asked(request: Request) -> str | None:
    """Return the name of a gateway in the query, which may be empty; None without one."""
    return single(request, "gateway") if has_parameter(request, "gateway") else None


def in_path(request: Request, segment: str, known: Container[str]) -> str:
    """Return the id of the gateway that the path names. Raises Refusal where the query names another one."""
    name = find_in_path(segment, known)
    other = asked(request)
    if other not in (None, "", name):
        raise Refusal(
            400, f"'gateway' is {shown(other)}, but the path names {shown(name)}: leave it out, or give the same"
        )
    return name


def blueprint(table: DocumentTable) -> Blueprint:
    """Make the routes of all documents, with and without the prefix of a gateway."""
    routes = JsonBlueprint("documents")
    _add_documents(routes, table)
    _add_forms(routes, table)
    _add_gateway_documents(routes, table)
    for plain in sorted(BY_ID):
        name = plain.strip("/").replace("/", "_") + "_of_gateway"
        routes.add_route(_by_id(table, plain), f"{plain}/<gateway:str>", methods=METHODS, name=name)
    return routes


def _add_documents(routes: Blueprint, table: DocumentTable) -> None:
    done: set[str] = set()
    for row in (*GATEWAY_DOCUMENTS, *SITE_DOCUMENTS):
        for target in row.targets:
            plain = target.partition("?")[0].rstrip("/")
            if target in table.entries and plain not in done:
                done.add(plain)
                name = plain.strip("/").replace("/", "_").replace(".", "_")
                handler = _document(table, plain if plain in table.entries else plain + "/")
                routes.add_route(handler, plain, methods=METHODS, name=name)


def _document(table: DocumentTable, plain: str) -> Any:
    special = table.entries.get(f"{plain}?headers")

    async def answer(request: Request) -> HTTPResponse:
        entry = special if special is not None and has_parameter(request, "headers") else None
        return document_response(request, table, _named(request, table, plain, entry or table.entries[plain]))

    return answer


def _named(request: Request, table: DocumentTable, plain: str, entry: Entry) -> Entry:
    """Return the document of the gateway that the query names: no client gets one house's figures as another's."""
    name = asked(request)
    if not name:
        return entry
    own = table.of_gateway(entry, name)
    if own is None and (plain not in BY_ID or name == AGGREGATE):
        return entry  # it tells of all gateways
    name = find_gateway(name, table.gateways)
    return own or table.entries[f"{plain}/{quote(name, safe='')}"]


def _add_forms(routes: Blueprint, table: DocumentTable) -> None:
    """Add the documents of which the client chooses the form."""

    def chooser(forms: Forms) -> Any:
        async def answer(request: Request) -> HTTPResponse:
            wanted = forms.wanted(",".join(request.headers.getall("accept", [])))
            return document_response(request, table, forms.other if wanted else forms.plain, "Accept, Accept-Encoding")

        return answer

    for target, forms in table.forms.items():
        routes.add_route(chooser(forms), target, methods=METHODS, name=target.strip("/"))


def _by_id(table: DocumentTable, plain: str) -> Any:
    async def answer(request: Request, gateway: str) -> HTTPResponse:
        name = in_path(request, gateway, site_gateways(table))
        return document_response(request, table, table.entries[f"{plain}/{quote(name, safe='')}"])

    return answer


def _add_gateway_documents(routes: Blueprint, table: DocumentTable) -> None:
    """Add the documents below the path of a gateway."""

    def below(request: Request, gateway: str, path: str) -> HTTPResponse:
        root = gateway_prefix(in_path(request, gateway, table.gateways))
        entry = table.entries.get(root + path) or table.entries.get(root + path + "/")
        if entry is None:
            raise Refusal(404, "Not Found")
        special = table.entries.get(f"{root}{path}?headers")
        if special is not None and has_parameter(request, "headers"):
            entry = special
        return document_response(request, table, entry)

    @routes.route("/api/gateways/<gateway:str>", methods=METHODS)
    async def whole_gateway(request: Request, gateway: str) -> HTTPResponse:
        return below(request, gateway, "")

    @routes.route("/api/gateways/<gateway:str>/<target:path>", methods=METHODS)
    async def part_of_gateway(request: Request, gateway: str, target: str) -> HTTPResponse:
        return below(request, gateway, f"/{target}".rstrip("/"))

    # By name as well: these paths have routes for POST, which would hide the general one and answer a GET with 405.
    @routes.route("/api/gateways/<gateway:str>/api/<path:path>", methods=METHODS)
    async def api_of_gateway(request: Request, gateway: str, path: str) -> HTTPResponse:
        return below(request, gateway, f"/api/{path}".rstrip("/"))

    @routes.route("/api/gateways/<gateway:str>/control/<action:str>", methods=METHODS)
    async def control_of_gateway(request: Request, gateway: str, action: str) -> HTTPResponse:
        return below(request, gateway, f"/control/{action}")
