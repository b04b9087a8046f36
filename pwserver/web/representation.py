"""Send a body: its compressed twin where the client prefers that, nothing where the client has it already.

Documents, pages, files and the API description are all sent by ``send``. The gate sends documents by itself, with the
same compiled functions for Accept-Encoding and for entity tags, so there is one reading of each header. All our tags
are strong and name bytes: the twin has a tag of its own. There is no Last-Modified, because a document can change
while the age of its data does not; hence If-Modified-Since and If-Unmodified-Since decide nothing (RFC 9110 §13.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sanic import HTTPResponse, Request

from pwserver.documents.document import JSON
from pwserver.records import record
from pwserver.web.errors import Refusal, error
from pwserver.web.sanic_app import App
from pwserver_ext.http_values import knows, takes_gzip

DOES_NOT_HOLD = "The precondition in If-Match or If-None-Match does not hold"
OF_THE_BODY = ("etag", "content-type", "content-encoding", "age", "x-powerwall-timestamp", "set-cookie")
TWIN = b"-gz"  # what the tag of a compressed twin ends with; the gate adds the same


@record(frozen=True, slots=True)
class Representation:
    """Holds a body and its forms. ``tag``: the opaque part of its entity tag, without quotes and the twin's mark."""

    body: bytes
    gzip: bytes | None
    tag: bytes
    media_type: str
    status: int = 200


def send(
    request: Request, chosen: Representation, headers: Mapping[str, str], vary: str = "Accept-Encoding"
) -> HTTPResponse:
    """Answer GET or HEAD: 304 where If-None-Match names the body, else the form of it that the client prefers."""
    packed = chosen.gzip is not None and takes_gzip(lines(request, "accept-encoding"))
    tag = chosen.tag + TWIN if packed else chosen.tag
    described = {**headers, "etag": f'"{tag.decode()}"', "vary": vary}
    # A precondition holds only for what would otherwise succeed (RFC 9110 §13.2.1).
    if chosen.status == 200 and knows(lines(request, "if-none-match"), chosen.tag, packed):
        return HTTPResponse(None, status=304, headers=described)
    if packed:
        described["content-encoding"] = "gzip"
    # Errors are JSON even where the document itself would be CSV or HTML.
    media_type = chosen.media_type if chosen.status < 400 else JSON
    body = chosen.gzip if packed else chosen.body
    return HTTPResponse(body, status=chosen.status, headers=described, content_type=media_type)


def install(app: App) -> None:
    """Answer 412 where If-Match does not name what GET or HEAD would answer with (RFC 9110 §13.1.1)."""

    @app.on_response
    async def check_match(request: Request, response: HTTPResponse) -> None:
        if "if-match" not in request.headers or request.method not in ("GET", "HEAD"):
            return
        if response.status not in (200, 304):
            return  # preconditions count only where the request would otherwise succeed (RFC 9110 §13.2.1)
        shown = response.headers.get("etag", "")
        # If-Match compares strongly, so only a star matches a weak tag (RFC 9110 §13.1.1).
        tag = shown.strip('"').encode() if shown.startswith('"') else b""
        if knows(lines(request, "if-match"), tag, False, True):
            return
        for name in OF_THE_BODY:
            response.headers.pop(name, None)
        refused = error(412, DOES_NOT_HOLD)
        response.status, response.body, response.content_type = 412, refused.body, refused.content_type
        response.headers["cache-control"] = refused.headers["cache-control"]


def check_before_writing(request: Request, tag: bytes | None) -> None:
    """Raise a Refusal with 412 where the preconditions of a write do not hold for its target.

    ``tag``: of the document that GET of the target gives; None: there is none. A client may know either form of it.
    """
    forms: Iterable[bytes] = () if tag is None else (tag, tag + TWIN)
    wanted, unwanted = lines(request, "if-match"), lines(request, "if-none-match")
    if wanted and not any(knows(wanted, form, False, True) for form in forms):
        raise changed()
    if unwanted and any(knows(unwanted, form, False) for form in forms):
        raise changed()


def changed() -> Refusal:
    """Say that a precondition does not hold (RFC 9110 §15.5.13)."""
    return Refusal(412, DOES_NOT_HOLD)


def lines(request: Request, name: str) -> list[bytes]:
    """Return the values of a header as they came, one for each line."""
    return [value.encode("utf-8", "surrogateescape") for value in request.headers.getall(name, [])]
