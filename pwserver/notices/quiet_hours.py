"""Judge whether a notice has to wait for the end of the quiet hours of its house. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo

from pwserver.config.daily_hours import DailyHours
from pwserver.notices.notice import Notice


def held_back(
    hours: DailyHours | None, urgent_rules: tuple[str, ...], zones: Mapping[str, tzinfo], now: float
) -> Callable[[Notice], bool]:
    """Return a judge of notices for this moment. ``zones``: the time zone of each gateway."""

    def judge(notice: Notice) -> bool:
        if hours is None or notice.rule in urgent_rules:
            return False
        return hours.contains(datetime.fromtimestamp(now, zones.get(notice.gateway, UTC)))

    return judge
