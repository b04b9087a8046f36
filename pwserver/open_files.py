"""Allow as many file descriptors as there may be connections and files, or no more connections than fit beside those.

A process that has none left can neither accept a client nor refuse one: clients would wait in the queue of the
listening socket, without an answer, until others leave. With a cap below the limit they are refused at once.
"""

from __future__ import annotations

import resource
from dataclasses import replace

from pwserver.config import Config
from pwserver.config.history_place import history_places

SPARE_FILES = 512  # beside one for each client and those of the history: gateways, pipes
HISTORY_FILES = 36  # that the history of one gateway keeps open on a disk
LEAST_SPARE_FILES = 24  # what a worker needs for itself
CAP = "PW_MAX_CONNECTIONS"
RAISE = "Raise the hard limit (ulimit -Hn, docker run --ulimit nofile=, systemd LimitNOFILE=)"
LEAST_CONNECTIONS = 10  # what the settings table allows


def with_files(config: Config) -> Config:
    """Raise the limit of open files for the connections and gateways of ``config``; lower the number of connections
    where that is refused.

    The number of the settings table means as many as possible; one that the owner has set gets a warning.
    """
    wanted, workers = config.settings.web.max_connections, config.settings.process.worker_count
    histories = _histories(config)
    history = HISTORY_FILES * histories
    limit = allow_files(wanted + SPARE_FILES + history)
    if limit is None or limit >= wanted + SPARE_FILES + history:
        return config
    warnings = config.warnings
    room = limit * 3 // 4  # clients need the rest
    if history > room:
        told = f"the history of {histories} gateways keeps {history} files open, the system allows {limit}: "
        told += f"there is room for {room // HISTORY_FILES}"
        warnings += (f"{told}. {RAISE}, or set PW_HISTORY_PATH=memory",)
        history = room
    spare = max(LEAST_SPARE_FILES, min(SPARE_FILES, limit // 8)) + history
    possible = max(LEAST_CONNECTIONS, (limit - spare) * workers)  # every worker has a limit of its own
    if possible >= wanted:
        return replace(config, warnings=warnings)
    if config.source(CAP).kind != "default" or possible < 100:
        told = (
            f"{CAP} is {wanted}, but the system allows each process {limit} open files: taking {possible} connections"
        )
        warnings += (f"{told}. {RAISE}",)
    web = replace(config.settings.web, max_connections=possible)
    return replace(config, settings=replace(config.settings, web=web), warnings=warnings)


def _histories(config: Config) -> int:
    """Return how many histories may be on the disk: one of each gateway, and that of their sum."""
    if not history_places(config).folders:
        return 0
    sharing = config.settings.sharing
    return 1 + (sharing.max_gateways if sharing.source_url else len(config.gateways))


def allow_files(wanted: int) -> int | None:
    """Raise the soft limit of open files as far as the hard one allows: some containers begin with 1024.

    Returns the limit in force, None for no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if limit <= soft:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
