"""Every error is a JSON object with a ``detail``: what was wrong, never a stack trace, never a secret."""

from __future__ import annotations

import logging
from typing import Any

from sanic import HTTPResponse, Request, Sanic, json
from sanic.exceptions import SanicException

log = logging.getLogger("pwserver.web")

DETAILS = {404: "Not Found", 405: "Method Not Allowed"}


def install(app: Sanic[Any, Any]) -> None:
    """Answer every exception of every route in the one shape."""
    app.error_handler.add(Exception, answer)


def answer(request: Request, problem: Exception) -> HTTPResponse:
    """The JSON form of ``problem``; unexpected ones are logged and named only as internal."""
    status = getattr(problem, "status_code", 500)
    if not isinstance(problem, SanicException) or (status >= 500 and not problem.quiet):
        log.error("%s %s failed", request.method, request.path, exc_info=problem)
        return json({"detail": "Internal Server Error"}, status=500)
    headers = {name: str(value) for name, value in (problem.headers or {}).items()}
    detail = DETAILS.get(status) or str(problem) or "Error"
    return json({"detail": detail}, status=status, headers=headers)
