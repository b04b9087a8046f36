"""Carry a history that was kept in memory into what a reload makes of it: a folder, or rings of another shape."""

from __future__ import annotations

import logging

from pwserver.events.event_ring import SPARE, EventRing
from pwserver.history.store import HistoryStore
from pwserver.history.transfer import merge_tables, rows_among, tables_in

log = logging.getLogger("pwserver.history")


def take_over(old: HistoryStore, new: HistoryStore) -> None:
    """Add the rows and events that ``old`` has in memory to those of ``new``, while nobody records.

    What is there already stays. A gateway whose files refuse is told in the log and does not stop the others.
    """
    for gateway, events in new.events.items():
        if gateway in old.events and old.events[gateway] is not events:
            _add_events(old.events[gateway], events)
    for gateway, archive in new.archives.items():
        if gateway in old.archives and old.archives[gateway].polls is not archive.polls:
            try:
                tables = tables_in(old.archives[gateway])
                merge_tables(new, gateway, rows_among(tables, archive.timezone), tables)
            except (OSError, RuntimeError, ValueError) as problem:
                log.error("history of %s: what was in memory is lost (%s)", gateway, problem)


def _add_events(old: EventRing, new: EventRing) -> None:
    known = old.after(0)
    for start in range(0, len(known), SPARE):
        new.commit(known[start : start + SPARE], new.kept_memory)
    new.commit([], old.kept_memory)
