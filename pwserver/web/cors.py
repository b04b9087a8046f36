"""CORS: who may read answers from a page of another origin, and preflights for any path."""

from __future__ import annotations

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from pwserver.web.errors import allowed
from pwserver.web_origins import ANYBODY, judge_origin

MAX_AGE_SECONDS = 600


def install(app: Sanic[Any, Any], origins: tuple[str, ...]) -> None:
    """``*`` for anybody and without credentials, or the listed origins with them."""
    anybody = ANYBODY in origins

    @app.on_response
    async def add(request: Request, response: HTTPResponse) -> None:
        if anybody:
            response.headers["access-control-allow-origin"] = "*"
            return
        origin = judge_origin(request.headers)
        if origin is not None and origin.is_listed(origins):
            response.headers["access-control-allow-origin"] = origin.text
            response.headers["access-control-allow-credentials"] = "true"
        response.headers["vary"] = ", ".join(filter(None, (response.headers.get("vary"), "Origin")))

    # Before routing has its say: a preflight is answered for every path, as a route of its own would hide 404 and 405.
    @app.on_request
    async def preflight(request: Request) -> HTTPResponse | None:
        if request.method != "OPTIONS":
            return None
        methods = allowed(request)
        if not methods and "access-control-request-method" not in request.headers:
            return None  # nothing is there: 404
        headers = {"allow": ", ".join(sorted(methods | {"OPTIONS"}))}
        if "access-control-request-method" in request.headers:
            # Of what is not there, a page may learn that: a preflight that fails would hide the 404.
            headers["access-control-allow-methods"] = ", ".join(sorted((methods or {"GET", "HEAD"}) | {"OPTIONS"}))
            headers["access-control-max-age"] = str(MAX_AGE_SECONDS)
            wanted = request.headers.get("access-control-request-headers", "")
            if wanted:
                headers["access-control-allow-headers"] = wanted
        return HTTPResponse("OK", headers=headers, content_type="text/plain; charset=utf-8")
