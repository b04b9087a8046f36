"""Define the settings of notices: where they go, about what, and when.

Every field is one row of the settings table: its variable, what it may be, its default, its section and its help.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from pwserver.config.daily_hours import DailyHoursKind
from pwserver.config.kinds import Items, Kind, listed_texts
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.raw_text import BadValue
from pwserver.config.setting import DAY_SECONDS, NOTICES, setting

MOST_ADDRESSES: Final = 8
HEALTH: Final = "health"
RULE_NAMES: Final = ("grid", "gateway", "alert", "charge_below", "charge_above", "backup", HEALTH)
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://[!-~\x80-\U0010ffff]+\Z")
_BETWEEN: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]{0,31}://)")
_SHORTEST_PART: Final = 8  # characters of a part of an address that is a secret by itself
_SHORTEST_HOST_TOKEN: Final = 16  # some services have their token where others have the host


@dataclass(frozen=True)
class Addresses(Kind[tuple[str, ...]]):
    """Takes Apprise addresses: a JSON array, or separated by blanks or commas. They are secrets, so none is shown."""

    word: str = "addresses"

    def parse(self, text: str) -> tuple[str, ...] | None:
        found = listed_texts(text, self.expected, lambda plain: _BETWEEN.split(plain.rstrip(", ")))
        if found is None:
            return None
        if len(found) > MOST_ADDRESSES or not all(map(_ADDRESS.match, found)):
            raise BadValue(self.expected)
        return tuple(dict.fromkeys(found)) or None

    def format(self, value: tuple[str, ...]) -> str:
        return json.dumps(list(value), ensure_ascii=False)

    @property
    def expected(self) -> str:
        return (
            f"at most {MOST_ADDRESSES} addresses as Apprise writes them, such as ntfy://host/topic, "
            "separated by blanks or in a JSON array"
        )


def rule_name(text: str) -> str:
    """Return the name of a rule. Raises BadValue."""
    if text.lower() not in RULE_NAMES:
        raise BadValue("rules out of " + ", ".join(RULE_NAMES))
    return text.lower()


def address_secrets(address: str) -> set[str]:
    """Return every text of an address that must appear nowhere: all of it, and the parts that may be a token."""
    found = {address}
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return found
    login = [part for part in (parts.username, parts.password) if part]
    pieces = [*login, *parts.path.split("/"), *re.split("[&=;]", parts.query)]
    found |= {form for piece in pieces if len(piece) >= _SHORTEST_PART for form in (piece, unquote(piece))}
    if parts.password:
        found |= {parts.password, unquote(parts.password)}
    if len(host) >= _SHORTEST_HOST_TOKEN and "." not in host and ":" not in host:
        found |= {host, parts.netloc.rpartition("@")[2].partition(":")[0]}
    return found


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """Holds where notices go, about what, and when. Without an address there are none."""

    addresses: tuple[str, ...] | None = setting(
        "PW_NOTICE_URLS", Addresses(), None, NOTICES,
        "The addresses that notices are sent to, as Apprise writes them. Setting it switches notices on.", secret=True)
    rules: tuple[str, ...] = setting(
        "PW_NOTICE_RULES", Items(rule_name, what="rules"), RULE_NAMES, NOTICES,
        "The rules that make notices. Those with a threshold need that, too.")
    silent_seconds: float = setting(
        "PW_NOTICE_SILENT", Duration(0, 7 * DAY_SECONDS), 600.0, NOTICES,
        "A gateway that has been silent for this time is told of.")
    charge_below_percent: int | None = setting(
        "PW_NOTICE_CHARGE_BELOW", Int(1, 99), None, NOTICES,
        "A charge below this is told of, in percent as in Tesla's app.", unit="%")
    charge_above_percent: int | None = setting(
        "PW_NOTICE_CHARGE_ABOVE", Int(1, 99), None, NOTICES,
        "A charge above this is told of, in percent as in Tesla's app.", unit="%")
    backup_below_seconds: float | None = setting(
        "PW_NOTICE_BACKUP_BELOW", Duration(60, 30 * DAY_SECONDS), None, NOTICES,
        "Batteries that would last for less than this time are told of.")
    hold_seconds: float = setting(
        "PW_NOTICE_HOLD", Duration(0, DAY_SECONDS), 60.0, NOTICES,
        "A threshold must have been passed for this time before that is told of.")
    quiet_hours: str | None = setting(
        "PW_NOTICE_QUIET_HOURS", DailyHoursKind(), None, NOTICES,
        "Between these times of the house's day notices are kept back until the end, apart from urgent ones.")
    urgent_rules: tuple[str, ...] = setting(
        "PW_NOTICE_URGENT", Items(rule_name, what="rules"), ("alert", "backup"), NOTICES,
        "The rules whose notices are sent in the quiet hours, too.")
    max_per_hour: int = setting(
        "PW_NOTICE_MAX_PER_HOUR", Int(1, 100), 10, NOTICES,
        "At most so many messages are sent within an hour; what is more waits, and comes together in one.")
# fmt: on
