"""Read the members of a tariff: every problem names the member, the value and what is allowed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from pwserver.config.gateway_entries import Findings
from pwserver.config.raw_text import nearest, quoted
from pwserver.config.tariff_windows import BadTime, read_day
from pwserver.tariff.tariff import LARGEST_PRICE, MonthDay

LONGEST_NAME = 60
PRICES = ("buy", "sell", "periods")


class MemberReader:
    """Reads mappings and collects what is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    @property
    def problems(self) -> int:
        """Return how many problems have been found."""
        return len(self._findings.problems)

    def warn(self, where: str, what: str) -> None:
        """Note what is allowed, but hardly meant."""
        self._findings.warnings.append(f"{where}: {what}")

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

    def two_prices(
        self, block: Mapping[str, object], where: str, otherwise_sell: float | None
    ) -> tuple[float | None, float | None]:
        """Return the prices to buy and to sell; None for one that is not there, or wrong."""
        return (
            self.price(block["buy"], f"{where}.buy") if "buy" in block else None,
            self.price(block["sell"], f"{where}.sell") if "sell" in block else otherwise_sell,
        )

    def price(self, value: object, where: str) -> float | None:
        """Return a price; None, and a problem, where it is none."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST_PRICE
        if not number:
            self.refuse(where, value, "a number such as 0.29, in the currency and not in hundredths of it")
            return None
        return float(value)  # type: ignore[arg-type]

    def date(self, value: object, where: str) -> datetime.date | None:
        """Read the date from which a version holds; None where there is none, which is always."""
        if value is None or type(value) is datetime.date:
            return value
        try:
            return datetime.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else _never()
        except ValueError:
            self.refuse(where, value, "a date such as 2026-01-31")
            return None

    def day(self, value: object, where: str, otherwise: MonthDay) -> MonthDay | None:
        """Return a day of the year; None, and a problem, where it is none."""
        if value is None:
            return otherwise
        try:
            return read_day(value)
        except BadTime as bad:
            self.refuse(where, value, str(bad))
            return None

    def name(self, block: Mapping[str, object], where: str) -> str:
        """Return the name of a block; empty where it has none."""
        value = block.get("name")
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= LONGEST_NAME:
            self.refuse(f"{where}.name", value, f"a text of 1 to {LONGEST_NAME} printable characters")
            return ""
        return value

    def entries(self, value: object, where: str, most: int) -> Sequence[object]:
        """Return the entries of a list; none, and a problem, where it is no such list."""
        if not isinstance(value, list) or not value or len(value) > most:
            self.refuse(where, value, f"a list of 1 to {most} mappings")
            return ()
        return value


def _never() -> datetime.date:
    raise ValueError
