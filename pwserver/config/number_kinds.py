"""Define the kinds of setting that are numbers: whole numbers, durations and bit masks."""

from __future__ import annotations

import re

from pwserver.config.kinds import Kind
from pwserver.config.raw_text import BadValue, without_comment
from pwserver.records import record

_FRACTION = re.compile(r"[+-]?[0-9]{0,12}\.[0-9]{1,12}\Z")
_INTEGER = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?\Z")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,6})?)\s*([smhdw]?)\Z")
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@record(frozen=True)
class Int(Kind[int]):
    """Takes a whole number; ``8675.0`` is one, too."""

    minimum: int = 0
    maximum: int = 2**31 - 1
    word: str = "integer"

    def parse(self, text: str) -> int | None:
        text = without_comment(text)
        if not text:
            return None
        match = _INTEGER.match(text)
        if match is None:
            # A fraction is a number, too: a setting that knows what its owner meant may repair it.
            raise BadValue(self.expected, float(text) if _FRACTION.match(text) else None)
        number = int(match[1])
        if not self.minimum <= number <= self.maximum:
            raise BadValue(self.expected, number)
        return number

    @property
    def expected(self) -> str:
        return f"a whole number from {self.allowed}"

    @property
    def allowed(self) -> str:
        return f"{self.minimum} to {self.maximum}"


@record(frozen=True)
class Duration(Kind[float]):
    """Takes seconds as a float, written ``90s 15m 24h 7d 2w`` or as a plain number of seconds."""

    minimum: float = 0.0
    maximum: float = 366 * 86400.0 * 100
    zero: str = ""  # what 0 means when it is allowed below the minimum
    off: str = ""  # what -1 means when it is allowed
    word: str = "duration"

    def parse(self, text: str) -> float | None:
        text = without_comment(text).lower()
        if not text:
            return None
        # The predecessor's "off"; any other negative time is out of range.
        if text in ("-1", "-1.0"):
            if self.off:
                return -1.0
            raise BadValue(self.expected, -1.0)
        negative = text.startswith("-")
        match = _DURATION.match(text.lstrip("+-") if text[0] in "+-" else text)
        if match is None:
            raise BadValue(self.expected)
        seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
        if negative and seconds:
            raise BadValue(self.expected, -seconds)
        if seconds == 0 and self.zero:
            return 0.0
        if not self.minimum <= seconds <= self.maximum:
            raise BadValue(self.expected, seconds)
        return seconds

    def format(self, value: float) -> str:
        seconds = float(value)
        if seconds <= 0 or not seconds.is_integer():
            return f"{seconds:.6f}".rstrip("0").rstrip(".")
        for unit in "dhm":  # 7d and 24h read better than 1w and 1d
            count = seconds / _UNIT_SECONDS[unit]
            if count.is_integer() and count > 1:
                return f"{int(count)}{unit}"
        return f"{int(seconds)}s"

    @property
    def expected(self) -> str:
        return f"a time such as 90s, 15m, 24h, 7d, from {self.allowed}"

    @property
    def allowed(self) -> str:
        text = f"{self.format(self.minimum)} to {self.format(self.maximum)}"
        if self.zero:
            text += f", or 0 ({self.zero})"
        if self.off:
            text += f", or -1 ({self.off})"
        return text


@record(frozen=True)
class Mask(Kind[int]):
    """Takes digits only: no sign, no comment, no other base, so that a slip can never allow more than was meant."""

    maximum: int = 31
    word: str = "bit mask"

    def parse(self, text: str) -> int | None:
        text = text.strip()
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > self.maximum:
            raise BadValue(self.expected)
        return int(text)

    @property
    def expected(self) -> str:
        return f"a whole number from {self.allowed}, digits only"

    @property
    def allowed(self) -> str:
        return f"0 to {self.maximum}"
