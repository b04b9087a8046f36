"""Define what a history question returns, and the histories it can be asked of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

import ujson

from pwserver.events.event_ring import EventRing
from pwserver.history.archive import Archive
from pwserver.history.layout import HistoryGateway, HistorySettings
from pwserver.history.tariff_copies import copied_tariff
from pwserver.records import record
from pwserver.tariff.tariff import Tariff
from pwserver_ext.http_values import knows

JSON = "application/json"
CSV = "text/csv; charset=utf-8"


class HistoryAnswer(NamedTuple):
    """Holds one finished answer. ``etag``: quoted, None where there is nothing to compare; a 304 has an empty body.

    ``step_seconds``: from one row to the next, where that may be longer than was asked for.
    """

    status: int
    media_type: str
    body: bytes
    etag: bytes | None = None
    step_seconds: float | None = None


@record(frozen=True, slots=True)
class Histories:
    """Holds all histories that can be asked. ``gateways``: every configured gateway in order, virtual ones last."""

    settings: HistorySettings
    gateways: Sequence[HistoryGateway]
    archives: Mapping[str, Archive]
    default_gateway: str | None = None
    disk_bytes: Callable[[], int] | None = None  # None: in memory
    stop_reason: Callable[[], str | None] = lambda: None  # why nothing may be read any more; asked before every answer
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)  # gateway id -> what its owner says that energy costs
    memory_reason: str | None = None  # why the history is in memory, and ends with the server; None on the disk
    events: Mapping[str, EventRing] = field(default_factory=dict)  # of the real gateways; readable whatever happens

    def now(self, clock: float) -> float:
        """Return the present of the history: the machine's clock, corrected while that is known to be wrong."""
        found = self.archives.get(self.default_gateway or "") or next(iter(self.archives.values()), None)
        return clock if found is None else clock + found.correction_seconds

    def tariff(self, gateway_id: str) -> Tariff | None:
        """Return the tariff of a gateway: the owner's, else what Tesla's servers told; None where there is none."""
        archive = self.archives.get(gateway_id)
        return self.tariffs.get(gateway_id) or (copied_tariff(archive) if archive is not None else None)

    def real(self, gateway_id: str | None = None) -> list[Archive]:
        """Return the archives of the real gateways, or of the one with this id; empty when there is no such gateway."""
        if gateway_id is not None:
            found = self.archives.get(gateway_id)
            return [found] if found is not None else []
        return [
            self.archives[gateway.id]
            for gateway in self.gateways
            if not gateway.virtual and gateway.id in self.archives
        ]


Route = Callable[[Histories, Mapping[str, str], float, bytes | None], HistoryAnswer]


def to_json(body: object) -> bytes:
    """Write compact JSON. The body must not hold NaN or infinity."""
    return ujson.dumps(
        body, ensure_ascii=False, escape_forward_slashes=False, encode_html_chars=False, allow_nan=False
    ).encode()


def json_answer(body: object, etag: bytes | None = None, status: int = 200) -> HistoryAnswer:
    """Make an answer with a JSON body."""
    return HistoryAnswer(status, JSON, to_json(body), etag)


def make_etag(*parts: object, weak: bool = False) -> bytes:
    """Make an entity tag of all the body depends on; ``weak`` where the body also tells the time."""
    digest = hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=12).hexdigest().encode()
    return (b'W/"' if weak else b'"') + digest + b'"'


def unchanged(etag: bytes, if_none_match: bytes | None) -> bool:
    """Return whether the client's ``If-None-Match`` names this tag (weak comparison)."""
    return if_none_match is not None and knows([if_none_match], etag.removeprefix(b"W/").strip(b'"'), False)
