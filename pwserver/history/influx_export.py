"""Read what was exported from Powerwall-Dashboard's InfluxDB: CSV of ``influx``, line protocol of ``influx_inspect``.

Powerwall-Dashboard keeps in the measurement ``http``, apart by retention policy: in ``autogen`` the mean powers (W) and
the charge (percent of the gateway) of every minute, in ``grid`` whether the grid was up, in ``daily`` the kWh of every
day. An export is read line by line, in whatever order its lines are; what is not taken is counted by name.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pwserver.history.layout import MOST_DAY_WH, MOST_WATTS
from pwserver.history.text_lines import numbered_lines
from pwserver.records import record
from pwserver.state.charge import soe_percent

POWERS: Final = ("home", "solar", "from_pw", "to_pw", "from_grid", "to_grid")
PERCENTAGE, GRID_STATUS = "percentage", "grid_status"
DAY_SUFFIX: Final = "_kwh"  # of the columns of a CSV that hold the sums of days
MINUTES, GRID, DAYS = "minutes", "grid", "days"
_FIELDS: Final = {MINUTES: frozenset((*POWERS, PERCENTAGE)), GRID: frozenset((GRID_STATUS,)), DAYS: frozenset(POWERS)}
_POLICIES: Final = {"autogen": MINUTES, "grid": GRID, "daily": DAYS}
_MEASUREMENT: Final = "http"

_MOST_NAMES: Final = 400

_LINE = re.compile(rb'((?:\\.|[^\\ ])+) ((?:\\.|"(?:\\.|[^"\\])*"|[^\\" ])+) (-?\d{1,19})')
_FIELD = re.compile(rb'((?:\\.|[^\\,= ])+)=("(?:\\.|[^"\\])*"|[^,"]*)(?:,|$)')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[iu]?")
_CONTEXT = "# CONTEXT-RETENTION-POLICY:"
# A time without a unit: InfluxDB's nanoseconds, or what `-precision` says.
_UNITS: Final = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

HOW_TO_EXPORT: Final = "docs/powerwall-dashboard.md says how to export"


class Point(NamedTuple):
    """Holds values of one instant. ``series``: by which points of the same time are told apart."""

    kind: str  # MINUTES, GRID or DAYS
    seconds: int
    values: list[tuple[str, float]]
    series: bytes

    @property
    def is_from_cloud(self) -> bool:
        """Say whether it was fetched from Tesla's cloud later, to fill a gap."""
        return b",source=cloud" in self.series


@record(slots=True)
class LeftOut:
    """Counts what of an export is not taken."""

    names: Counter[str] = field(default_factory=Counter)  # values by policy and field
    impossible: int = 0
    first_impossible: str = ""

    def skip(self, policy: str, name: str) -> None:
        """Count a value that has no place in the history."""
        key = f"{policy} {name}"
        self.names[key if key in self.names or len(self.names) < _MOST_NAMES else "others"] += 1

    def refuse(self, where: str, value: float) -> None:
        """Count a value that cannot be."""
        self.impossible += 1
        self.first_impossible = self.first_impossible or f"{where} is {value:g}"


def read_points(source: io.BufferedReader, left_out: LeftOut) -> Iterator[Point]:
    """Read an export in either form, also compressed with gzip. ValueError names the line and the field."""
    lines = numbered_lines(source)
    first = next(lines, (1, b""))
    head = first[1].strip()
    lines = _again(first, lines)
    if head.startswith(b"name,"):
        yield from _read_csv(lines, left_out)
    elif head.startswith(b"#") or _LINE.fullmatch(head):
        yield from _read_line_protocol(lines, left_out)
    else:
        raise ValueError(f"line 1: neither the CSV of influx nor the lines of influx_inspect; {HOW_TO_EXPORT}")


