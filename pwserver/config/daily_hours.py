"""Define the kind of setting that is a span of the day, such as 22:00-07:00."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pwserver.config.kinds import Kind
from pwserver.config.raw_text import BadValue, without_comment
from pwserver.records import record

_HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\s*[-–]\s*([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
EXPECTED: Final = "two different times of the day such as 22:00-07:00"


@record(frozen=True, slots=True)
class DailyHours:
    """Holds a half-open span of the day in minutes after midnight by the wall clock; it may pass midnight."""

    begin_minute: int
    end_minute: int

    def __str__(self) -> str:
        begin, end = self.begin_minute, self.end_minute
        return f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"

    def contains(self, local: datetime) -> bool:
        """Say whether the wall clock shows a time within the span; an hour that a clock change repeats counts twice."""
        minute = local.hour * 60 + local.minute
        if self.begin_minute < self.end_minute:
            return self.begin_minute <= minute < self.end_minute
        return minute >= self.begin_minute or minute < self.end_minute


def daily_hours(text: str) -> DailyHours:
    """Return the span that ``DailyHoursKind`` has taken. Raises BadValue."""
    match = _HOURS.match(text)
    if match is None:
        raise BadValue(EXPECTED)
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if begin == end:
        raise BadValue(EXPECTED)
    return DailyHours(begin, end)


@record(frozen=True)
class DailyHoursKind(Kind[str]):
    """Takes two times of the day with a hyphen between them; the value is their text in one form."""

    word: str = "hours"

    def parse(self, text: str) -> str | None:
        text = without_comment(text)
        return str(daily_hours(text)) if text else None

    @property
    def expected(self) -> str:
        return EXPECTED
