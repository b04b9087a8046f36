"""Apply CORS: say which pages of other origins may read answers, and answer preflights for any path."""

from __future__ import annotations

from sanic import HTTPResponse, Request

from pwserver.web.errors import allowed
from pwserver.web.sanic_app import App
from pwserver.web_origins import ANYBODY, judge_origin

MAX_AGE_SECONDS = 600  # Chromium remembers a preflight for two hours at most; ten minutes lets a changed list take hold


def install(app: App, origins: tuple[str, ...]) -> None:
    """Allow every origin, without credentials, where ``*`` is listed; else the listed origins, with credentials."""
    every_origin = ANYBODY in origins

    @app.on_response
    async def add(request: Request, response: HTTPResponse) -> None:
        if every_origin:
            response.headers["access-control-allow-origin"] = "*"
            return
        origin = judge_origin(request.headers)
        if origin is not None and origin.is_listed(origins):
            response.headers["access-control-allow-origin"] = origin.text
            response.headers["access-control-allow-credentials"] = "true"
        # Also where the origin is not listed: a cache must not hand that answer to a page whose origin is.
        response.headers["vary"] = ", ".join(filter(None, (response.headers.get("vary"), "Origin")))

    # Before routing: a preflight is answered for every path, and a route for OPTIONS would hide 404 and 405.
    @app.on_request
    async def preflight(request: Request) -> HTTPResponse | None:
        if request.method != "OPTIONS":
            return None
        methods = allowed(request)
        if not methods and "access-control-request-method" not in request.headers:
            return None  # there is no such path: 404
        headers = {"allow": ", ".join(sorted(methods | {"OPTIONS"}))}
        if "access-control-request-method" in request.headers:
            # Also for a path that does not exist: a preflight that fails would hide the 404 from the page.
            headers["access-control-allow-methods"] = ", ".join(sorted((methods or {"GET", "HEAD"}) | {"OPTIONS"}))
            headers["access-control-max-age"] = str(MAX_AGE_SECONDS)
            # Never what only a proxy may say: many pass on unchanged what a page has written there.
            wanted = request.headers.get("access-control-request-headers", "").split(",")
            names = [name for item in wanted if (name := item.strip()) and not name.lower().startswith("x-forwarded-")]
            if names:
                headers["access-control-allow-headers"] = ", ".join(names)
        return HTTPResponse("OK", headers=headers, content_type="text/plain; charset=utf-8")
