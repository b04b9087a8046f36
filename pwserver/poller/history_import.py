"""Take over pypowerwall-server's history by itself, once, while readings are polled and recorded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pwserver.history.import_report import ImportReport, not_configured
from pwserver.poller.recording import Recording

log = logging.getLogger("pwserver.history")

T = TypeVar("T")

LOOK_SECONDS = 0.5
# The first reading often names the time zone; days are not to be divided by another one for want of a moment.
ZONE_SECONDS = 10.0
READING_SECONDS = 30.0  # a gateway that is away must not keep its history waiting
SLACK_SECONDS = 60.0
# A store that ends after the present means a clock that is behind, which is put right soon after the machine's start.
CLOCK_SECONDS = 600.0
# Between rows, so that polls and documents are not kept waiting for the interpreter.
PAUSE_SECONDS = 0.002
MOST_NAMED = 10  # gateways that are not configured


class HistoryImport:
    """Imports the store ``file`` into the histories of all gateways that have not had it.

    ``from_folder``: the configuration names its folder only.
    """

    def __init__(self, recording: Recording, file: Path, from_folder: bool = False) -> None:
        self._recording = recording
        self._file = file
        self._from_folder = from_folder
        self._begun = time.monotonic()
        self._clock_told = False
        self._failed = False
        self._not_taken: dict[str, str] = {}  # by what it is about, in the order in which it was found

    @property
    def not_taken(self) -> tuple[str, ...]:
        """Return what of the store is not in the history, each with what helps. Clients read it: it names no folder."""
        return tuple(self._not_taken.values())

    def measured(self) -> Mapping[str, Any]:
        """Return ``not_taken`` for /health; words are no metric."""
        return {"history_not_taken": self.not_taken}

    async def run(self) -> None:
        """Import when the time has come; whatever goes wrong is logged, and tried again with the next start."""
        wanted = await asyncio.to_thread(self._guarded, self._wanted)
        while wanted and not all(self._ready(gateway) for gateway in wanted):
            await asyncio.sleep(LOOK_SECONDS)
        while wanted and not await asyncio.to_thread(self._guarded, partial(self._import, wanted)) and not self._failed:
            await asyncio.sleep(CLOCK_SECONDS / 100)
        if wanted is not None and not self._failed:
            await asyncio.to_thread(self._guarded, self._name_others)

    def _guarded(self, step: Callable[[], T]) -> T | None:
        """Carry out a step. What goes wrong is told, and does not end live data and recording; None then."""
        from pwserver.history.sqlite_store import EmptyStore

        name = self._file.name
        try:
            return step()
        except EmptyStore as empty:
            log.info("%s", empty)
            self._failed = True
        except OSError as problem:
            log.error("history is not taken over: %s", problem)
            self._give_up(f"{name}: {problem.strerror or 'it cannot be read'}; mend that")
        except ValueError as problem:  # which names the file
            log.error("history is not taken over: %s", problem)
            said = str(problem).replace(str(self._file), name)
            self._give_up(said)
        except Exception:
            log.exception("history is not taken over from %s", self._file)
            self._give_up(f"{name}: a fault of this program, which the log describes; report it, update it")
        return None

    def _give_up(self, why: str) -> None:
        self._failed = True
        self._not_taken["file"] = f"history is not taken over: {why}, then restart this server"

    def _wanted(self) -> list[str] | None:
        """Return the gateways whose history has not had the store as it is now; None where there is nothing to take."""
        from pwserver.history.sqlite_import import is_imported

        path = self._recording.store.path
        if not self._file.is_file():
            return None
        if self._from_folder:
            log.info("pypowerwall-server's history: %s, as PW_TIMESERIES_PATH names its folder", self._file)
        if path is None:
            said = "history is not taken over from %s while history is in memory only; the file stays as it is"
            log.warning(said, self._file)
            self._not_taken["file"] = (said % self._file.name) + ". Set PW_HISTORY_PATH to a folder"
            return None
        recorders = self._recording.recorders
        return [name for name in self._real() if name in recorders and not is_imported(self._file, path, name)]

    def _real(self) -> list[str]:
        archives = self._recording.store.archives
        return [name for name, archive in archives.items() if not archive.gateway.virtual]

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
        path = recording.store.path
        assert path is not None
        with open_sqlite(self._file, path) as store:
            now = time.time()
            newest = max(store.newest(gateway) for gateway in gateways)
            if newest > now + SLACK_SECONDS and time.monotonic() - self._begun < CLOCK_SECONDS:
                if not self._clock_told:
                    self._clock_told = True
                    said = "%s goes beyond the present; it is taken over when the clock is right"
                    log.warning(said, self._file)
                    self._not_taken["clock"] = said % self._file.name
                return False
            self._not_taken.pop("clock", None)
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
        return True

    def _name_others(self) -> None:
        """Say what the store holds of gateways that are not configured, as long as nothing has taken it."""
        from pwserver.history.sqlite_import import rows_left

        path, known = self._recording.store.path, self._real()
        assert path is not None
        left = sorted(rows_left(self._file, path, known).items())
        for gateway, rows in left[:MOST_NAMED]:
            said = not_configured(gateway, rows, known)
            log.warning("%s: %s", self._file, said)
            self._not_taken[f"gateway {gateway}"] = f"{self._file.name}: {said}"
        if len(left) > MOST_NAMED:
            self._not_taken["more"] = f"{self._file.name}: {len(left) - MOST_NAMED} more gateways are not configured"

    def _tell(self, gateway: str, report: ImportReport, rows: int) -> None:
        """Log what came of it."""
        if rows:
            log.info("%s: history was taken over from %s, which stays as it is", gateway, self._file)
            for line in report.lines():
                log.info("%s%s", gateway, line)
        if report.later_than_now:
            said = f"{report.later_than_now} rows lie in the future; set the clock of this machine and restart"
            self._not_taken[gateway] = f"{self._file.name}: {gateway}: {said}"
