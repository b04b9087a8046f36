"""Read and check query parameters; refuse them with a list of problems (422), as docs/api.md has it under Errors."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence

from pwserver.bounds import EPOCH_SECONDS, ITEM_CHARACTERS, LIST_ITEMS, NUMBER_CHARACTERS, WHOLE_DIGITS, allowed
from pwserver.json_types import JsonMapping, JsonObject

INPUT_CHARACTERS = 200  # characters of a value that an answer repeats
_WHOLE = re.compile(rf"[+-]?[0-9]{{1,{WHOLE_DIGITS}}}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)?", re.ASCII)
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31557600.0}
_RELATIVE = re.compile(r"now(?:([+-])(.+))?", re.ASCII)
_TRUE = ("true", "1", "yes", "on", "t", "y")
_FALSE = ("false", "0", "no", "off", "f", "n")
MILLISECONDS_FROM = 1e11  # an epoch that large is in milliseconds (Grafana): as seconds it would be the year 5138


class BadQuery(Exception):
    """Says what is wrong with a query: ``problems`` is the ``detail`` list of the 422 answer."""

    def __init__(self, problems: list[JsonObject]) -> None:
        super().__init__("; ".join(str(problem["msg"]) for problem in problems))
        self.problems = problems


class QueryParameters:
    """Reads parameters and collects what is wrong with them; ``check`` raises BadQuery when anything is."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._problems: list[JsonObject] = []

    def problem(
        self, name: str, kind: str, message: str, value: str | None = None, context: JsonMapping | None = None
    ) -> None:
        """Note a problem with one parameter."""
        found: JsonObject = {"type": kind, "loc": ["query", name], "msg": message}
        if value is not None:
            found["input"] = value[:INPUT_CHARACTERS].encode("utf-8", "replace").decode()
        if context is not None:
            found["ctx"] = dict(context)
        self._problems.append(found)

    def check(self) -> None:
        """Raise BadQuery when something was wrong."""
        if self._problems:
            raise BadQuery(self._problems)

    def text(self, name: str) -> str | None:
        """Return the parameter as it is; an empty one counts as not given."""
        return self._arguments.get(name) or None

    def words(self, name: str) -> list[str] | None:
        """Read a comma-separated list without blanks; None when there is nothing in it."""
        raw = self.text(name) or ""
        found = [word.strip() for word in raw.split(",") if word.strip()]
        if len(found) > LIST_ITEMS or any(len(word) > ITEM_CHARACTERS for word in found):
            message = f"Input should be a comma list of {LIST_ITEMS} words of {ITEM_CHARACTERS} characters at most"
            self.problem(name, "too_long", message, raw)
            return None
        return found or None

    def _within(self, name: str, value: float, raw: str, low: float | None, high: float | None) -> bool:
        if low is not None and value < low:
            message = f"Input should be greater than or equal to {low}"
            self.problem(name, "greater_than_equal", message, raw, {"ge": low})
        elif high is not None and value > high:
            message = f"Input should be less than or equal to {high}"
            self.problem(name, "less_than_equal", message, raw, {"le": high})
        else:
            return True
        return False

    def whole(self, name: str, default: int, limits: tuple[int, int]) -> int:
        """Read a whole number within ``limits``."""
        raw = self._arguments.get(name)
        if raw is None:
            return default
        if _WHOLE.fullmatch(raw.strip()) is None:
            message = f"Input should be a valid integer {allowed(limits)}, unable to parse string as an integer"
            self.problem(name, "int_parsing", message, raw)
            return default
        value = int(raw.strip())
        return value if self._within(name, value, raw, *limits) else default

    def number(self, name: str, limits: tuple[int, int]) -> float | None:
        """Read a finite number within ``limits``."""
        raw = self._arguments.get(name)
        if raw is None:
            return None
        value = parse_number(raw.strip())
        if value is None:
            message = f"Input should be a valid number {allowed(limits)}, unable to parse string as a number"
            self.problem(name, "float_parsing", message, raw)
            return None
        if not math.isfinite(value):
            self.problem(name, "finite_number", f"Input should be a finite number {allowed(limits)}", raw)
            return None
        return value if self._within(name, value, raw, *limits) else None

    def flag(self, name: str) -> bool:
        """Read a yes or no; no when it is absent."""
        raw = self._arguments.get(name)
        if raw is None or raw.strip().lower() in _FALSE:
            return False
        if raw.strip().lower() in _TRUE:
            return True
        self.problem(name, "bool_parsing", "Input should be a valid boolean, unable to interpret input", raw)
        return False

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Read one of a few words."""
        raw = self._arguments.get(name)
        if raw is None or raw in choices:
            return default if raw is None else raw
        pattern = f"^({'|'.join(choices)})$"
        message = f"String should match pattern '{pattern}'"
        self.problem(name, "string_pattern_mismatch", message, raw, {"pattern": pattern})
        return default

    def day(self, name: str) -> str | None:
        """Read a real calendar day, YYYY-MM-DD."""
        raw = self._arguments.get(name)
        if raw is None:
            return None
        try:
            if not _DAY.fullmatch(raw):
                raise ValueError(raw)
            datetime.date.fromisoformat(raw)
        except ValueError:
            self.problem(name, "value_error", "must be a valid YYYY-MM-DD date", raw)
            return None
        return raw

    def moment(self, name: str, default: float, now: float) -> float:
        """Read an instant: epoch seconds or milliseconds, RFC 3339, a UTC day, ``now`` or ``now-6h``."""
        raw = self.text(name)
        if raw is None:
            return default
        value = parse_moment(raw.strip(), now)
        if value is None or not EPOCH_SECONDS[0] <= value <= EPOCH_SECONDS[1]:
            message = "Input should be epoch seconds or milliseconds, RFC 3339, or now-<duration>, from 1970 to 2100"
            self.problem(name, "datetime_parsing", message, raw)
            return default
        return value

    def duration(self, name: str, default: float, limits: tuple[int, int]) -> float:
        """Read seconds, written ``90``, ``90s``, ``5m``, ``1h``, ``1d``."""
        raw = self.text(name)
        if raw is None:
            return default
        value = parse_duration(raw.strip())
        if value is None or not limits[0] <= value <= limits[1]:
            message = f"Input should be a duration such as 90s, 5m, 1h or 1d, {allowed(limits, 'seconds')}"
            self.problem(name, "time_delta_parsing", message, raw)
            return default
        return value


def parse_number(raw: str) -> float | None:
    """Read a decimal number in ASCII, perhaps not a finite one; None when it is something else."""
    if len(raw) <= NUMBER_CHARACTERS and (_NUMBER.fullmatch(raw) or _NOT_FINITE.fullmatch(raw)):
        return float(raw)
    return None


def parse_duration(raw: str) -> float | None:
    """Read ``90``, ``90s``, ``5m`` … as seconds; None when it is something else."""
    match = _DURATION.fullmatch(raw) if len(raw) <= NUMBER_CHARACTERS else None
    return float(match[1]) * _UNIT_SECONDS[match[2] or "s"] if match else None


def parse_moment(raw: str, now: float) -> float | None:
    """Read what ``QueryParameters.moment`` accepts as epoch seconds; None when it is something else."""
    relative = _RELATIVE.fullmatch(raw) if len(raw) <= NUMBER_CHARACTERS else None
    if relative:
        if relative[1] is None:
            return now
        offset = parse_duration(relative[2])
        return None if offset is None else now + offset * (1.0 if relative[1] == "+" else -1.0)
    value = parse_number(raw)
    if value is not None:
        if not math.isfinite(value):
            return None
        return value / 1000.0 if value >= MILLISECONDS_FROM else value
    if not raw.isascii() or len(raw) > NUMBER_CHARACTERS:
        return None
    try:
        # A plus sign arrives as a blank when the client did not escape it.
        found = datetime.datetime.fromisoformat(raw.replace(" ", "+") if raw.count(" ") == 1 and "T" in raw else raw)
        return (found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