def _again(first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def _number(text: str, number: int, name: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"line {number}, field {name}: {text[:40]!r} is not a number")
    return float(text.rstrip("iu"))


def _is_possible(kind: str, name: str, value: float) -> bool:
    if kind == DAYS:
        return 0.0 <= value <= MOST_DAY_WH / 1000.0
    if name == PERCENTAGE:
        return soe_percent(value) is not None
    return abs(value) <= MOST_WATTS if name != GRID_STATUS else value in (0.0, 1.0)


def _point(
    kind: str, seconds: int, values: Iterable[tuple[str, str]], series: bytes, number: int, left_out: LeftOut
) -> Point:
    taken = []
    for name, text in values:
        value = _number(text, number, name)
        if _is_possible(kind, name, value):
            taken.append((name, value))
        else:
            left_out.refuse(f"line {number}, field {name}", value)
    return Point(kind, seconds, taken, series)


# --- CSV -----------------------------------------------------------------------------------------------------------


def _read_csv(lines: Iterator[tuple[int, bytes]], left_out: LeftOut) -> Iterator[Point]:
    kind, columns, time_column, width = "", dict[int, str](), 0, 0
    moment, alike = -1, 0
    for number, cells in _csv_rows(lines):
        if not cells:
            continue
        if cells[0] == "name" and "time" in cells:
            kind, columns = _kind_of(cells, number)
            time_column = cells.index("time")
            width, moment = len(cells), -1
            continue
        if cells[0].startswith("ERR"):
            raise ValueError(
                f"line {number}: influx wrote an error instead of data: {','.join(cells)[:200]}; "
                "what its database does not have can be left out of the SELECTs"
            )
        if len(cells) != width:
            raise ValueError(f"line {number}: {len(cells)} cells, but its heading has {width}")
        told = []
        for place, text in enumerate(cells):
            if text and place in columns:
                if kind and columns[place] in _FIELDS[kind]:
                    told.append((columns[place], text))
                else:
                    left_out.skip("column", columns[place])
        if told:
            seconds = _seconds(cells[time_column], number)
            # Rows are in order of time; those of several series have the same time.
            alike = alike + 1 if seconds == moment else 0
            moment = seconds
            yield _point(kind, seconds, told, b"%d" % alike, number, left_out)


def _csv_rows(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_decoded(lines))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as problem:
        raise ValueError(f"line {reader.line_num}: not CSV: {problem}") from None


def _decoded(lines: Iterator[tuple[int, bytes]]) -> Iterator[str]:
    for number, line in lines:
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise ValueError(f"line {number}: it is not text in UTF-8") from None


def _kind_of(cells: list[str], number: int) -> tuple[str, dict[int, str]]:
    """Return what the rows below a heading are, and the name of each column; ValueError when that is not clear."""
    names = {place: name for place, name in enumerate(cells) if name not in ("name", "tags", "time")}
    found = set(names.values())
    if GRID_STATUS in found:
        return GRID, names
    if PERCENTAGE in found:
        return MINUTES, names
    sums = {place: name.removesuffix(DAY_SUFFIX) for place, name in names.items() if name.endswith(DAY_SUFFIX)}
    if sums and set(sums.values()) <= _FIELDS[DAYS]:
        return DAYS, names | sums
    if found & set(POWERS):
        raise ValueError(
            f"line {number}: columns {', '.join(sorted(found & set(POWERS)))} without {PERCENTAGE}: powers of minutes "
            f"or sums of days? Sums must be named home{DAY_SUFFIX} …; {HOW_TO_EXPORT}"
        )
    return "", names


def _seconds(text: str, number: int) -> int:
    """Return the epoch second of a time in any of the forms that ``influx`` writes."""
    if re.fullmatch(r"-?\d{1,20}", text):
        value = int(text)
        unit = next((unit for most, unit in _UNITS if abs(value) < most), 10**9)
        return value // unit
    try:
        # Nanoseconds are more digits than a datetime has.
        when = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
        return (when - _EPOCH) // timedelta(seconds=1)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"line {number}, field time: {text[:40]!r} is not a time") from None


# --- line protocol -------------------------------------------------------------------------------------------------


def _read_line_protocol(lines: Iterator[tuple[int, bytes]], left_out: LeftOut) -> Iterator[Point]:
    policy: str | None = None
    opening = (_MEASUREMENT.encode() + b",", _MEASUREMENT.encode() + b" ")
    for number, line in lines:
        if line.startswith(b"#"):
            text = line.decode(errors="replace").strip()
            if text.startswith(_CONTEXT):
                policy = text.removeprefix(_CONTEXT).strip()
            continue
        line = line.strip()
        if not line or line.startswith(b"CREATE "):
            continue
        if policy is None:
            raise ValueError(f"line {number}: no line before it names its retention policy; {HOW_TO_EXPORT}")
        kind = _POLICIES.get(policy)
        if kind is None or not line.startswith(opening):
            # Whole policies are not taken: of their lines the measurement is enough.
            left_out.skip(policy, line[:64].partition(b",")[0].partition(b" ")[0].decode(errors="replace"))
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number}: not a line of InfluxDB's line protocol")
        told = []
        for key, value in _fields(match[2], number).items():
            if key in _FIELDS[kind]:
                told.append((key, value))
            else:
                left_out.skip(policy, key)
        if told:
            yield _point(kind, int(match[3]) // 10**9, told, match[1], number, left_out)


def _fields(text: bytes, number: int) -> Mapping[str, str]:
    found, end = {}, 0
    for match in _FIELD.finditer(text):
        if match.start() != end:
            break
        found[match[1].decode(errors="replace")] = match[2].decode(errors="replace")
        end = match.end()
    if end != len(text) or text.endswith(b","):
        raise ValueError(f"line {number}: not a line of InfluxDB's line protocol")
    return found
