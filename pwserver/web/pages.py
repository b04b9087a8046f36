"""The pages and their files: power flow, console, history, icons. All from memory, all relative, nothing inline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound

from pwserver.config.settings import STYLES
from pwserver.web.assets import Asset, Assets

PAGES = {"/": "index", "/console": "console", "/history": "history", "/example": "example", "/example.html": "example"}
ICONS = ("favicon.ico", "favicon-16x16.png", "favicon-32x32.png")
# Old embeds look for these before they draw; the value is a constant, nobody is logged in.
COOKIES = {"AuthCookie": "1234567890", "UserRecord": "1234567890"}
COOKIE_SECONDS = 315360000
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' ws: wss:; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)


def style_of(request: Request, default: str) -> str:
    """The wanted look: only the known names ever get into a page."""
    wanted = request.args.get("style", default)
    return wanted if wanted in STYLES else "clear"


def set_cookies(response: HTTPResponse, cross_site: bool) -> HTTPResponse:
    """The two cookies of the predecessors; ``cross_site`` for frames below another site's HTTPS (PW_HTTPS=http)."""
    flags = "; Secure; SameSite=None" if cross_site else "; SameSite=Lax"
    for name, value in COOKIES.items():
        response.headers.add("set-cookie", f"{name}={value}; Max-Age={COOKIE_SECONDS}; Path=/{flags}")
    return response


def without_slash(path: str, query: str) -> HTTPResponse:
    """To the page itself: its links are relative to its folder, so a slash too many would lead them astray."""
    location = f"../{path.lstrip('/')}{'?' if query else ''}{query}"
    return HTTPResponse(None, status=307, headers={"location": location, "cache-control": "no-cache"})


def asset_response(request: Request, asset: Asset, cache: str) -> HTTPResponse:
    """``asset`` whole, compressed where the client takes that, or 304."""
    headers = {"cache-control": cache, "etag": asset.etag, "x-content-type-options": "nosniff"}
    if asset.gzip is not None:
        headers["vary"] = "Accept-Encoding"
    if asset.etag in request.headers.get("if-none-match", ""):
        return HTTPResponse(None, status=304, headers=headers)
    body = asset.body
    if asset.gzip is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = asset.gzip
    return HTTPResponse(body, headers=headers, content_type=asset.media_type)


def blueprint(assets: Assets, settings: Mapping[str, Any]) -> Blueprint:
    """Routes of all pages and files. ``settings``: PW_STYLE, PW_BROWSER_CACHE, PW_HTTPS."""
    pages = Blueprint("pages")
    seconds = settings["PW_BROWSER_CACHE"]
    revalidate = f"public, max-age={seconds}" if seconds else "no-cache"
    cross_site = settings["PW_HTTPS"] == "http"

    def page(path: str, name: str) -> Any:
        async def handler(request: Request) -> HTTPResponse:
            if path != "/" and request.path.endswith("/"):
                return without_slash(path, request.query_string)
            style = style_of(request, settings["PW_STYLE"])
            text = assets.page(name).replace("{hash}", assets.hash).replace("{style}", style)
            headers = {"cache-control": "no-cache", "content-security-policy": CONTENT_SECURITY_POLICY,
                       "x-content-type-options": "nosniff", "referrer-policy": "same-origin"}
            return set_cookies(HTTPResponse(text, headers=headers, content_type="text/html; charset=utf-8"), cross_site)

        return handler

    for path, name in PAGES.items():
        if f"{name}.html" in assets.files:
            label = f"page{path.replace('/', '_').replace('.', '_')}"
            pages.add_route(page(path, name), path, methods=["GET", "HEAD"], name=label)

    @pages.route("/static/<path:path>", methods=["GET", "HEAD"])
    async def static(request: Request, path: str) -> HTTPResponse:
        found = assets.get(path)
        if found is None:
            raise NotFound("Not Found")
        asset, forever = found
        return asset_response(request, asset, "public, max-age=31536000, immutable" if forever else revalidate)

    def icon(name: str) -> Any:
        async def handler(request: Request) -> HTTPResponse:
            return asset_response(request, assets.files[name], revalidate)

        return handler

    for name in ICONS:
        if name in assets.files:
            pages.add_route(icon(name), f"/{name}", methods=["GET", "HEAD"], name=name.replace(".", "_"))
    return pages


def install(app: Sanic[Any, Any], assets: Assets, settings: Mapping[str, Any]) -> None:
    """Add all pages to ``app``."""
    app.blueprint(blueprint(assets, settings))
