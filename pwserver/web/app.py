"""Build the Sanic app of the workers. Main builds it once, before any fork, so that all workers share its memory."""

from __future__ import annotations

from sanic import HTTPResponse, Request, Sanic

from pwserver.redaction import Redactor
from pwserver.runtime import Runtime
from pwserver.web import (
    control_routes,
    cors,
    document_routes,
    error_page,
    errors,
    explain_routes,
    gate,
    gate_setup,
    history_routes,
    legacy_routes,
    openapi,
    own_names,
    page_routes,
    representation,
    status_routes,
    stream_routes,
    subpath,
)
from pwserver.web.assets import Assets
from pwserver.web.command_sender import CommandSender
from pwserver.web.document_table import DocumentTable
from pwserver.web.open_streams import OpenStreams
from pwserver.web.own_names import OwnNames
from pwserver.web.sanic_app import App
from pwserver.web.shared_regions import NAMES

# Sanic's own bound on a body. It only has to lie above those of the gate and of the control routes, which are smaller
# and answer with the reason.
MOST_BODY_BYTES = 1 << 20


def create_app(runtime: Runtime, name: str = "pwserver") -> App:
    """Make the app with all routes over the arena of ``runtime``. The worker sets ``app.ctx.number``."""
    settings = runtime.config.settings
    router = subpath.SubpathRouter(settings.web.base_path)
    app: App = Sanic(name, configure_logging=False, router=router)
    app.config.update(
        AUTO_EXTEND=False,  # sanic-ext is used for the API description only, see openapi.py
        ACCESS_LOG=False,
        REQUEST_MAX_SIZE=MOST_BODY_BYTES,
        REQUEST_MAX_HEADER_SIZE=settings.web.max_head_bytes,
        KEEP_ALIVE_TIMEOUT=int(settings.web.idle_timeout_seconds),
        REQUEST_TIMEOUT=int(settings.web.head_timeout_seconds),
        GRACEFUL_SHUTDOWN_TIMEOUT=settings.process.stop_timeout_seconds / 2,
        GRACEFUL_TCP_CLOSE_TIMEOUT=0.5,
        FALLBACK_ERROR_FORMAT="json",
        TOUCHUP=False,  # else Sanic rewrites methods of our protocol classes from their source when it starts
    )
    table = DocumentTable(runtime.shared, runtime.server.default_gateway, runtime.fallbacks)
    app.ctx.runtime = runtime
    app.ctx.table = table
    app.ctx.number = 0
    names = OwnNames(settings.web, runtime.shared.arena.region(NAMES))
    app.ctx.gate = gate_setup.gate_settings(runtime, table, names)
    # Sanic runs middleware for requests in this order and for answers in reverse: secrets are blotted out last, after
    # the CORS headers and preconditions have been added.
    errors.install(app, Redactor(runtime.config.secrets(), runtime.config.public_words() | errors.MEMBERS))
    count_answers(app)
    representation.install(app)
    gate.install(app)
    cors.install(app, settings.web.cors_origins)
    subpath.install(app, settings.web.base_path)
    own_names.install(app, settings.web, names)
    control_routes.install(app, CommandSender(runtime, table), names)
    stream_routes.install(app, OpenStreams(runtime, table, names))
    app.blueprint(document_routes.blueprint(table))
    app.blueprint(explain_routes.blueprint(table))
    app.blueprint(status_routes.blueprint(status_routes.LiveStatus(runtime, table)))
    app.blueprint(legacy_routes.blueprint(settings.process.tls_elsewhere))
    app.blueprint(history_routes.blueprint(runtime.histories, table.gateways))
    assets = Assets()
    app.ctx.error_page = error_page.ErrorPage(
        assets, settings.web.base_path, page_routes.page_headers(assets.page("error"))
    )
    app.blueprint(openapi.blueprint(assets))
    app.blueprint(
        page_routes.blueprint(assets, settings.web, settings.process.tls_elsewhere, len(runtime.identities) > 1)
    )
    return app


def forget_app(app: App) -> None:
    """Let go of ``app``, which no worker is to serve any more: Sanic remembers each by its name."""
    Sanic.unregister_app(app)


def count_answers(app: App) -> None:
    """Count the answers of Sanic in this worker's row of the counters."""
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
