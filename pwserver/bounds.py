"""Define how much a query or a body may hold: every bound that a client can meet, in one place.

The readers of queries, forms and JSON take their limits from here, and so does the API description. What clients of one
installation may do is a setting (``PW_MAX_*``); these are the limits of what makes sense at all.
"""

from __future__ import annotations

import json
from typing import Final

Range = tuple[float, float]

# queries
QUERY_CHARACTERS: Final = 4096  # percent-encoded, as it comes
QUERY_PARAMETERS: Final = 100
EPOCH_SECONDS: Final = (0, 4_102_444_800)  # 1970 to 2100
DAYS: Final = (1, 366)
CALENDAR_PERIODS: Final = (1, 400)
TREND_HOURS: Final = (1, 168)
SIGNAL_HOURS: Final = (1, 87_840)
SAMPLES: Final = (1, 10_000)
EVENTS: Final = (1, 5000)
POINTS: Final = (3, 10_000)
STEP_SECONDS: Final = (1, 3_155_760_000)  # up to a century
WHOLE_DIGITS: Final = 18  # so that every whole number fits into 64 bits
NUMBER_CHARACTERS: Final = 40  # a float needs 24
LIST_ITEMS: Final = 256
ITEM_CHARACTERS: Final = 128

# commands
RESERVE_PERCENT: Final = (0, 100)
BACKUP_SECONDS: Final = (60, 4_294_967_295)
DISPATCH_SECONDS: Final = (1, 86_400)
DISPATCH_WATTS: Final = (-1_000_000, 1_000_000)
FORM_FIELDS: Final = 16
KEY_CHARACTERS: Final = 128  # of an Idempotency-Key

# JSON in bodies
JSON_DEPTH: Final = 32
JSON_VALUES: Final = 4000
JSON_CONTAINERS: Final = 1000  # lists and objects; a price for every half hour and direction makes 200
JSON_TEXT_CHARACTERS: Final = 4096
JSON_DIGITS: Final = 40  # of whole numbers; reading thousands of them takes time
TARIFF_BYTES: Final = 64 * 1024  # as it is received, and as it is sent on, in ASCII

SHOWN_CHARACTERS: Final = 60  # of a value that an error repeats


def shown(value: object) -> str:
    """Return a value as an error may repeat it: as JSON where possible, shortened, in one line, and printable."""
    if isinstance(value, str):
        text = value[: SHOWN_CHARACTERS + 1]
    elif isinstance(value, (dict, list)):
        text = "an object" if isinstance(value, dict) else "a list"
        return f"{text} of {len(value)}" if value else f"{text} without members"
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**SHOWN_CHARACTERS:
        return "a number of very many digits"
    else:
        text = json.dumps(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    if not isinstance(value, str):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def allowed(limits: Range, unit: str = "") -> str:
    """Write the part of a sentence for a range: ``from 1 to 366``."""
    return f"from {limits[0]} to {limits[1]}{f' {unit}' if unit else ''}"
