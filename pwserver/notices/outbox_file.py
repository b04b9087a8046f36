"""Keep the outbox in a small file that is replaced whole, so that a kill leaves the one before or the one after."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import ujson

from pwserver.history.mapped_file import read_content, write_new
from pwserver.notices.outbox import Outbox

log = logging.getLogger("pwserver.notices")

FILE_NAME: Final = "notices.json"
JOURNAL_NAME: Final = "notices.sent"
MOST_BYTES: Final = 16_777_216


def _usable(folder: Path) -> bool:
    """Say whether files can be made in a folder, which is made where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


class OutboxFile:
    """Reads and writes the file of the outbox. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not _usable(folder):
            log.error("notices cannot be kept in %s: those that wait are lost when the server ends", folder)
            folder = None
        self._path = folder / FILE_NAME if folder is not None else None
        self.journal = folder / JOURNAL_NAME if folder is not None else None
        self._failed = False

    def load(self) -> Outbox:
        """Return the outbox as it was kept last. A damaged file is set aside, not overwritten."""
        if self._path is None or not self._path.exists():
            return Outbox()
        try:
            content, _ = read_content(self._path, 0, MOST_BYTES)
            kept = ujson.loads(bytes(content))
            if not isinstance(kept, dict):
                raise ValueError("it is no JSON object")
            return Outbox.from_json(kept)
        except (OSError, ValueError):
            log.error("%s cannot be read: it is set aside, and notices begin anew", self._path)
            try:
                self._path.replace(self._path.with_name(FILE_NAME + ".damaged"))
            except OSError as refused:
                log.error("%s cannot be set aside: %s", self._path, refused.strerror)
            return Outbox()

    def save(self, outbox: Outbox) -> None:
        """Bring the outbox to the disk. A disk that refuses is told once; what is in memory is sent all the same."""
        if self._path is None:
            return
        content = ujson.dumps(outbox.to_json(), ensure_ascii=False).encode("utf-8", "replace")
        try:
            write_new(self._path, b"", content, len(content))
        except OSError as refused:
            if not self._failed:
                log.error("the outbox of notices cannot be written: %s", refused.strerror)
            self._failed = True
        else:
            self._failed = False
