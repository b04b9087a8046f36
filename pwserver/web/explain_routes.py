"""Serve /api/explain, which says where a number of the site document comes from."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import lru_cache

from sanic import Blueprint, HTTPResponse, Request

from pwserver.documents.catalogue import PROVENANCE
from pwserver.documents.encode import to_json
from pwserver.documents.explanations import ExplainedGateway, ExplainedSite
from pwserver.documents.site_documents import VERSION
from pwserver.gateway_lookup import find_gateway
from pwserver.json_types import JsonObject
from pwserver.shared import SITE as SITE_SLOT
from pwserver.web.document_routes import METHODS, SITE, site_gateways, site_target
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import JsonBlueprint
from pwserver.web.request_query import single

MOST_NAMES = 100  # names that an error lists
MOST_SHOWN = 60  # characters of a client's name that are compared and repeated: comparing takes quadratic time


def explain(table: DocumentTable, gateway: str | None, name: str | None) -> tuple[int, JsonObject]:
    """Return status and body. Without a gateway the sum of all is explained; without a name all names are listed."""
    target = SITE if gateway is None else site_target(find_gateway(gateway, site_gateways(table)))
    entry = table.entries[target]
    served = table.read_together([entry, table.internal(entry.slot, PROVENANCE)])
    known = _read(entry.slot == SITE_SLOT, *(bytes(one.body) for one in served))
    about = {"version": VERSION, "gateway": gateway}
    if name is None:
        return 200, {**about, "names": known.names}
    inner = known.of_gateway(name) if isinstance(known, ExplainedSite) else None
    if inner is not None:  # the overview repeats a number of this gateway's own document
        return explain(table, *inner)
    if name not in known.names:
        return 404, {"detail": _unknown(target, name, known.names), "names": known.names[:MOST_NAMES]}
    return 200, {**about, **known.explain(name)}


# Who asks for one number asks for the next one, too: reading the documents is nearly all of the work. Two, because the
# overview repeats numbers of a gateway.
@lru_cache(maxsize=2)
def _read(site: bool, document: bytes, origins: bytes) -> ExplainedSite | ExplainedGateway:
    """Read a site document, and the record of where its numbers come from."""
    return (ExplainedSite if site else ExplainedGateway)(json.loads(document), json.loads(origins))


def _unknown(target: str, name: str, names: list[str]) -> str:
    shown = name if len(name) <= MOST_SHOWN else name[:MOST_SHOWN] + "…"
    close = get_close_matches(name[:MOST_SHOWN], names, 3)
    return f"{target} has no number {shown!r}" + (f"; did you mean {', '.join(close)}?" if close else "")


def blueprint(table: DocumentTable) -> Blueprint:
    """Make the route."""
    routes = JsonBlueprint("explain")

    @routes.route("/api/explain", methods=METHODS)
    async def answer(request: Request) -> HTTPResponse:
        status, body = explain(table, single(request, "gateway") or None, single(request, "name") or None)
        return HTTPResponse(
            to_json(body), status=status, headers={"cache-control": "no-store"}, content_type="application/json"
        )

    return routes
