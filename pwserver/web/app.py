"""The Sanic app of a worker. Main builds it once, before any fork, so that all workers share its memory."""

from __future__ import annotations

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from pwserver.runtime import Runtime
from pwserver.web import documents, errors, live, pages
from pwserver.web.assets import Assets
from pwserver.web.table import Table

NO_BODY_BYTES = 1 << 20  # the longest request body any route takes


def create_app(runtime: Runtime, name: str = "pwserver") -> Sanic[Any, Any]:
    """All routes over the arena of ``runtime``. ``app.ctx.number`` is set by the worker."""
    settings = runtime.config.settings
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.update(
        ACCESS_LOG=False,
        REQUEST_MAX_SIZE=NO_BODY_BYTES,
        KEEP_ALIVE_TIMEOUT=int(settings["PW_IDLE_TIMEOUT"]),
        REQUEST_TIMEOUT=int(settings["PW_HEAD_TIMEOUT"]),
        GRACEFUL_SHUTDOWN_TIMEOUT=settings["PW_STOP_TIMEOUT"] / 2,
        GRACEFUL_TCP_CLOSE_TIMEOUT=0.5,
        FALLBACK_ERROR_FORMAT="json",
        TOUCHUP=False,
    )
    table = Table(runtime.shared, runtime.server.default_gateway, runtime.fallbacks)
    app.ctx.runtime = runtime
    app.ctx.table = table
    app.ctx.number = 0
    errors.install(app)
    count_answers(app)
    allow_origins(app, settings["CORS_ORIGINS"])
    app.blueprint(documents.blueprint(table))
    app.blueprint(live.blueprint(live.Live(runtime, table)))
    app.blueprint(pages.blueprint(Assets(), settings))
    return app


def count_answers(app: Sanic[Any, Any]) -> None:
    """Keep this worker's row of the counters."""
    shared = app.ctx.runtime.shared
    gets, posts, failed = (shared.counters.index(name) for name in ("gets", "posts", "errors"))

    def count_hit(column: int, status: int) -> None:
        if status < 400:
            shared.hits.add(app.ctx.number, column)

    app.ctx.count_hit = count_hit

    @app.on_response
    async def count(request: Request, response: HTTPResponse) -> None:
        row = app.ctx.number
        shared.counters.add(row, posts if request.method == "POST" else gets)
        if response.status >= 400:
            shared.counters.add(row, failed)


def allow_origins(app: Sanic[Any, Any], origins: tuple[str, ...]) -> None:
    """CORS: ``*`` for anybody and without credentials, or the listed origins with them; and preflights."""
    anybody = "*" in origins

    @app.on_response
    async def add(request: Request, response: HTTPResponse) -> None:
        origin = request.headers.get("origin")
        if anybody:
            response.headers["access-control-allow-origin"] = "*"
        elif origin in origins:
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-allow-credentials"] = "true"
        if not anybody:
            response.headers["vary"] = ", ".join(filter(None, (response.headers.get("vary"), "Origin")))

    @app.options("/<path:path>")
    async def preflight(request: Request, path: str) -> HTTPResponse:
        wanted = request.headers.get("access-control-request-headers", "")
        headers = {"access-control-allow-methods": "GET, HEAD, POST, OPTIONS", "access-control-max-age": "600"}
        if wanted:
            headers["access-control-allow-headers"] = wanted
        return HTTPResponse("OK", headers=headers, content_type="text/plain; charset=utf-8")
