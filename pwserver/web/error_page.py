"""Show people an error as a page, where programs get JSON: for a path that does not exist, and when the server fails.

The page is chosen by the Accept header: a browser that opens an address names ``text/html``; scripts, ``fetch`` and
curl do not. The words for a status stand here, the detail is that of the JSON answer.
"""

from __future__ import annotations

import re
from html import escape
from http import HTTPStatus
from typing import Final, NamedTuple

from sanic import HTTPResponse, Request
from sanic.exceptions import InvalidHeader

from pwserver.web.assets import Assets
from pwserver.web.errors import Failure
from pwserver.web.subpath import without_base

HTML: Final = "text/html; charset=utf-8"
PLACE: Final = re.compile(r"\{([a-z]+)\}")


class Words(NamedTuple):
    """Holds what a person reads: what happened, and what to do; other languages find theirs by ``kind``."""

    kind: str
    title: str
    advice: str


NOT_FOUND: Final = Words("missing", "There is nothing at this address", "Check its spelling, or choose a page above.")
BUSY: Final = Words("busy", "This is not available just now", "Wait a moment and load the page again.")
FAILED: Final = Words(
    "failed",
    "The server made a mistake",
    "Load the page again. If it stays so, the server's log says why; please report it with those lines.",
)


class ErrorPage:
    """Makes the page of an error.

    ``base``: the sub-path of ``PROXY_BASE_URL``, without a slash at its end. ``headers``: what every page is sent with.
    """

    def __init__(self, assets: Assets, base: str, headers: dict[str, str]) -> None:
        self._text = assets.page("error").replace("{hash}", assets.hash)
        self._base = base
        self._headers = headers

    def show(self, request: Request, failure: Failure) -> HTTPResponse | None:
        """Return the page for ``failure``; None where the client is a program or its status is none for people."""
        words = words_for(failure.status)
        if words is None or not is_browser(request):
            return None
        # Relative, because a proxy may serve all this below a prefix that it takes off.
        root = "../" * (without_base(request.path, self._base).count("/") - 1) or "./"
        said = "" if failure.detail == HTTPStatus(failure.status).phrase else str(failure.detail)
        values = {"kind": words.kind, "title": words.title, "advice": words.advice}
        values |= {"root": root, "status": str(failure.status), "detail": said}
        page = PLACE.sub(lambda place: escape(values[place[1]]), self._text)
        headers = {**failure.headers, **self._headers, "cache-control": "no-store"}
        return HTTPResponse(page.encode(), failure.status, headers, HTML)


def words_for(status: int) -> Words | None:
    """Return what is said of a status; None where the JSON answer serves everybody."""
    if status == HTTPStatus.NOT_FOUND:
        return NOT_FOUND
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return BUSY
    return FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


def is_browser(request: Request) -> bool:
    """Return whether the Accept header prefers HTML to JSON. A header that cannot be read asks for nothing."""
    try:
        chosen = request.accept.match("application/json", "text/html")
    except InvalidHeader:
        return False
    return chosen.mime == "text/html" and chosen.header is not None and chosen.header.q > 0
