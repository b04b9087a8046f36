"""Judge who may write: the token, the wait after wrong ones, and no requests from pages of other sites."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import os
import time

from sanic import HTTPResponse, Request

from pwserver.config.server_settings import ControlSettings
from pwserver.web.address_table import AddressTable
from pwserver.web.client_address import TrustedProxies
from pwserver.web.errors import Refusal, error
from pwserver.web.guess_limit import GuessLimit
from pwserver.web.own_names import OwnNames
from pwserver.web.sanic_app import App
from pwserver.web_origins import is_own_page, judge_origin, may_write

log = logging.getLogger("pwserver.control")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LINES_PER_SECOND = 5.0  # refusals logged per second: a flood of guesses must not fill a disk
LINES_AT_ONCE = 20.0  # refusals logged before that rate counts
_SALT = os.urandom(16)  # without it, a memory image would hold a hash that can be looked up in tables


class WrongToken(Exception):
    """Says that the request has no right token.

    ``given``: it has a wrong one. ``wait_seconds``: how long its client must wait, after too many wrong ones.
    """

    def __init__(self, given: bool, wait_seconds: float = 0.0) -> None:
        self.given = given
        self.wait_seconds = wait_seconds
        super().__init__("wrong token" if given else "no token")


class Authority:
    """Judges tokens, and makes clients that send wrong ones wait.

    ``trusted_proxies``: their word says which client a token came from. ``table``: what all workers know of guesses.
    """

    def __init__(self, control: ControlSettings, trusted_proxies: tuple[str, ...], table: AddressTable) -> None:
        self.enabled = bool(control.token)
        self._secret = _digest((control.token or "").encode()) if self.enabled else b""
        self._limit = GuessLimit(table, control.attempts, control.lockout_seconds)
        self._proxies = TrustedProxies(trusted_proxies)
        self._lines = LINES_AT_ONCE
        self._lines_at = time.monotonic()
        self._unsaid = 0

    def who(self, request: Request) -> str:
        """Return the client's address, for limits and for the log."""
        return self._proxies.of_request(request)

    def check(self, request: Request, token: bytes | None, what: str) -> str:
        """Return the client's address where ``token`` is the secret, else raise WrongToken. ``what`` is for the log."""
        who, worker = self.who(request), request.app.ctx.number
        wait = self._limit.wait_seconds(who)
        if wait > 0:
            # The token is not even compared: else a client could go on guessing while it waits.
            self.refused(who, what, "too many wrong tokens")
            raise WrongToken(True, wait)
        if token is None:
            self.refused(who, what, "no token")
            raise WrongToken(False)
        if not (self.enabled and hmac.compare_digest(_digest(token), self._secret)):
            self._limit.failed(worker, who)
            self.refused(who, what, "wrong token")
            raise WrongToken(True)
        self._limit.succeeded(worker, who)
        return who

    def require(self, request: Request, what: str) -> str:
        """Return the client's address where the header has the token, else raise the Refusal of the JSON API."""
        if not self.enabled:
            self.refused(self.who(request), what, "control is off")
            raise Refusal(403, "Control features not enabled")
        try:
            return self.check(request, header_token(request), what)
        except WrongToken as wrong:
            if wrong.wait_seconds:
                raise Refusal(429, too_many(wrong), retry_after(wrong.wait_seconds)) from None
            detail = "Invalid control token" if wrong.given else "Authorization header required"
            raise Refusal(401, detail, {"www-authenticate": "Bearer"}) from None

    def refused(self, who: str, what: str, why: str) -> None:
        """Log a refusal, unless there have been very many lately; the next line says how many were left out."""
        now = time.monotonic()
        self._lines = min(LINES_AT_ONCE, self._lines + (now - self._lines_at) * LINES_PER_SECOND)
        self._lines_at = now
        if self._lines < 1.0:
            self._unsaid += 1
            return
        self._lines -= 1.0
        more = f" (and {self._unsaid} more like this)" if self._unsaid else ""
        self._unsaid = 0
        log.warning("%s by %s: refused, %s%s", what, who, why, more)


def header_token(request: Request) -> bytes | None:
    """Return the token in ``Authorization: Bearer``, or the bare value; None where there is none, or more than one.

    The case of the scheme does not matter, nor does the number of blanks behind it (RFC 9110 §11.1 and §11.4).
    """
    values = request.headers.getall("authorization", [])
    if len(values) != 1 or not values[0]:
        return None
    value = str(values[0])
    scheme, blank, token = value.partition(" ")
    found = token.strip(" ") if blank and scheme.lower() == "bearer" else value
    return found.encode("utf-8", "surrogateescape")


def too_many(wrong: WrongToken) -> str:
    """Return the sentence of a 429."""
    return f"Too many wrong tokens; try again in {math.ceil(wrong.wait_seconds)} s"


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that tells how long to wait."""
    return {"retry-after": str(max(1, math.ceil(seconds)))}


def _digest(token: bytes) -> bytes:
    """Hash a token to a fixed length, so that comparing it takes the same time for every token."""
    return hashlib.blake2b(token, key=_SALT).digest()


def from_elsewhere(request: Request, origins: tuple[str, ...], names: OwnNames) -> bool:
    """Tell whether a page of another site made this request. Programs that are no browsers do not say, and pass."""
    headers = request.headers
    origin = judge_origin(headers)
    return not may_write(origin, headers.get("sec-fetch-site"), origins, names.of_request(request))


def unknown_name_of_own_page(request: Request, origins: tuple[str, ...], names: OwnNames) -> str | None:
    """Return the name of a page that calls itself this server's own, where any page could have taken that name on."""
    headers = request.headers
    if not is_own_page(judge_origin(headers), headers.get("sec-fetch-site"), origins):
        return None
    return names.unknown_of_request(request)


def unknown_name_of_origin(request: Request, names: OwnNames) -> str | None:
    """Return the unknown name that a proxy was asked for where the page comes from that name; None otherwise.

    Browsers that tell nothing else (over plain HTTP none of them does) take such a page for one of this server: what is
    missing is the name.
    """
    origin, unknown = judge_origin(request.headers), names.unknown_of_request(request)
    silent = "sec-fetch-site" not in request.headers
    return unknown if silent and unknown and origin is not None and origin.is_host(unknown) else None


def install(app: App, authority: Authority, origins: tuple[str, ...], names: OwnNames) -> None:
    """Refuse every unsafe method from another site's page, on all routes."""

    @app.on_request
    async def same_site_only(request: Request) -> HTTPResponse | None:
        if request.method in SAFE_METHODS:
            return None
        if from_elsewhere(request, origins, names):
            authority.refused(
                authority.who(request), "a request from another site's page", "its origin is not listed in CORS_ORIGINS"
            )
            if unknown := unknown_name_of_origin(request, names):
                return error(421, names.explain(unknown))
            return error(403, "Cross-site requests may not change anything; list the page's origin in CORS_ORIGINS")
        if unknown := unknown_name_of_own_page(request, origins, names):
            return error(421, names.explain(unknown))
        return None
