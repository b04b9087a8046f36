"""Read the seasons and periods of a tariff, and look for days and hours with two prices or none."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from pwserver.config.tariff_members import PRICES, MemberReader
from pwserver.config.tariff_windows import BadTime, overlap_of, read_days, read_time, unpriced_time
from pwserver.tariff.tariff import WEEK, MonthDay, Period, Season, Window

MOST_SEASONS, MOST_PERIODS = 24, 64
_SEASON = ("name", "from", "to", *PRICES)
_PERIOD = ("name", "days", "from", "to", "buy", "sell")


class SeasonReader:
    """Reads seasons: each is one of prices to buy and one of prices to sell."""

    def __init__(self, read: MemberReader) -> None:
        self._read = read

    def seasons(self, given: object, where: str, sell: float | None) -> list[tuple[Season, Season]]:
        """Return the seasons of a list."""
        found: list[tuple[Season, Season]] = []
        for index, each in enumerate(self._read.entries(given, where, MOST_SEASONS)):
            place = f"{where}[{index}]"
            block = self._read.mapping(each, place, _SEASON)
            if block is None:
                continue
            first = self._read.day(block.get("from"), f"{place}.from", (1, 1))
            last = self._read.day(block.get("to"), f"{place}.to", (12, 31))
            if first is not None and last is not None:
                found.append(self.season(block, place, self._read.name(block, place) or str(index), first, last, sell))
        self._year(found, where)
        return found

    def _year(self, seasons: Sequence[tuple[Season, Season]], where: str) -> None:
        """Look at every day of a leap year: more than one season is a problem, none at all a warning."""
        day, missing = datetime.date(2024, 1, 1), ""
        for _ in range(366):
            holding = [buy.name for buy, _ in seasons if buy.holds((day.month, day.day))]
            if len(holding) > 1:
                self._read.problem(where, f"{' and '.join(holding)} both have {day:%m-%d}; a day has one season")
                return
            missing = missing or ("" if holding else f"{day:%m-%d}")
            day += datetime.timedelta(days=1)
        if missing and seasons:
            self._read.warn(where, f"no season has {missing}; days without a season have no price")

    def season(
        self,
        block: Mapping[str, object],
        where: str,
        name: str,
        first: MonthDay,
        last: MonthDay,
        otherwise_sell: float | None = None,
    ) -> tuple[Season, Season]:
        """Return a season of prices to buy and one of prices to sell."""
        flat = self._read.two_prices(block, where, otherwise_sell)
        others = None
        if "periods" not in block:
            if "buy" not in block:
                self._read.problem(where, "has no price; give buy, periods, seasons or tesla")
            others = Period(name or "all", flat[0], ()), Period(name or "all", flat[1], ())
            return Season(name, first, last, (), others[0]), Season(name, first, last, (), others[1])
        if "buy" in block:
            self._read.problem(
                where, "buy stands beside periods; a period without days and hours has the rest of the time"
            )
        bought: list[Period] = []
        sold: list[Period] = []
        for index, each in enumerate(self._read.entries(block["periods"], f"{where}.periods", MOST_PERIODS)):
            place = f"{where}.periods[{index}]"
            inner = self._read.mapping(each, place, _PERIOD)
            if inner is None:
                continue
            buy, sell = self._read.two_prices(inner, place, flat[1])
            if "buy" not in inner:
                self._read.problem(place, "has no price; give buy")
            label = self._read.name(inner, place) or str(index)
            if not {"days", "from", "to"} & set(inner):
                if others is not None:
                    self._read.problem(
                        place, "is the second one without days and hours; only one can have what is left"
                    )
                others = Period(label, buy, ()), Period(label, sell, ())
                continue
            window = self._window(inner, place)
            if window is not None:
                bought.append(Period(label, buy, (window,)))
                sold.append(Period(label, sell, (window,)))
        self._week(bought, others is not None, f"{where}.periods")
        rest = others or (None, None)
        return Season(name, first, last, tuple(bought), rest[0]), Season(name, first, last, tuple(sold), rest[1])

    def _week(self, periods: Sequence[Period], rest: bool, where: str) -> None:
        found = overlap_of(periods)
        if found is not None:
            self._read.problem(where, f"{found}; an hour has one price")
        missing = None if rest else unpriced_time(periods)
        if missing is not None and periods:
            self._read.warn(
                where,
                f"none has {missing}; hours without a period have no price. A period without days and hours "
                "has the rest of the time",
            )

    def _window(self, block: Mapping[str, object], where: str) -> Window | None:
        try:
            member, days = "days", WEEK
            if "days" in block:
                days = read_days(block["days"])
            member, start, end = "from", 0, 1440
            if "from" in block:
                start = read_time(block["from"]) % 1440
            member = "to"
            if "to" in block:
                end = read_time(block["to"])
        except BadTime as bad:
            self._read.refuse(f"{where}.{member}", block[member], str(bad))
            return None
        if start % 1440 == end % 1440 and {"from", "to"} <= set(block) and (start, end) != (0, 1440):
            self._read.refuse(f"{where}.to", block["to"], "a time other than from; for the whole day leave both out")
            return None
        return Window.between(days, start, end)
