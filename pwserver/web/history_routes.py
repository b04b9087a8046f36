"""Serve the history over HTTP: /api/timeseries/*, /api/history and /api/events, answered from shared memory."""

from __future__ import annotations

import time
from collections.abc import Container
from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from pwserver.gateway_lookup import find_gateway
from pwserver.history import timeseries
from pwserver.history.event_route import events
from pwserver.history.history_answer import Histories, HistoryAnswer, Route, json_answer
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.history_route import ROUTES
from pwserver.history.outage_route import outages
from pwserver.web import (
    api_operations_devices,
    api_operations_events,
    api_operations_history,
    api_operations_timeseries,
)
from pwserver.web.api_operations_events import EVENTS_PATH, OUTAGES_PATH
from pwserver.web.errors import JsonBlueprint
from pwserver.web.representation import lines
from pwserver.web.request_query import query_values

METHODS = ("GET", "HEAD")
_DESCRIBED = (
    *api_operations_timeseries.OPERATIONS,
    *api_operations_devices.OPERATIONS,
    *api_operations_history.OPERATIONS,
    *api_operations_events.OPERATIONS,
)


def single_values(request: Request, names: Container[str]) -> dict[str, str]:
    """Return the parameters of a request. One of ``names`` that comes twice could mean either, and is refused."""
    given = query_values(request)
    query = QueryParameters({})
    for name, values in given.items():
        if len(values) > 1 and name in names:
            query.problem(name, "value_error", "must be given once only", ", ".join(values))
    query.check()
    return {name: values[-1] for name, values in given.items()}


def response(answer: HistoryAnswer) -> HTTPResponse:
    """Send an answer of the history."""
    headers = {"cache-control": "no-cache" if answer.status < 400 else "no-store"}
    if answer.etag is not None:
        headers["etag"] = answer.etag.decode()
    if answer.step_seconds is not None:
        headers["x-step-seconds"] = f"{answer.step_seconds:.15g}"
    body = None if answer.status == 304 else answer.body
    return HTTPResponse(body, status=answer.status, headers=headers, content_type=answer.media_type)


def blueprint(histories: Histories, gateways: Container[str]) -> Blueprint:
    """Make the routes over these histories. ``gateways``: the ids that may be asked for."""
    routes = JsonBlueprint("history")
    described = {operation.path: operation.names for operation in _DESCRIBED}

    def handler(path: str, route: Route) -> Any:
        names = described.get(path, frozenset())

        async def answer(request: Request) -> HTTPResponse:
            try:
                arguments = single_values(request, names)
            except BadQuery as problem:
                return response(timeseries.refuse(problem))
            if arguments.get("gateway"):
                find_gateway(arguments["gateway"], gateways)
            # Events are in memory that no damaged file can take away.
            trouble = histories.stop_reason() if path not in (EVENTS_PATH, OUTAGES_PATH) else None
            if trouble is not None:
                body = {"detail": f"History is not available: {trouble}. Live data are not affected."}
                return response(json_answer(body, status=503))
            match = b",".join(lines(request, "if-none-match"))
            return response(route(histories, arguments, histories.now(time.time()), match or None))

        return answer

    for path, route in (*ROUTES.items(), (EVENTS_PATH, events), (OUTAGES_PATH, outages)):
        routes.add_route(handler(path, route), path, methods=METHODS, name=path.rpartition("/")[2])
    return routes
