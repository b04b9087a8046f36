"""Read and serve what the questions about days of devices have in common: window, format, entity tag, dates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.days import DAY_MIDDLE_SECONDS, local_date, zone
from pwserver.history.history_answer import CSV, JSON, Histories, HistoryAnswer, make_etag, to_json, unchanged
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.layout import DEVICE_DAYS
from pwserver.history.timeseries import refuse
from pwserver.json_types import JsonObject
from pwserver.records import record

DEFAULT_DAYS: Final = 366
_DAY_SECONDS: Final = 86400.0


@record(frozen=True, slots=True)
class DayWindow:
    """Holds a question: whose days, and which begin from ``start`` on and before ``end``."""

    arguments: Mapping[str, str]
    gateway: str | None
    start: float
    end: float
    csv: bool
    now: float

    @classmethod
    def read(cls, arguments: Mapping[str, str], now: float) -> DayWindow:
        """Read the parameters of a question. Raises BadQuery with everything that is wrong with them."""
        query = QueryParameters(arguments)
        start = query.moment("from", now - DEFAULT_DAYS * _DAY_SECONDS, now)
        end = query.moment("to", now, now)
        if start > end:
            query.problem("from", "value_error", "must not be after to", query.text("from"))
        media = query.choice("format", "json", ("json", "csv"))
        query.check()
        # Rows that a wrong clock has written into the future are not read before their time comes.
        until = min(end, math.nextafter(now, math.inf))
        return cls(arguments, query.text("gateway"), start, until, media == "csv", now)

    @property
    def media_type(self) -> str:
        """Return the media type of the answer."""
        return CSV if self.csv else JSON

    def archives(self, histories: Histories) -> list[Archive]:
        """Return the archives that are asked; a sum of gateways has no devices of its own."""
        found = histories.real(self.gateway) if histories.settings.enabled else []
        return [archive for archive in found if archive.devices is not None]

    def etag(self, archives: Sequence[Archive], kind: str) -> bytes:
        """Return the entity tag of the answer about one kind of devices."""
        contents = [_content(archive, kind) for archive in archives]
        return make_etag(kind, *contents, sorted(self.arguments.items()), self.now // 60.0, weak=True)


@record(frozen=True, slots=True)
class DeviceAnswer:
    """Describes the answer about one kind of devices: what it says of all gateways, and how one is written."""

    kind: str
    about: JsonObject
    gateway: Callable[[Archive, DayWindow], bytes]
    csv_head: str
    csv_lines: Callable[[Archive, DayWindow], Iterable[str]]

    def give(
        self, histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None
    ) -> HistoryAnswer:
        """Answer a question about days: 200, 304 when ``match`` names the same content, 422 for bad parameters."""
        try:
            window = DayWindow.read(arguments, now)
        except BadQuery as problem:
            return refuse(problem)
        archives = window.archives(histories)
        etag = window.etag(archives, self.kind)
        if unchanged(etag, match):
            return HistoryAnswer(304, window.media_type, b"", etag)
        if window.csv:
            lines = (line for one in archives for line in self.csv_lines(one, window))
            return HistoryAnswer(200, CSV, (self.csv_head + "".join(lines)).encode(), etag)
        parts = [to_json(one.gateway.id) + b":" + self.gateway(one, window) for one in archives]
        head = to_json({"enabled": histories.settings.enabled, **self.about})
        return HistoryAnswer(200, JSON, head[:-1] + b',"gateways":{' + b",".join(parts) + b"}}", etag)


def _content(archive: Archive, kind: str) -> str:
    """Name the exact content of the days of one kind of devices."""
    rings = [archive.rings[name] for name in DEVICE_DAYS[kind].rings]
    sequence = archive.devices.read()[0] if archive.devices is not None else 0
    return f"{archive.gateway.id} {sequence:x} " + "-".join(f"{ring.identity:x}.{ring.generation:x}" for ring in rings)


@lru_cache(maxsize=1 << 15)
def day_ordinal(start: float, zone_name: str) -> int:
    """Return the proleptic ordinal of the day that begins at ``start``."""
    return local_date(start + DAY_MIDDLE_SECONDS, zone(zone_name)).toordinal()


@lru_cache(maxsize=1 << 12)
def day_text(start: float, zone_name: str) -> str:
    """Return the date of the day that begins at ``start``, as YYYY-MM-DD."""
    return local_date(start + DAY_MIDDLE_SECONDS, zone(zone_name)).isoformat()


def quoted(name: str) -> str:
    """Write a name as a cell of CSV."""
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n') else name


def rounded(value: float | None, decimals: int) -> float | None:
    """Round a number that may not be known."""
    return None if value is None else round(value, decimals)
