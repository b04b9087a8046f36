"""Logging for all processes: one line a state change, on standard error, with every secret blotted out.

The redaction sits in the formatter, so it covers messages, arguments and tracebacks of every logger, the library's
included; no call site has to remember it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

HIDDEN = "**********"
SHORTEST_SECRET = 4  # shorter texts occur in ordinary words; hiding them would hide the log
# Secrets nobody configured: logins in flight, e-mail addresses, keys.
PATTERNS = (
    re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{8,}"),
    re.compile(
        r"(?i)\b((?:access|refresh|auth)[_-]?(?:token|cookie)|password|token|secret)([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]{4,}"
    ),
    re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
)


class Redacted(logging.Formatter):
    """A formatter whose output never contains one of ``secrets``, nor what looks like one."""

    def __init__(self, secrets: Iterable[str], fmt: str) -> None:
        super().__init__(fmt)
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._known = (
            re.compile("|".join(re.escape(secret) for secret in sorted(known, key=len, reverse=True)))
            if known
            else None
        )

    def format(self, record: logging.LogRecord) -> str:
        """The finished line (or lines, with a traceback)."""
        return self.redact(super().format(record))

    def redact(self, text: str) -> str:
        """``text`` without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        login, assignment, address = PATTERNS
        text = login.sub(lambda found: f"{found[1]} {HIDDEN}", text)
        text = assignment.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}", text)
        return address.sub(HIDDEN, text)


def configure(debug: bool, secrets: Iterable[str]) -> None:
    """Send every log of this process and its children to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacted(secrets, "%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for noisy in ("sanic", "asyncio", "urllib3", "websockets"):
        logging.getLogger(noisy).setLevel(logging.INFO if debug else logging.WARNING)
    for sanic in ("sanic.root", "sanic.server", "sanic.error", "sanic.access"):
        logger = logging.getLogger(sanic)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.INFO if debug else logging.WARNING)
