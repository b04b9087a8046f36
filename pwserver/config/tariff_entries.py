"""Read and check the owner's tariff: every problem names the member, the value and what is allowed.

The same block stands in the configuration file as ``tariff:`` or is a file of its own (``PW_TARIFF_FILE``).
``tariff_windows`` reads the times and days in it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pwserver.config.gateway_entries import Findings
from pwserver.config.raw_text import nearest, quoted
from pwserver.config.tariff_windows import BadTime, overlap_of, read_day, read_days, read_time, unpriced_time
from pwserver.tariff.tariff import LARGEST_PRICE, WEEK, MonthDay, Period, Season, Tariff, TariffVersion, Window
from pwserver.tariff.tesla_tariff import NotATariff, read_tesla_tariff

MOST_VERSIONS, MOST_SEASONS, MOST_PERIODS = 100, 24, 64
LONGEST_NAME = 60
_TARIFF = ("currency", "versions", "gateways")
_PRICES = ("buy", "sell", "periods")
_VERSION = ("from", "name", "fixed_per_day", "fixed_per_month", "seasons", "tesla", *_PRICES)
_SEASON = ("name", "from", "to", *_PRICES)
_PERIOD = ("name", "days", "from", "to", "buy", "sell")


@dataclass(frozen=True, slots=True)
class Tariffs:
    """Holds the owner's tariffs: one for all gateways, and those of single gateways, which come first."""

    common: Tariff | None = None
    of_gateway: Mapping[str, Tariff] = field(default_factory=dict)

    def get(self, gateway: str) -> Tariff | None:
        """Return the tariff of a gateway; None where the owner gave none."""
        return self.of_gateway.get(gateway, self.common)


def read_tariffs(content: object, source: str, gateways: Sequence[str], findings: Findings) -> Tariffs:
    """Return the tariffs of a block. ``gateways``: the ids that there are; empty where they are not known yet."""
    reader = _Reader(findings)
    block = reader.mapping(content, source, (*_TARIFF, *_VERSION))
    if block is None:
        return Tariffs()
    single: dict[str, Tariff] = {}
    given = block.get("gateways")
    if given is not None and not isinstance(given, Mapping):
        reader.refuse(f"{source}.gateways", given, "a mapping from the id of a gateway to its tariff")
    for name, tariff in given.items() if isinstance(given, Mapping) else ():
        where = f"{source}.gateways.{name}"
        if gateways and name not in gateways:
            reader.refuse(f"{source}.gateways", name, f"the id of a gateway: {', '.join(gateways)}")
            continue
        inner = reader.mapping(tariff, where, ("currency", "versions", *_VERSION))
        if inner is not None:
            found = reader.tariff(inner, where, block.get("currency"))
            if found is not None:
                single[str(name)] = found
    own = {name: value for name, value in block.items() if name != "gateways"}
    common = reader.tariff(own, source) if set(own) - {"currency"} or given is None else None
    return Tariffs(common, single)


