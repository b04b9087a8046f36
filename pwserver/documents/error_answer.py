"""What a renderer may give instead of a plain body: an answer with a status of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A status and a JSON-able body."""

    status: int
    body: Any


def detail(status: int, text: str) -> ErrorAnswer:
    return ErrorAnswer(status, {"detail": text})


NO_GATEWAYS = detail(503, "No gateways configured")
OFFLINE = detail(503, "API call failed or gateway offline")
