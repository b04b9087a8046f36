"""Read and check the owner's tariff: every problem names the member, the value and what is allowed.

The same block stands in the configuration file as ``tariff:`` or is a file of its own (``PW_TARIFF_FILE``).
``tariff_seasons`` reads the seasons and periods in it, ``tariff_members`` single members, ``tariff_windows`` times.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from pwserver.config.gateway_entries import Findings
from pwserver.config.tariff_members import PRICES, MemberReader
from pwserver.config.tariff_seasons import SeasonReader
from pwserver.records import record
from pwserver.tariff.tariff import Tariff, TariffVersion
from pwserver.tariff.tesla_tariff import NotATariff, read_tesla_tariff

MOST_VERSIONS = 100
_TARIFF = ("currency", "versions", "gateways")
_VERSION = ("from", "name", "fixed_per_day", "fixed_per_month", "seasons", "tesla", *PRICES)


@record(frozen=True, slots=True)
class Tariffs:
    """Holds the owner's tariffs: one for all gateways, and those of single gateways, which come first."""

    common: Tariff | None = None
    of_gateway: Mapping[str, Tariff] = field(default_factory=dict)

    def get(self, gateway: str) -> Tariff | None:
        """Return the tariff of a gateway; None where the owner gave none."""
        return self.of_gateway.get(gateway, self.common)


def read_tariffs(content: object, source: str, gateways: Sequence[str], findings: Findings) -> Tariffs:
    """Return the tariffs of a block. ``gateways``: the ids that there are; empty where they are not known yet."""
    read = MemberReader(findings)
    reader = _Reader(read)
    block = read.mapping(content, source, (*_TARIFF, *_VERSION))
    if block is None:
        return Tariffs()
    single: dict[str, Tariff] = {}
    given = block.get("gateways")
    if given is not None and not isinstance(given, Mapping):
        read.refuse(f"{source}.gateways", given, "a mapping from the id of a gateway to its tariff")
    for name, tariff in given.items() if isinstance(given, Mapping) else ():
        where = f"{source}.gateways.{name}"
        if gateways and name not in gateways:
            read.refuse(f"{source}.gateways", name, f"the id of a gateway: {', '.join(gateways)}")
            continue
        inner = read.mapping(tariff, where, ("currency", "versions", *_VERSION))
        if inner is not None:
            found = reader.tariff(inner, where, block.get("currency"))
            if found is not None:
                single[str(name)] = found
    own = {name: value for name, value in block.items() if name != "gateways"}
    common = reader.tariff(own, source) if set(own) - {"currency"} or given is None else None
    return Tariffs(common, single)


class _Reader:
    """Reads tariffs and their versions."""

    def __init__(self, read: MemberReader) -> None:
        self._read = read
        self._seasons = SeasonReader(read)

    def tariff(self, block: Mapping[str, object], where: str, common_currency: object = None) -> Tariff | None:
        """Return the tariff of a mapping, which has ``versions`` or is its only version itself."""
        count = self._read.problems
        currency = block.get("currency", common_currency)
        if not isinstance(currency, str) or not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            self._read.refuse(f"{where}.currency", currency, 'a code of three letters such as "EUR"')
        versions = []
        if "versions" in block:
            for name in sorted(set(block) & set(_VERSION)):
                self._read.problem(where, f"{name} stands beside versions; it belongs into one of them")
            versions = self._versions(block["versions"], f"{where}.versions")
        else:
            single = self._version({name: block[name] for name in block if name != "currency"}, where)
            versions = [single] if single is not None else []
        if self._read.problems > count:
            return None
        return Tariff(str(currency).upper(), tuple(versions))

    def _versions(self, given: object, where: str) -> list[TariffVersion]:
        found: list[TariffVersion] = []
        dates: dict[datetime.date | None, int] = {}
        for index, each in enumerate(self._read.entries(given, where, MOST_VERSIONS)):
            place = f"{where}[{index}]"
            block = self._read.mapping(each, place, _VERSION)
            version = self._version(block, place) if block is not None else None
            if version is None:
                continue
            if version.holds_from in dates:
                held = version.holds_from.isoformat() if version.holds_from else "no date"
                self._read.problem(f"{place}.from", f"{held} is also that of versions[{dates[version.holds_from]}]")
            dates[version.holds_from] = index
            found.append(version)
        return sorted(found, key=lambda version: version.holds_from or datetime.date.min)

    def _version(self, block: Mapping[str, object], where: str) -> TariffVersion | None:
        holds_from = self._read.date(block.get("from"), f"{where}.from")
        if "tesla" in block:
            for name in sorted(set(block) & {"seasons", "fixed_per_day", "fixed_per_month", *PRICES}):
                self._read.problem(where, f"{name} stands beside tesla, which has its own")
            try:
                version, _ = read_tesla_tariff(block["tesla"], holds_from)
            except NotATariff as why:
                self._read.problem(f"{where}.tesla", f"is no tariff document of Tesla's: {why}")
                return None
            return replace(version, name=self._read.name(block, where) or version.name)
        if "seasons" in block:
            for name in sorted(set(block) & {"buy", "periods"}):
                self._read.problem(where, f"{name} stands beside seasons; it belongs into one of them")
            sell = self._read.price(block["sell"], f"{where}.sell") if "sell" in block else None
            pairs = self._seasons.seasons(block["seasons"], f"{where}.seasons", sell)
        else:
            pairs = [self._seasons.season(block, where, "", (1, 1), (12, 31))]
        return TariffVersion(
            holds_from,
            tuple(buy for buy, _ in pairs),
            tuple(sell for _, sell in pairs),
            self._read.price(block.get("fixed_per_day", 0), f"{where}.fixed_per_day") or 0.0,
            self._read.price(block.get("fixed_per_month", 0), f"{where}.fixed_per_month") or 0.0,
            self._read.name(block, where),
        )