class _Reader:
    """Reads mappings and collects what is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def refuse(self, where: str, value: object, allowed: str) -> None:
        """Note a value that is not allowed."""
        self._findings.problems.append(f"{where}: {quoted(value)} is not allowed; give {allowed}")

    def problem(self, where: str, what: str) -> None:
        """Note a problem that is none of a single value."""
        self._findings.problems.append(f"{where}: {what}")

    def mapping(self, value: object, where: str, members: Sequence[str]) -> Mapping[str, object] | None:
        """Return a mapping with known members only; None, and a problem, where it is none."""
        if not isinstance(value, Mapping):
            self.refuse(where, value, f"a mapping with {', '.join(members)}")
            return None
        for name in value:
            if name not in members:
                near = nearest(str(name), members)
                meant = f"did you mean {near}?" if near else f"known are {', '.join(members)}"
                self.problem(where, f"{quoted(str(name))} is not known; {meant}")
        return value

    def tariff(self, block: Mapping[str, object], where: str, common_currency: object = None) -> Tariff | None:
        """Return the tariff of a mapping, which has ``versions`` or is its only version itself."""
        count = len(self._findings.problems)
        currency = block.get("currency", common_currency)
        if not isinstance(currency, str) or not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            self.refuse(f"{where}.currency", currency, 'a code of three letters such as "EUR"')
        versions = []
        if "versions" in block:
            for name in sorted(set(block) & set(_VERSION)):
                self.problem(where, f"{name} stands beside versions; it belongs into one of them")
            versions = self._versions(block["versions"], f"{where}.versions")
        else:
            single = self._version({name: block[name] for name in block if name != "currency"}, where)
            versions = [single] if single is not None else []
        if len(self._findings.problems) > count:
            return None
        return Tariff(str(currency).upper(), tuple(versions))

    def _versions(self, given: object, where: str) -> list[TariffVersion]:
        found: list[TariffVersion] = []
        dates: dict[datetime.date | None, int] = {}
        for index, each in enumerate(self._list(given, where, MOST_VERSIONS)):
            place = f"{where}[{index}]"
            block = self.mapping(each, place, _VERSION)
            version = self._version(block, place) if block is not None else None
            if version is None:
                continue
            if version.holds_from in dates:
                held = version.holds_from.isoformat() if version.holds_from else "no date"
                self.problem(f"{place}.from", f"{held} is also that of versions[{dates[version.holds_from]}]")
            dates[version.holds_from] = index
            found.append(version)
        return sorted(found, key=lambda version: version.holds_from or datetime.date.min)

    def _version(self, block: Mapping[str, object], where: str) -> TariffVersion | None:
        holds_from = self._date(block.get("from"), f"{where}.from")
        if "tesla" in block:
            for name in sorted(set(block) & {"seasons", "fixed_per_day", "fixed_per_month", *_PRICES}):
                self.problem(where, f"{name} stands beside tesla, which has its own")
            try:
                version, _ = read_tesla_tariff(block["tesla"], holds_from)
            except NotATariff as why:
                self.problem(f"{where}.tesla", f"is no tariff document of Tesla's: {why}")
                return None
            return replace(version, name=self._name(block, where) or version.name)
        if "seasons" in block:
            for name in sorted(set(block) & {"buy", "periods"}):
                self.problem(where, f"{name} stands beside seasons; it belongs into one of them")
            sell = self._price(block["sell"], f"{where}.sell") if "sell" in block else None
            pairs = self._seasons(block["seasons"], f"{where}.seasons", sell)
        else:
            pairs = [self._season(block, where, "", (1, 1), (12, 31))]
        return TariffVersion(
            holds_from,
            tuple(buy for buy, _ in pairs),
            tuple(sell for _, sell in pairs),
            self._price(block.get("fixed_per_day", 0), f"{where}.fixed_per_day") or 0.0,
            self._price(block.get("fixed_per_month", 0), f"{where}.fixed_per_month") or 0.0,
            self._name(block, where),
        )

    def _seasons(self, given: object, where: str, sell: float | None) -> list[tuple[Season, Season]]:
        found: list[tuple[Season, Season]] = []
        for index, each in enumerate(self._list(given, where, MOST_SEASONS)):
            place = f"{where}[{index}]"
            block = self.mapping(each, place, _SEASON)
            if block is None:
                continue
            first = self._day(block.get("from"), f"{place}.from", (1, 1))
            last = self._day(block.get("to"), f"{place}.to", (12, 31))
            if first is not None and last is not None:
                found.append(self._season(block, place, self._name(block, place) or str(index), first, last, sell))
        self._year(found, where)
        return found

    def _year(self, seasons: Sequence[tuple[Season, Season]], where: str) -> None:
        """Look at every day of a leap year: more than one season is a problem, none at all a warning."""
        day, missing = datetime.date(2024, 1, 1), ""
        for _ in range(366):
            holding = [buy.name for buy, _ in seasons if buy.holds((day.month, day.day))]
            if len(holding) > 1:
                self.problem(where, f"{' and '.join(holding)} both have {day:%m-%d}; a day has one season")
                return
            missing = missing or ("" if holding else f"{day:%m-%d}")
            day += datetime.timedelta(days=1)
        if missing and seasons:
            self._findings.warnings.append(f"{where}: no season has {missing}; days without a season have no price")

    def _season(
        self,
        block: Mapping[str, object],
        where: str,
        name: str,
        first: MonthDay,
        last: MonthDay,
        otherwise_sell: float | None = None,
    ) -> tuple[Season, Season]:
        """Return a season of prices to buy and one of prices to sell."""
        flat = self._two_prices(block, where, otherwise_sell)
        others = None
        if "periods" not in block:
            if "buy" not in block:
                self.problem(where, "has no price; give buy, periods, seasons or tesla")
            others = Period(name or "all", flat[0], ()), Period(name or "all", flat[1], ())
            return Season(name, first, last, (), others[0]), Season(name, first, last, (), others[1])
        if "buy" in block:
            self.problem(where, "buy stands beside periods; a period without days and hours has the rest of the time")
        bought: list[Period] = []
        sold: list[Period] = []
        for index, each in enumerate(self._list(block["periods"], f"{where}.periods", MOST_PERIODS)):
            place = f"{where}.periods[{index}]"
            inner = self.mapping(each, place, _PERIOD)
            if inner is None:
                continue
            buy, sell = self._two_prices(inner, place, flat[1])
            if "buy" not in inner:
                self.problem(place, "has no price; give buy")
            label = self._name(inner, place) or str(index)
            if not {"days", "from", "to"} & set(inner):
                if others is not None:
                    self.problem(place, "is the second one without days and hours; only one can have what is left")
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
            self.problem(where, f"{found}; an hour has one price")
        missing = None if rest else unpriced_time(periods)
        if missing is not None and periods:
            self._findings.warnings.append(
                f"{where}: none has {missing}; hours without a period have no price. A period without days and hours "
                "has the rest of the time"
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
            self.refuse(f"{where}.{member}", block[member], str(bad))
            return None
        if start % 1440 == end % 1440 and {"from", "to"} <= set(block) and (start, end) != (0, 1440):
            self.refuse(f"{where}.to", block["to"], "a time other than from; for the whole day leave both out")
            return None
        return Window.between(days, start, end)

    def _two_prices(
        self, block: Mapping[str, object], where: str, otherwise_sell: float | None
    ) -> tuple[float | None, float | None]:
        return (
            self._price(block["buy"], f"{where}.buy") if "buy" in block else None,
            self._price(block["sell"], f"{where}.sell") if "sell" in block else otherwise_sell,
        )

    def _price(self, value: object, where: str) -> float | None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_PRICE
        if not number:
            self.refuse(where, value, "a number such as 0.29, in the currency and not in hundredths of it")
            return None
        return float(value)  # type: ignore[arg-type]

    def _date(self, value: object, where: str) -> datetime.date | None:
        """Read the date from which a version holds; None where there is none, which is always."""
        if value is None or type(value) is datetime.date:
            return value
        try:
            return datetime.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else _never()
        except ValueError:
            self.refuse(where, value, "a date such as 2026-01-31")
            return None

    def _day(self, value: object, where: str, otherwise: MonthDay) -> MonthDay | None:
        if value is None:
            return otherwise
        try:
            return read_day(value)
        except BadTime as bad:
            self.refuse(where, value, str(bad))
            return None

    def _name(self, block: Mapping[str, object], where: str) -> str:
        value = block.get("name")
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= LONGEST_NAME:
            self.refuse(f"{where}.name", value, f"a text of 1 to {LONGEST_NAME} printable characters")
            return ""
        return value

    def _list(self, value: object, where: str, most: int) -> Sequence[object]:
        if not isinstance(value, list) or not value or len(value) > most:
            self.refuse(where, value, f"a list of 1 to {most} mappings")
            return ()
        return value


def _never() -> datetime.date:
    raise ValueError
