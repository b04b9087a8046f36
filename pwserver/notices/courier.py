"""Start the process that sends, hand messages to it, and take its outcomes; start it again when it ends.

Only one thread uses it, apart from the one that reads, which passes every line on to ``tell``.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pwserver.notices.notice import Message

log = logging.getLogger("pwserver.notices")

ATTEMPT_SECONDS: Final = 30.0  # one attempt may take this long, whatever the service does
PROGRAM: Final = (sys.executable, "-m", "pwserver.notices.sending_process")
REPEATED: Final = "(repeated: it is not known whether the first one arrived)"

Line = dict[str, Any]


class Courier:
    """Holds the process that sends. ``tell`` gets each of its lines, and None once it has ended."""

    def __init__(self, addresses: Mapping[str, str], journal: Path | None, tell: Callable[[Line | None], None]) -> None:
        self._start = {
            "addresses": dict(addresses),
            "journal": str(journal) if journal is not None else None,
            "seconds": ATTEMPT_SECONDS,
        }
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start the process; its first line says what it knows to have gone. OSError when it cannot be started."""
        self._process = process = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback could hold an address
            bufsize=0,
            start_new_session=True,  # what ends the poller's group must not end an attempt under way
        )
        self._reader = threading.Thread(target=self._read, args=(process,), name="notices-read", daemon=True)
        self._reader.start()
        self._write(self._start)

    @property
    def pid(self) -> int | None:
        """Return the id of the process."""
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """Close the pipe, and wait until the process has ended what is under way, and then itself."""
        if self._process is not None and self._process.stdin is not None and self._reader is not None:
            self._process.stdin.close()
            self._reader.join()

    def send(self, message: Message, target: str) -> None:
        """Hand over one message for one target."""
        body = f"{message.body}\n\npwserver, notice {message.number}"
        if message.targets.get(target):
            body += f" {REPEATED}"
        self._write({"number": message.number, "target": target, "title": message.title, "body": body})

    def settle(self, below: int) -> None:
        """Say that every message below this number is done with, so that the journal need not keep it."""
        self._write({"settled": below})

    def _write(self, line: Line) -> None:
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.write(json.dumps(line).encode() + b"\n")
            except (OSError, ValueError):
                pass  # it has ended, which the reading thread tells

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None and process.stdin is not None
        with process.stdout:
            for line in process.stdout:
                with suppress(ValueError):
                    self._tell(json.loads(line))
        process.wait()
        process.stdin.close()
        self._tell(None)
