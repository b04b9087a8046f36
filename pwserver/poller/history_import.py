"""Take over pypowerwall-server's history by itself, once, while readings are polled and recorded."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from pathlib import Path

from pwserver.history.import_report import ImportReport, not_configured
from pwserver.poller.recording import Recording

log = logging.getLogger("pwserver.history")

LOOK_SECONDS = 0.5
# The first reading often names the time zone; days are not to be divided by another one for want of a moment.
ZONE_SECONDS = 10.0
READING_SECONDS = 30.0  # a gateway that is away must not keep its history waiting
SLACK_SECONDS = 60.0
# A store that ends after the present means a clock that is behind, which is put right soon after the machine's start.
CLOCK_SECONDS = 600.0
# Between rows, so that polls and documents are not kept waiting for the interpreter.
PAUSE_SECONDS = 0.002


class HistoryImport:
    """Imports the store ``file`` into the histories of all gateways that have not had it."""

    def __init__(self, recording: Recording, file: Path) -> None:
        self._recording = recording
        self._file = file
        self._begun = time.monotonic()
        self._clock_told = False

    async def run(self) -> None:
        """Import when the time has come; whatever goes wrong is logged, and tried again with the next start."""
        wanted = await asyncio.to_thread(self._wanted)
        while wanted and not all(self._ready(gateway) for gateway in wanted):
            await asyncio.sleep(LOOK_SECONDS)
        while wanted and not await asyncio.to_thread(self._import, wanted):
            await asyncio.sleep(CLOCK_SECONDS / 100)

    def _wanted(self) -> list[str]:
        """Return the gateways whose history has not had the store as it is now."""
        from pwserver.history.sqlite_import import is_imported

        store = self._recording.store
        path = store.path
        if not self._file.is_file():
            return []
        if path is None:
            log.warning(
                "history is not taken over from %s while history is in memory only; the file stays as it is", self._file
            )
            return []
        real = [name for name, archive in store.archives.items() if not archive.gateway.virtual]
        return [name for name in real if name in self._recording.recorders and not is_imported(self._file, path, name)]

    def _ready(self, gateway: str) -> bool:
        """Say whether a reading has been recorded whose time zone is known, or need not be waited for."""
        waited = time.monotonic() - self._begun
        archive = self._recording.store.archives[gateway]
        known = archive.gateway.timezone_set or archive.read_notes().timezone is not None
        recorded = archive.polls.bounds() is not None
        return waited > READING_SECONDS or (recorded and (known or waited > ZONE_SECONDS))

    def _import(self, gateways: list[str]) -> bool:
        """Import what the store has of these gateways; False while the clock is behind it."""
        from pwserver.history.sqlite_import import import_beside_recording
        from pwserver.history.sqlite_store import open_sqlite

        recording = self._recording
        try:
            path = recording.store.path
            assert path is not None
            with open_sqlite(self._file, path) as store:
                now = time.time()
                newest = max(store.newest(gateway) for gateway in gateways)
                if newest > now + SLACK_SECONDS and time.monotonic() - self._begun < CLOCK_SECONDS:
                    if not self._clock_told:
                        self._clock_told = True
                        log.warning("%s goes beyond the present; it is taken over when the clock is right", self._file)
                    return False
                rows = store.gateways()
                for gateway in gateways:
                    report = import_beside_recording(
                        store,
                        recording.store.archives[gateway],
                        partial(recording.held, gateway),
                        partial(recording.store.flush, force=True),
                        now + SLACK_SECONDS,
                        partial(time.sleep, PAUSE_SECONDS),
                    )
                    self._tell(gateway, report, rows.get(gateway, 0))
                known = [name for name, archive in recording.store.archives.items() if not archive.gateway.virtual]
                for gateway in sorted(rows.keys() - set(known)):
                    log.warning("%s: %s", self._file, not_configured(gateway, rows[gateway], known))
        except (OSError, ValueError) as problem:  # which names the file
            log.error("history is not taken over: %s", problem)
        except Exception:  # of any kind: live data and recording must not end with it
            log.exception("history is not taken over from %s", self._file)
        return True

    def _tell(self, gateway: str, report: ImportReport, rows: int) -> None:
        """Log what came of it."""
        if rows:
            log.info("%s: history was taken over from %s, which stays as it is", gateway, self._file)
            for line in report.lines():
                log.info("%s%s", gateway, line)
