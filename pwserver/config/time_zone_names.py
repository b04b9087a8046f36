"""Check IANA time zones, and suggest the zone that a wrong name may mean."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

from pwserver.config.raw_text import BadValue, nearest
from pwserver.iana_zone import known_zone

SHORT_CHARACTERS: Final = 5  # CEST is one letter from EST, which is six hours away
_DISTANCE: Final = re.compile(r"(?:UTC|GMT)?\s*(?P<sign>[+-])0?(?P<hours>[1-9]|1[0-2])(?::?00)?", re.IGNORECASE)
# Of what people write, with the zone that most of them mean.
_ABBREVIATIONS: Final = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "MDT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "EDT": "America/New_York",
    "BST": "Europe/London",
    "CEST": "Europe/Berlin",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
}


def timezone_name(text: str) -> str:
    """Return an IANA zone as it is written. Taken on trust where the machine has no zone data at all."""
    if known_zone(text) is not None:
        return text
    expected = "an IANA time zone such as America/Los_Angeles"
    known = _known_timezones()
    if text in known or (not known and re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", text)):
        return text
    meant = _meant_timezones(text[:100], known)
    raise BadValue(expected + (f" (did you mean {' or '.join(meant)}?)" if meant else ""))


def _meant_timezones(text: str, known: frozenset[str]) -> list[str]:
    """Return the zones that a wrong name may mean.

    It may be written in another case, with blanks for underscores, accents or quotation marks, be only the city, an
    abbreviation or a distance from UTC, or have a slip.
    """
    if distance := _DISTANCE.fullmatch(text.strip()):
        # The signs of these zones are those of POSIX: Etc/GMT-2 is two hours ahead of UTC.
        return [f"Etc/GMT{'-' if distance['sign'] == '+' else '+'}{int(distance['hours'])}"]
    text = unicodedata.normalize("NFKD", text.strip("\"' \t")).encode("ascii", "ignore").decode()
    text = re.sub(r"(?i),.*|\s+(standard |daylight )?time$", "", text)
    if text.upper() in _ABBREVIATIONS:
        return [_ABBREVIATIONS[text.upper()]]
    wanted = re.sub(r"[\s_]+", "_", text.strip()).casefold()
    names = sorted(known)
    same = [name for name in names if name.casefold() == wanted]
    city = [name for name in names if "/" in name and name.rpartition("/")[2].casefold() == wanted.rpartition("/")[2]]
    near = nearest(text.strip().replace(" ", "_"), known) if len(text) > SHORT_CHARACTERS else None
    return (same or city or ([near] if near else []))[:3]


@functools.cache
def _known_timezones() -> frozenset[str]:
    """Return every zone of this machine; slow the first time, so only asked for after a miss."""
    import zoneinfo

    return frozenset(name for name in zoneinfo.available_timezones() if known_zone(name) is not None)
