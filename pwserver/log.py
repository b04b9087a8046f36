"""Set up the log of all processes: one line per state change, on standard error, with every secret blotted out.

The redaction sits in the formatter, so it covers messages, arguments and tracebacks of every logger, the library's
included; no call site has to remember it. A fault is told once for each place it happens at (``fault_log.py``).
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from pwserver.fault_log import RepeatedFaults
from pwserver.redaction import Redactor

LINE = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


class Redacted(logging.Formatter):
    """Formats lines that never hold one of ``secrets``, nor what looks like one. ``public``: see Redactor."""

    def __init__(self, secrets: Iterable[str], fmt: str, public: Iterable[str] = ()) -> None:
        super().__init__(fmt)
        self._redactor = Redactor(secrets, public)

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line (or lines, with a traceback)."""
        return self.redact(super().format(record))

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets, its lines cut to a bearable length."""
        return self._redactor.redact(text)


class Output(logging.StreamHandler[Any]):
    """Writes to standard error; a record that cannot be formatted without its arguments, which may be secret."""

    def handleError(self, record: logging.LogRecord) -> None:
        kind = sys.exc_info()[0]
        name = kind.__name__ if kind is not None else "fault"
        try:
            self.stream.write(f"a log line of {record.pathname}:{record.lineno} could not be written ({name})\n")
        except (OSError, ValueError):
            pass  # the log has no reader any more, which must not stop the server


def configure(debug: bool, secrets: Iterable[str], public: Iterable[str] = ()) -> None:
    """Send every log of this process and its children, and every uncaught exception, to standard error."""
    handler = Output(sys.stderr)
    handler.setFormatter(Redacted(secrets, LINE, public))
    handler.addFilter(faults)
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
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_uncaught_in_thread


faults = RepeatedFaults()  # of this process


def _tell_uncaught(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("pwserver").critical("ends by a fault", exc_info=(kind, problem, trace))


def _tell_uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and not issubclass(given.exc_type, SystemExit):
        told = (given.exc_type, given.exc_value, given.exc_traceback)
        logging.getLogger("pwserver").critical("a thread ends by a fault", exc_info=told)
