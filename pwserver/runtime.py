"""One generation of the server: its configuration, its arena, and the public facts all processes start from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field

from pwserver.commands import Channel
from pwserver.config import Config
from pwserver.directory import Directory
from pwserver.documents.render import Packed
from pwserver.documents.virtual_gateway import MergeOptions
from pwserver.history.history_answer import Histories
from pwserver.history.store import HistoryStore
from pwserver.reading import GatewayIdentity, ServerFacts
from pwserver.records import record
from pwserver.shared import FIRST_WORKER_ROW, Shared


@record(frozen=True)
class Runtime:
    """Holds what main hands to every child by fork. After the first fork only the arena's content changes."""

    config: Config
    shared: Shared
    server: ServerFacts
    identities: tuple[GatewayIdentity, ...]
    merging: MergeOptions
    fallbacks: Mapping[str, Sequence[Packed]]  # slot -> what is served once its snapshot has expired
    channel: Channel  # commands from the workers to the poller
    history: HistoryStore
    histories: Histories  # the same, as workers read it
    directory: Directory | None = None  # of a replica: the gateways it has heard of
    main_pid: int = field(default_factory=os.getpid)

    def worker_row(self, number: int) -> int:
        """Return the heartbeat row of worker ``number``."""
        return FIRST_WORKER_ROW + number

    @property
    def workers(self) -> int:
        """Return the number of worker processes."""
        return self.shared.workers
