"""Make everything that the processes share from a configuration, before the first of them is forked."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from pwserver import __version__
from pwserver.commands import Channel
from pwserver.config import Config, ConfigError
from pwserver.config.history_place import history_places
from pwserver.directory import REGION, Directory, default_of, joined
from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.virtual_gateway import MergeOptions
from pwserver.history.history_answer import Histories
from pwserver.history.layout import HistorySettings
from pwserver.history.open_history import open_history
from pwserver.history.store import HistoryLocked, HistoryStore
from pwserver.poller import wait_times
from pwserver.poller.judge_memories import JudgeMemories
from pwserver.poller.snapshot_publisher import SnapshotPublisher
from pwserver.reading import GatewayIdentity, ServerFacts
from pwserver.runtime import Runtime
from pwserver.shared import AGGREGATE, Shared
from pwserver.state.time_zone import in_force
from pwserver.web.shared_regions import shared_bytes

logger = logging.getLogger("pwserver.history")


def assemble(config: Config, before: Runtime | None = None, heard: Sequence[GatewayIdentity] = ()) -> Runtime:
    """Make the arena for ``config`` and fill it with the documents of a server that knows nothing yet.

    ``before``: what is being replaced; its history goes on. ``heard``: the gateways of a replica, which no
    configuration lists. ConfigError when the history cannot be opened.
    """
    settings = config.settings
    if settings.notices.addresses:
        from pwserver.notices.address_check import check_addresses

        check_addresses(settings.notices)
    identities = tuple(gateway.identity() for gateway in config.gateways)
    default = config.default_gateway
    extra = shared_bytes(settings.web, settings.process.worker_count)
    if settings.sharing.source_url:
        wanted = None if default == AGGREGATE else default
        identities = joined(heard, (), wanted)
        # Once chosen it stays while this server runs: the unprefixed URLs must not turn to another house.
        kept = before.server.default_gateway if before is not None else None
        default = default or (kept if kept in {identity.id for identity in identities} else default_of(identities))
        extra[REGION] = Directory.size(settings.sharing.max_gateways)
    server = ServerFacts(
        version=__version__,
        library_version=metadata.version("pypowerwall"),
        started=time.time(),
        default_gateway=default,
        poll_interval_seconds=settings.gateways.poll_interval_seconds,
        settings=config.masked(),
        control_enabled=config.control_enabled,
        missing_as_zero=settings.documents.missing_as_zero,
        raw_routes=settings.documents.raw_routes,
        graceful_degradation=settings.gateways.graceful_degradation,
        cache_ttl_seconds=settings.gateways.cache_ttl_seconds,
        fail_fast=settings.documents.fail_fast,
        health_check=settings.documents.health_check,
        site_id_set=settings.definitions.siteid is not None,
        login_file_set=settings.gateways.login_cache_file is not None,
    )
    shared = Shared(
        [identity.id for identity in identities],
        documents=len(GATEWAY_DOCUMENTS),
        site_documents=len(SITE_DOCUMENTS),
        slot_bytes=settings.documents.snapshot_bytes,
        document_bytes=settings.documents.document_max_bytes,
        workers=settings.process.worker_count,
        extra={**wait_times.shared_bytes(len(identities)), **extra},
    )
    merging = MergeOptions(name_prefix=settings.documents.aggregate_name_prefix)
    history, histories = history_of(config, identities, default, before)
    tariffs = {identity.id: config.tariffs.get(identity.id) for identity in identities}
    histories = replace(histories, tariffs={name: tariff for name, tariff in tariffs.items() if tariff is not None})
    memories = JudgeMemories(history.judges)
    identities = tuple(in_force(one, memories.gateway(one.id).time_zone) for one in identities)
    # Every slot is filled before the first worker starts, so that no document is ever missing.
    first = SnapshotPublisher(shared, server, identities, merging)
    first.everything()
    return Runtime(
        config,
        shared,
        server,
        identities,
        merging,
        first.fallbacks(),
        Channel(shared.workers),
        history,
        histories,
        Directory(shared.arena.region(REGION), settings.sharing.max_gateways) if REGION in extra else None,
    )


def history_settings(config: Config, folder: str | None = None) -> HistorySettings:
    """Return the settings of the history of this configuration, in ``folder`` or where it is kept best."""
    folders = history_places(config).folders
    wanted = HistorySettings.of(config.settings.history, float(config.settings.gateways.poll_interval_seconds))
    return replace(wanted, path=folder or next(iter(folders), None))


def history_of(
    config: Config, identities: Sequence[GatewayIdentity], default: str | None, before: Runtime | None
) -> tuple[HistoryStore, Histories]:
    """Open the history of this configuration.

    A folder that the owner named and that cannot be used is a problem of the configuration. Where nobody named one,
    the next one is tried, and then memory: a server that ran without a disk goes on running.
    """
    known = (before.history, before.histories) if before is not None else None
    places = history_places(config)
    reason = places.memory_reason
    refused = []
    for folder in places.folders:
        try:
            found = open_history(history_settings(config, folder), identities, default, known)
        except (OSError, HistoryLocked) as problem:
            if places.required:
                raise ConfigError([f"PW_HISTORY_PATH: {_named(problem)}"]) from None
            logger.warning("history cannot be kept in %s: %s", folder, problem)
            refused.append(_told(problem))
        else:
            return found
    if refused:
        # Clients read it, so it names no folder; the log has them.
        reason = f"no folder can be used ({'; '.join(refused)}); set PW_HISTORY_PATH to one that this server may write"
    wanted = replace(history_settings(config), path=None)
    store, histories = open_history(wanted, identities, default, known)
    return store, replace(histories, memory_reason=reason if wanted.enabled else None)


def _named(problem: Exception) -> str:
    if not isinstance(problem, OSError):
        return str(problem)
    if problem.filename is None:
        return f"the folder cannot be used ({problem.strerror})"
    advice = "move it away, mend who may use it, or set another folder"
    return f"{os.fspath(problem.filename)} cannot be used ({problem.strerror}); {advice}"


def _told(problem: Exception) -> str:
    """Say a problem in the half sentence of a reason."""
    return problem.strerror or "it cannot be used" if isinstance(problem, OSError) else "another pwserver has it"
