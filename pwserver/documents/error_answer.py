"""Define ``ErrorAnswer``, which a renderer returns instead of a body to choose another status."""

from __future__ import annotations

from pwserver.json_types import Json
from pwserver.records import record


@record(frozen=True, slots=True)
class ErrorAnswer:
    """Holds a status and a body for JSON."""

    status: int
    body: Json


def detail(status: int, text: str) -> ErrorAnswer:
    """Return an answer in the shape of FastAPI's errors, which the predecessor's clients know."""
    return ErrorAnswer(status, {"detail": text})


NO_GATEWAYS = detail(503, "No gateways configured")
OFFLINE = detail(503, "API call failed or gateway offline")
