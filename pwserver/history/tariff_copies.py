"""Keep dated copies of the tariff that Tesla's servers tell, in a record beside the rings.

What they tell is the plan of now and no history of prices, so a copy holds from the day on which it was first seen.
"""

from __future__ import annotations

import datetime
from typing import Final
from weakref import WeakKeyDictionary

import ujson

from pwserver.history.archive import Archive
from pwserver.json_types import JsonMapping
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import NotATariff, read_tesla_tariff

MOST_COPIES: Final = 100
TARIFF: Final = "tariff"  # the name of the record

_Copy = tuple[str, JsonMapping]  # the day, ISO 8601, and the document
_read: WeakKeyDictionary[Archive, tuple[int, Tariff | None]] = WeakKeyDictionary()


def keep_copy(archive: Archive, document: JsonMapping, day: datetime.date) -> bool:
    """Keep a document that holds from this day on; False when it is the one that is known. Raises NotATariff.

    Of one day the last document counts. When there is no more room the oldest give way.
    """
    read_tesla_tariff(document)
    copies = _copies(archive)
    if copies and copies[-1][1] == ujson.loads(ujson.dumps(document)):
        return False
    kept = [*(copy for copy in copies if copy[0] < day.isoformat()), (day.isoformat(), document)][-MOST_COPIES:]
    while kept:
        payload = ujson.dumps({"copies": kept}, ensure_ascii=False).encode()
        if len(payload) <= archive.tariff.room:
            archive.tariff.write(payload)
            return True
        del kept[0]
    raise NotATariff("it is too long to be kept")


def copied_tariff(archive: Archive) -> Tariff | None:
    """Return the tariff of the copies (read once per change); None while there is none."""
    sequence = archive.tariff.read()[0]
    known = _read.get(archive)
    if known is None or known[0] != sequence:
        known = _read[archive] = (sequence, _tariff(_copies(archive)))
    return known[1]


def _tariff(copies: list[_Copy]) -> Tariff | None:
    versions, currency = [], None
    for day, document in copies:
        try:
            version, told = read_tesla_tariff(document, datetime.date.fromisoformat(day))
        except (NotATariff, ValueError):
            continue
        versions.append(version)
        currency = told or currency
    return Tariff(currency, tuple(versions)) if versions else None


def _copies(archive: Archive) -> list[_Copy]:
    """Read the copies, oldest first; none where the record cannot be understood."""
    payload = archive.tariff.read()[1]
    try:
        found = ujson.loads(payload)["copies"] if payload else []
        return [(str(day), document) for day, document in found]
    except (ValueError, TypeError, KeyError):
        return []
