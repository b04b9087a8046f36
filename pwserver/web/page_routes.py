"""Serve the pages and their files: power flow, console, history, icons, manifest.

All are served from memory. Links are relative, so that the pages work below any prefix. Content-Security-Policy forbids
inline scripts but the one that the power flow begins with, which it names by its hash.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import lru_cache
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.exceptions import NotFound

from pwserver.config.server_settings import STYLES, WebSettings
from pwserver.documents.encode import etag, gzip_twin
from pwserver.web.assets import Asset, Assets
from pwserver.web.errors import JsonBlueprint
from pwserver.web.legacy_routes import redirect, set_cookies
from pwserver.web.representation import Representation, send
from pwserver.web.request_query import query_values

PAGES = {
    "/": "index", "/houses": "houses", "/console": "console", "/history": "history",
    "/server": "server", "/example": "example", "/example.html": "example",
}  # fmt: skip
# Files beside the pages, at addresses that browsers ask for by themselves or that must lie above what they concern.
ROOT_FILES = (
    "favicon.ico", "favicon-16x16.png", "favicon-32x32.png", "manifest.webmanifest", "manifest.de.webmanifest",
    "offline_worker.js",
)  # fmt: skip
# No frame-ancestors, because the power flow is made to be embedded in other sites' pages.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self' ws: wss:; frame-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)


def page_headers(page: str) -> dict[str, str]:
    """Return the head fields of a page, with a policy that allows the scripts that its file holds and no other."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = "".join(f" 'sha256-{b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    return {
        "cache-control": "no-cache",
        "content-security-policy": CONTENT_SECURITY_POLICY.format(hashes=hashes),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
    }


def style_of(request: Request, default: str) -> str:
    """Return the style that the query asks for, or the default; only a known name ever gets into a page."""
    wanted = next(iter(query_values(request).get("style", ())), "") or default
    return wanted if wanted in STYLES else "clear"


def without_slash(path: str, query: str) -> HTTPResponse:
    """Redirect to the page without a slash at the end, which would lead its relative links astray."""
    return redirect(f"../{path.lstrip('/')}{'?' if query else ''}{query}")


def page_representation(text: str) -> Representation:
    """Prepare a page for sending."""
    body = text.encode()
    return Representation(body, gzip_twin(body), etag(body).strip(b'"'), "text/html; charset=utf-8")


def asset_response(request: Request, asset: Asset, cache: str) -> HTTPResponse:
    """Send a file; ``cache``: what Cache-Control says of it."""
    chosen = Representation(asset.body, asset.gzip, asset.etag.strip('"').encode(), asset.media_type)
    return send(request, chosen, {"cache-control": cache, "x-content-type-options": "nosniff"})


def blueprint(assets: Assets, web: WebSettings, cross_site: bool, several: bool = False) -> Blueprint:
    """Make the routes of all pages and files. ``cross_site``: cookies must be good for frames in other sites' pages.

    ``several``: more than one house is configured, so that the pages lead to their list.
    """
    pages = JsonBlueprint("pages")
    seconds = web.browser_cache_seconds
    revalidate = f"public, max-age={seconds}" if seconds else "no-cache"

    @lru_cache(maxsize=len(PAGES) * len(STYLES))
    def shown(name: str, style: str) -> Representation:
        page = assets.page(name).replace("{several}", " data-several" if several else "")
        return page_representation(page.replace("{hash}", assets.hash).replace("{style}", style))

    def page(path: str, name: str) -> Any:
        headers = page_headers(assets.page(name))

        async def handler(request: Request) -> HTTPResponse:
            if path != "/" and request.path.endswith("/"):
                return without_slash(path, request.query_string)
            style = style_of(request, web.style)
            return set_cookies(send(request, shown(name, style), headers), cross_site)

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

    def root_file(name: str) -> Any:
        async def handler(request: Request) -> HTTPResponse:
            return asset_response(request, assets.files[name], revalidate)

        return handler

    for name in ROOT_FILES:
        if name in assets.files:
            pages.add_route(root_file(name), f"/{name}", methods=["GET", "HEAD"], name=name.replace(".", "_"))
    return pages
