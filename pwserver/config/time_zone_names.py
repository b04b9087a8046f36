"""Check IANA time zones, and suggest the zone that a wrong name may mean."""

from __future__ import annotations

import functools
import re

from pwserver.config.raw_text import BadValue, nearest
from pwserver.iana_zone import known_zone


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
    """Return the zones that a wrong name may mean: another case, blanks for underscores, only the city, or a slip."""
    wanted = re.sub(r"[\s_]+", "_", text.strip()).casefold()
    names = sorted(known)
    same = [name for name in names if name.casefold() == wanted]
    city = [name for name in names if "/" in name and name.rpartition("/")[2].casefold() == wanted.rpartition("/")[2]]
    near = nearest(text.strip().replace(" ", "_"), known)
    return (same or city or ([near] if near else []))[:3]


@functools.cache
def _known_timezones() -> frozenset[str]:
    """Return every zone of this machine; slow the first time, so only asked for after a miss."""
    import zoneinfo

    return frozenset(zoneinfo.available_timezones())
