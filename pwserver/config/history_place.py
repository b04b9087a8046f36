"""Decide where the history is kept: the one judge of the folder, for the server and for ``pwserver history``."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pwserver.config.configuration import Config
from pwserver.records import record

MEMORY_WORDS = ("memory", ":memory:")
OLD_PLACES = ("/data/timeseries.db", "data/timeseries.db")  # where pypowerwall-server keeps its file by default


@record(frozen=True, slots=True)
class HistoryPlaces:
    """Holds the folders that may hold the history, the best first; none where it is to be in memory.

    ``required``: the owner named the folder of our files, so that another one would be a surprise.
    """

    folders: tuple[str, ...] = ()
    required: bool = False
    memory_reason: str | None = None  # why there is no folder, where there is none


def history_places(config: Config) -> HistoryPlaces:
    """Return where the history of this configuration belongs."""
    recording = config.settings.history
    if recording.path in MEMORY_WORDS:
        return HistoryPlaces(memory_reason=f"PW_HISTORY_PATH={recording.path} asks for that")
    if recording.path is not None:
        return HistoryPlaces((_absolute(recording.path),), required=True)
    if recording.timeseries_path is not None and _is_device(recording.timeseries_path):
        return HistoryPlaces(
            memory_reason=f"PW_TIMESERIES_PATH={recording.timeseries_path} is a device and keeps nothing"
        )
    if recording.timeseries_path in MEMORY_WORDS:
        return HistoryPlaces(memory_reason=f"PW_TIMESERIES_PATH={recording.timeseries_path} asks for that")
    if config.settings.definitions.demo_scenario:
        return HistoryPlaces(memory_reason="this is a demo; PW_HISTORY_PATH names a folder to keep it in")
    if config.history_home is None:
        return HistoryPlaces(memory_reason="no folder was named; PW_HISTORY_PATH names one")
    named = [os.path.dirname(old_store(config))] if recording.timeseries_path is not None else []
    return HistoryPlaces(tuple(dict.fromkeys((*named, _absolute(config.history_home)))))


def old_store(config: Config) -> str:
    """Return pypowerwall-server's SQLite file: the one that was named, or the one where it keeps it by default.

    The path is absolute, because people are told it and do not see the working folder of a service.
    """
    path = config.settings.history.timeseries_path
    if path is None:
        found = next((place for place in OLD_PLACES if os.path.isfile(place)), None)
        return _absolute(found or (OLD_PLACES[0] if os.path.isdir("/data") else OLD_PLACES[1]))
    return _absolute(os.path.join(path, "timeseries.db") if names_folder(path) else path)


def names_folder(path: str) -> bool:
    """Tell whether PW_TIMESERIES_PATH names the folder of the SQLite file instead of the file."""
    return os.path.isdir(path) or path.endswith("/")


def _is_device(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def own_predecessor(config: Config) -> str | None:
    """Return the SQLite file to be imported by itself; None where no history of this house can be in it."""
    path = config.settings.history.timeseries_path
    if config.settings.definitions.demo_scenario or path in MEMORY_WORDS or (path is not None and _is_device(path)):
        return None
    return old_store(config)
