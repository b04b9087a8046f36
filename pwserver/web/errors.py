"""Answer errors with a JSON object whose ``detail`` says what was wrong, without a stack trace or a secret.

A person who has opened an address in a browser gets that detail on a page instead (``error_page``).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, NamedTuple

from sanic import Blueprint, HTTPResponse, Request
from sanic.exceptions import MethodNotAllowed, NotFound, SanicException

from pwserver.documents.encode import to_json
from pwserver.gateway_lookup import UnknownGateway
from pwserver.redaction import Redactor
from pwserver.web.sanic_app import App

log = logging.getLogger("pwserver.web")

# Names in error bodies, which a careless password of the same letters must not make unreadable.
MEMBERS = {"body", "ctx", "detail", "error", "input", "loc", "message", "msg", "path", "query", "response", "type"}

METHODS = ("GET", "HEAD", "POST")  # of all routes; OPTIONS is answered for every path
INTERNAL = "Internal Server Error"


class JsonBlueprint(Blueprint):
    """Adds routes that say that their errors are JSON.

    Where a route does not, Sanic reads and parses the source of its handler to guess: a fifth of the time to start.
    """

    def route(self, *arguments: object, **options: object) -> Any:
        """Add a route, as Blueprint does."""
        return super().route(*arguments, **{**options, "error_format": "json"})


class Refusal(SanicException):
    """Answers other than with success; ``detail`` reaches the client word for word."""

    def __init__(self, status: int, detail: object, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(detail), status_code=status, quiet=True, headers=headers)
        self.detail = detail


def install(app: App, redactor: Redactor) -> None:
    """Answer every exception of every route in the one shape, and repeat no secret that a client has sent."""
    app.error_handler.add(Exception, answer)

    @app.on_response
    async def blot_secrets_out(request: Request, response: HTTPResponse) -> None:
        body = response.body
        if response.status >= 400 and body and "content-encoding" not in response.headers:
            response.body = redactor.redact_known(body.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )


class Failure(NamedTuple):
    """Holds what a client learns of a request that failed."""

    status: int
    detail: object
    headers: dict[str, str]


def answer(request: Request, problem: Exception) -> HTTPResponse:
    """Answer ``problem``: as JSON, or as a page where a person has opened the address in a browser."""
    failure = explain(request, problem)
    shown: HTTPResponse | None = request.app.ctx.error_page.show(request, failure)
    return error(*failure) if shown is None else shown


def explain(request: Request, problem: Exception) -> Failure:
    """Say what went wrong; an unexpected problem is logged, and its client only learns that it is internal."""
    status = int(getattr(problem, "status_code", 500))
    if isinstance(problem, UnknownGateway):
        return Failure(404, str(problem), {})
    if isinstance(problem, Refusal):
        return Failure(status, problem.detail, dict(problem.headers))
    if not isinstance(problem, SanicException) or (status >= 500 and not problem.quiet):
        log.error("%s %s failed", request.method, request.path, exc_info=problem)
        return Failure(500, INTERNAL, {})
    headers = {name.lower(): str(value) for name, value in (problem.headers or {}).items()}
    if isinstance(problem, MethodNotAllowed):
        # A 405 must say what is allowed (RFC 9110 §15.5.6).
        headers["allow"] = ", ".join(sorted(allowed(request) | {"OPTIONS"}))
    # Sanic's own texts for these repeat what the client sent.
    plain = isinstance(problem, MethodNotAllowed) or (isinstance(problem, NotFound) and "Requested URL" in str(problem))
    return Failure(status, HTTPStatus(status).phrase if plain else str(problem) or HTTPStatus(status).phrase, headers)


def allowed(request: Request) -> set[str]:
    """List the methods that the request's target takes; of ``*`` those that any target does (RFC 9110 §9.3.7).

    Sanic's own list is missing where a path has parameters.
    """
    found = set()
    if request.path == "*":
        return set(METHODS)
    for method in METHODS:
        try:
            request.app.router.get(request.path, method, request.host)
        except SanicException:
            continue
        found.add(method)
    return found


def error(status: int, detail: object, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Make the answer for an error, which has the same shape everywhere."""
    more = {"cache-control": "no-store", **(headers or {})}
    return HTTPResponse(to_json({"detail": detail}), status=status, headers=more, content_type="application/json")
