"""From a configuration to everything the processes share, before the first of them is forked."""

from __future__ import annotations

import time
from importlib import metadata

from pwserver import __version__
from pwserver.commands import Channel
from pwserver.config import Config
from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.merge import MergeOptions
from pwserver.poller.commands import Moments
from pwserver.poller.publish import Publisher
from pwserver.reading import ServerFacts
from pwserver.runtime import Runtime
from pwserver.shared import Shared
from pwserver.web.front import shared_bytes


def assemble(config: Config) -> Runtime:
    """Make the arena for ``config`` and fill it with the documents of a server that knows nothing yet."""
    settings = config.settings
    identities = tuple(gateway.identity() for gateway in config.gateways)
    server = ServerFacts(
        version=__version__,
        library_version=metadata.version("pypowerwall"),
        started=time.time(),
        default_gateway=config.default_gateway,
        poll_interval_seconds=settings["PW_CACHE_EXPIRE"],
        settings=config.masked(),
        control_enabled=config.control_enabled,
        missing_as_zero=settings["PW_MISSING_AS_ZERO"],
    )
    shared = Shared(
        [identity.id for identity in identities],
        documents=len(GATEWAY_DOCUMENTS),
        site_documents=len(SITE_DOCUMENTS),
        slot_bytes=settings["PW_SNAPSHOT_BYTES"],
        document_bytes=settings["PW_DOCUMENT_MAX_BYTES"],
        workers=settings["PW_WORKERS"],
        extra={"islanding": Moments.size(len(identities)), **shared_bytes(settings)},
    )
    merging = MergeOptions(name_prefix=settings["PW_AGGREGATE_PREFIX"])
    first = Publisher(shared, server, identities, merging)
    first.everything()
    return Runtime(config, shared, server, identities, merging, first.packed(), Channel(shared.workers))
