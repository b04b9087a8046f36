"""Find the document that answers a request target, and what is served when its snapshot has expired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from pwserver.documents.catalogue import (
    FACTS_INDEX,
    FORMS,
    GATEWAY_DOCUMENTS,
    SITE_DOCUMENTS,
    gateway_targets,
    site_targets,
)
from pwserver.documents.document import Document
from pwserver.documents.render import Packed
from pwserver.records import record
from pwserver.shared import AGGREGATE, SITE, Shared
from pwserver_ext.snapshot import StoredDocument as Published

MOST_TRIES = 5  # documents are read within microseconds, so a publication in between is rare, and five in a row rarer


@record(frozen=True, slots=True)
class Entry:
    """Names the place of a target's document: its slot, its number there, and its column of the hit counters."""

    slot: str
    index: int
    media_type: str
    column: int  # of the hit counters


@record(frozen=True, slots=True)
class Forms:
    """Holds a page in two forms: ``other`` is served where ``wanted`` is true for the Accept header of the request."""

    plain: Entry
    other: Entry
    wanted: Callable[[str], bool]


@record(frozen=True, slots=True)
class Served:
    """Holds a document as it may be served now. ``timestamp``: epoch seconds of its reading, 0 without one."""

    status: int
    body: bytes
    gzip: bytes | None
    etag: bytes
    timestamp: float
    age_seconds: float = 0.0


class DocumentTable:
    """Finds the documents of all targets.

    ``fallbacks``: slot -> the documents of a server without data, made before the first fork.
    ``entries``: target -> entry of all that have one form; ``forms``: target -> both, where Accept decides.
    """

    def __init__(self, shared: Shared, default: str | None, fallbacks: Mapping[str, Sequence[Packed]]) -> None:
        self.shared = shared
        self.default = default
        self.gateways = (*shared.gateways, AGGREGATE)  # every id that has documents
        self.fallbacks = fallbacks
        self.facts_index = FACTS_INDEX
        self.entries: dict[str, Entry] = {}
        for gateway in self.gateways:
            slot = gateway if gateway in shared.slots else shared.gateways[0]
            is_default = gateway == default or default is None
            self._add(slot, gateway_targets(gateway, is_default), GATEWAY_DOCUMENTS)
        self._add(SITE, site_targets(), SITE_DOCUMENTS)
        self._names: dict[int, str] = {}
        # The shortest target names a document in the statistics; its aliases count there as well.
        for target in sorted(self.entries, key=len):
            self._names.setdefault(self.entries[target].column, target)
        self.forms: dict[str, Forms] = {}
        for target, (index, wanted) in FORMS.items():
            other = Entry(SITE, index, SITE_DOCUMENTS[index].media_type, shared.hit_start[SITE] + index)
            self.forms[target] = Forms(self.entries.pop(target), other, wanted)

    def _add(self, slot: str, targets: Mapping[str, int], rows: Sequence[Document]) -> None:
        start = self.shared.hit_start[slot]
        for target, index in targets.items():
            self.entries.setdefault(target, Entry(slot, index, rows[index].media_type, start + index))

    def of_gateway(self, entry: Entry, gateway: str) -> Entry | None:
        """Return the place of the same document of another gateway; None for a document about all of them."""
        if entry.slot == SITE:
            return None
        slot = gateway if gateway in self.shared.slots else self.shared.gateways[0]
        return Entry(slot, entry.index, entry.media_type, self.shared.hit_start[slot] + entry.index)

    def internal(self, slot: str, target: str) -> Entry:
        """Return where a document lies that only workers read."""
        rows = SITE_DOCUMENTS if slot == SITE else GATEWAY_DOCUMENTS
        index = next(index for index, row in enumerate(rows) if row.target == target)
        return Entry(slot, index, rows[index].media_type, self.shared.hit_start[slot] + index)

    def read(self, entry: Entry) -> Served:
        """Return a document as it may be served now: the snapshot's, or the fallback when that has expired."""
        self.shared.note_read(entry.slot)
        return self._served(entry, self.shared.slots[entry.slot].document(entry.index))

    def read_together(self, entries: Sequence[Entry]) -> list[Served]:
        """Return several documents of one slot, from the same snapshot."""
        slot = self.shared.slots[entries[0].slot]
        self.shared.note_read(entries[0].slot)
        for _ in range(MOST_TRIES):
            found = [slot.document(entry.index) for entry in entries]
            if len({one.generation if one is not None else None for one in found}) == 1:
                break
        return [self._served(entry, one) for entry, one in zip(entries, found, strict=True)]

    def _served(self, entry: Entry, found: Published | None) -> Served:
        now = monotonic()
        if found is not None and (not found.expires or now < found.expires):
            # By the monotonic clock, because the other one can be set.
            age = max(0.0, now - found.taken) if found.taken else 0.0
            return Served(found.status, found.body, found.gzip, found.etag, found.timestamp, age)
        return Served(*self.fallbacks[entry.slot][entry.index], 0.0)

    def hits(self) -> dict[str, int]:
        """Return the shortest target of every document that was asked for -> answers, over all workers."""
        counted = ((name, self.shared.hits.sum(column)) for column, name in self._names.items())
        return {name: count for name, count in counted if count}
