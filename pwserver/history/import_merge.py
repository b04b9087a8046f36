"""Merge what an import brings with what one gateway's rings hold.

Own and incoming polls are summed up together in memory of their own, as if one server had recorded them all; of two
rows for one minute or quarter hour the one with more samples is taken; ``day_merge`` has the days. A day is known by
its date, for the other server may have had its midnights elsewhere. The rings themselves are not touched here.
"""

from __future__ import annotations

import datetime
import heapq
import math
import mmap
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive, bank_of, build
from pwserver.history.day_merge import DayRow, Quarters, by_columns, day_rows, joined_day, row_samples
from pwserver.history.days import DAY_MIDDLE_SECONDS, FIRST_ZONE_SECONDS, day_start, local_date
from pwserver.history.import_journal import MergedHistory
from pwserver.history.import_report import ImportReport
from pwserver.history.incoming import Incoming, Series
from pwserver.history.layout import (
    BANK,
    COLUMNS,
    ENERGY_NAMES,
    MOST_DAY_WH,
    MOST_WATTS,
    POWERS,
    SIGNAL_FIGURES,
    RingPlan,
)
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import Rows
from pwserver_ext.ring import EARLIEST_SECONDS, END_SECONDS, Ring

ROWS_BETWEEN_PAUSES = 256
# A time after ``latest`` is believed where rows lead up to it: then the clock is behind. Else the row is damaged.
LONGEST_ABSENCE_SECONDS = 366 * 86400.0
MOST_BEHIND_SECONDS = 60 * LONGEST_ABSENCE_SECONDS  # a clock without a battery may begin in 1970
_FIRST_DAY = datetime.date(1970, 1, 2).toordinal()
_LAST_DAY = datetime.date(9999, 12, 30).toordinal()
_LEAST_COUNT = 0.5
_POWERS = [COLUMNS.index(name) for name in POWERS]
Row = TypeVar("Row")


class ImportMerge:
    """Merges the incoming rows of one gateway with its own.

    ``latest``: no row can be later than that; ``believed``: unless others lead up to it, for the clock may be behind.
    ``pause`` is called now and then while rows are taken.
    """

    def __init__(
        self,
        archive: Archive,
        incoming: Incoming,
        latest: float = math.inf,
        believed: bool = True,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self.report = ImportReport()
        self._archive = archive
        self._incoming = incoming
        self._pause = pause
        layout = archive.layout
        self._scratch = build(layout, dict(layout.carve(memoryview(mmap.mmap(-1, layout.size_bytes)))))
        notes = archive.read_notes()
        self._known_series = notes.series
        self._series = {pair: number for number, pair in enumerate(notes.series)}
        self._scratch.notes.write(notes.to_bytes())
        self._recorder = Recorder(self._scratch)
        self._latest, self._believed = latest, believed
        self._days = self._believable_days(incoming.days)
        self._touched: set[int] = set(self._days)
        self._taken: array[float] = array("d")  # times of the incoming polls, the newest that may have room

    def collect(self) -> None:
        """Take all incoming rows, and the own ones up to now. May take minutes; the server may record meanwhile."""
        self._take_polls(self._incoming.polls)
        self._take_signals(self._incoming.signals)

    def _believable_days(self, days: Mapping[int, Mapping[str, float]]) -> dict[int, Mapping[str, float]]:
        found: dict[int, Mapping[str, float]] = {}
        before = math.inf
        for ordinal in sorted(days):
            if not _FIRST_DAY <= ordinal <= _LAST_DAY:
                self.report.refused += 1
                continue
            start = day_start(datetime.date.fromordinal(ordinal), self._recorder.zone)
            if self._is_late(start - FIRST_ZONE_SECONDS, before):
                self.report.later_than_now += 1
            elif not self._archive.gateway.virtual and any(
                not 0.0 <= days[ordinal].get(name, 0.0) <= MOST_DAY_WH for name in ENERGY_NAMES
            ):
                self.report.impossible += 1
            else:
                found[ordinal], before = days[ordinal], start
        return found

    def _is_impossible(self, values: array[float]) -> bool:
        """Say whether a poll holds powers that are not recorded here either; the sum of many houses may have them."""
        if self._archive.gateway.virtual:
            return False
        return any(abs(values[place]) > MOST_WATTS for place in _POWERS)

    def _is_late(self, when: float, before: float) -> bool:
        """Say whether a time lies in the future; ``before``: that of the row before it, infinity for the first."""
        if when <= self._latest:
            return False
        led_to = (
            when - before <= LONGEST_ABSENCE_SECONDS
            if math.isfinite(before)
            else when - self._latest <= MOST_BEHIND_SECONDS
        )
        return not (self._believed and led_to)

    # --- rows in order of time ----------------------------------------------------------------------------------

    def _take_polls(self, incoming: Iterable[tuple[float, array[float]]]) -> None:
        report, touched_until = self.report, -math.inf
        room = self._archive.polls.rows
        own = _rows_of(self._archive.polls, self._recorder.last)
        for count, (when, new, values) in enumerate(_in_order(own, incoming)):
            if count % ROWS_BETWEEN_PAUSES == 0:
                self._pause()
            if not EARLIEST_SECONDS <= when < END_SECONDS:
                report.refused += new
            elif new and self._is_late(when, self._recorder.last):
                report.later_than_now += 1
            elif new and self._is_impossible(values):
                report.impossible += 1
            elif not self._recorder.take_row(when, values):
                report.polls_known += new
            elif new:
                self._taken.append(when)
                if len(self._taken) > 2 * room:
                    report.polls_too_old += len(self._taken) - room
                    del self._taken[:-room]
                if when >= touched_until:
                    date = local_date(when, self._recorder.zone)
                    self._touched.add(date.toordinal())
                    touched_until = day_start(date + datetime.timedelta(days=1), self._recorder.zone)

    def _take_signals(self, incoming: Iterable[tuple[float, Mapping[Series, float]]]) -> None:
        """Take device signals of both; of one moment they are joined, what is here already wins."""
        if not self._archive.signals:
            return
        newest = Recorder.signals_of(self._recorder.state())
        held: dict[int, array[float]] = {}
        moment = -math.inf
        for count, (when, new, rows) in enumerate(_in_order(self._own_signals(newest), self._by_banks(incoming))):
            if count % ROWS_BETWEEN_PAUSES == 0:
                self._pause()
            if not EARLIEST_SECONDS <= when < END_SECONDS or when <= newest:
                self.report.refused += new
                continue
            if new and self._is_late(when, self._recorder.last):
                self.report.later_than_now += 1
                continue
            if when != moment:
                self._keep_signals(moment, held)
                moment, held = when, {}
            self._join_signals(held, rows, new)
        self._keep_signals(moment, held)

    def _own_signals(self, after: float) -> Iterator[tuple[float, dict[int, array[float]]]]:
        banks = [_rows_of(ring, after) for ring in self._archive.signals]
        tagged = [((when, bank, values) for when, values in rows) for bank, rows in enumerate(banks)]
        for when, bank, values in heapq.merge(*tagged, key=lambda row: row[:2]):
            yield when, {bank: values}

    def _by_banks(
        self, incoming: Iterable[tuple[float, Mapping[Series, float]]]
    ) -> Iterator[tuple[float, dict[int, array[float]]]]:
        for when, found in incoming:
            rows: dict[int, array[float]] = {}
            for series, value in found.items():
                number = self._number_of(series)
                if number is not None:
                    bank, column = bank_of(number)
                    rows.setdefault(bank, array("d", [math.nan] * BANK))[column] = value
            if rows:
                yield when, rows

    def _number_of(self, series: Series) -> int | None:
        """Return the number of a series, a new one where it has none and there is room."""
        if series not in self._series:
            if len(self._series) >= self._archive.layout.banks * BANK:
                self.report.signals_without_room.add(series)
                return None
            self._series[series] = len(self._series)
        return self._series[series]

    def _join_signals(self, held: dict[int, array[float]], rows: dict[int, array[float]], new: bool) -> None:
        for bank, values in rows.items():
            there = held.setdefault(bank, array("d", [math.nan] * BANK))
            fresh = [column for column, value in enumerate(values) if math.isnan(there[column]) and value == value]
            for column in fresh:
                there[column] = values[column]
            if new and fresh:
                name = f"signals-{bank}"
                self.report.added[name] = self.report.added.get(name, 0) + 1

    def _keep_signals(self, moment: float, held: dict[int, array[float]]) -> None:
        if held:
            self._recorder.take_signals_again(moment, held)

    # --- the outcome --------------------------------------------------------------------------------------------

    def merged(self, live: Recorder) -> MergedHistory | None:
        """Return the new history; None when it must be collected anew, because the recorder has named new series.

        ``live``: the recorder of the archive, which records nothing meanwhile.
        """
        if self._archive.read_notes().series != self._known_series:
            return None
        self._take_polls(())
        self._take_signals(())
        scratch, rings = self._recorder, dict[str, Rows]()
        # Polls can be missing that the recorder has still known: a damaged file. Then what it knows goes on.
        base = live if live.last > scratch.last else scratch
        self._count_polls(rings)
        own_quarters = _select(self._archive, "quarters")
        quarters = self._better_intervals("quarters", own_quarters, base.intervals.quarter_start, rings)
        self._better_intervals("minutes", _select(self._archive, "minutes"), base.intervals.minute_start, rings)
        own_polls = _select(self._archive, "polls")
        days, fresh = self._merged_days(Quarters(own_quarters, own_polls), Quarters(quarters, own_polls))
        state = self._state(live, base, days)
        if fresh:
            open_day = max(days)
            rings["days"] = by_columns(
                [day for ordinal, day in days.items() if ordinal != open_day], self._archive.plans["days"].columns
            )
        self._merge_signals(rings)
        return MergedHistory(rings, state, tuple(self._series))

    def _count_polls(self, rings: dict[str, Rows]) -> None:
        report = self.report
        if not self._taken and not report.polls_too_old:
            return
        rings["polls"] = _select(self._scratch, "polls")
        oldest = rings["polls"][0][0]
        kept = sum(1 for when in self._taken if when >= oldest)
        report.polls_too_old += len(self._taken) - kept
        report.added["polls"] = kept
        if not kept:
            del rings["polls"]

    def _better_intervals(self, name: str, own: Rows, open_start: float, rings: dict[str, Rows]) -> Rows:
        """Return the better row of every interval, the open one too; rings get those that have ended."""
        given = self._incoming.intervals.get(name)
        sources = [own, *([given] if given is not None else []), _select(self._scratch, name)]
        (times, columns), gained = _fuller_rows(sources, self._archive.plans[name], open_start)
        if gained:
            ended = len(times) - (bool(times) and times[-1] == open_start)
            rings[name] = times[:ended], {column: values[:ended] for column, values in columns.items()}
        self.report.added[name] = gained
        return times, columns

    def _merged_days(self, own_quarters: Quarters, quarters: Quarters) -> tuple[dict[int, DayRow], bool]:
        """Return all days by date, the open one too, and whether any of them is new or changed."""
        where, report = self._recorder.zone, self.report
        own, summed = self._days_of(self._archive), self._days_of(self._scratch)
        days = dict(own)
        report.added["days"] = 0
        for ordinal in sorted(self._touched):
            day = datetime.date.fromordinal(ordinal)
            start = own[ordinal].start if ordinal in own else day_start(day, where)
            end = day_start(day + datetime.timedelta(days=1), where)
            others = [self._days[ordinal]] if ordinal in self._days else []
            if ordinal in summed:
                others.append(summed[ordinal].values)
            mine = own.get(ordinal)
            days[ordinal] = joined = joined_day(start, end, mine, others, own_quarters, quarters)
            joined.values["date"] = float(ordinal)
            if mine is None:
                report.added["days"] += 1
            elif mine.energies != joined.energies:
                report.completed_days += 1
            elif ordinal in self._days:
                report.kept_days += 1
                joined.values = mine.values
        return days, bool(report.added["days"] or report.completed_days)

    def _days_of(self, archive: Archive) -> dict[int, DayRow]:
        times, columns = rows = _select(archive, "days")
        dates = columns["date"]
        ordinals = {
            row: int(dates[row])
            if math.isfinite(dates[row])
            else local_date(when + DAY_MIDDLE_SECONDS, self._recorder.zone).toordinal()
            for row, when in enumerate(times)
        }
        return day_rows(rows, ordinals)

    def _state(self, live: Recorder, base: Recorder, days: Mapping[int, DayRow]) -> bytes:
        """Return the state with which recording goes on: all that is open, the day with what it came to."""
        intervals = base.intervals
        lifetime = live.intervals.energies()
        if all(math.isnan(value) for value in lifetime):
            energies = [[day.values[name] for day in days.values() if name in day.values] for name in ENERGY_NAMES]
            lifetime = array("d", [math.fsum(known) if known else math.nan for known in energies])
        # A total that went on before goes on: a counter that jumps by what an import brought would be read as energy.
        if base is not live:
            intervals.keep_fuller_day(live.intervals)
        intervals.keep_totals(lifetime)
        if days:
            newest = days[max(days)]
            intervals.set_day(newest.start, [newest.values.get(name, math.nan) for name in ENERGY_NAMES])
        return live.state_with(base).tobytes() if base is not live else live.state().tobytes()

    # --- device signals -----------------------------------------------------------------------------------------

    def _merge_signals(self, rings: dict[str, Rows]) -> None:
        for bank in range(self._archive.layout.banks):
            if self.report.added.get(f"signals-{bank}"):
                rings[f"signals-{bank}"] = _select(self._scratch, f"signals-{bank}")
        where = self._recorder.zone
        given: dict[int, dict[int, dict[str, float]]] = {}  # bank, date, column
        for ordinal, found in self._incoming.signal_days.items():
            if not _FIRST_DAY <= ordinal <= _LAST_DAY:
                self.report.refused += 1
                continue
            for series, figures in found.items():
                number = self._number_of(series)
                if number is not None:
                    columns = _day_columns(number)
                    row = given.setdefault(bank_of(number)[0], {}).setdefault(ordinal, {})
                    row.update(zip(columns, figures, strict=True))
        # The open day is in the state, and summed up there from the signals of both.
        open_day = local_date(self._recorder.signal_day + 1.0, where).toordinal() if self._has_signal_day else None
        for bank in range(self._archive.layout.banks):
            name = f"signal-days-{bank}"
            own = _by_date(_select(self._archive, name), where)
            days = {ordinal: DayRow(day.start, dict(day.values)) for ordinal, day in own.items()}
            gained = 0
            for source in (_by_date(_select(self._scratch, name), where), _given_days(given.get(bank, {}), where)):
                for ordinal, day in source.items():
                    if ordinal == open_day:
                        continue
                    gained += _take_fuller_series(days.setdefault(ordinal, DayRow(day.start, {})), day, bank)
            if open_day is not None:
                days.pop(open_day, None)
            if gained:
                rings[name] = by_columns(list(days.values()), self._archive.plans[name].columns)
                self.report.added[name] = gained

    @property
    def _has_signal_day(self) -> bool:
        return math.isfinite(self._recorder.signal_day)


def _select(archive: Archive, name: str) -> Rows:
    times, columns = archive.rings[name].select(-math.inf, math.inf)
    return times, dict(zip(archive.plans[name].columns, columns, strict=True))


def _rows_of(ring: Ring, after: float) -> Iterator[tuple[float, array[float]]]:
    """Yield the rows of a ring that are later than ``after``."""
    times, columns = ring.select(math.nextafter(after, math.inf), math.inf)
    for row, when in enumerate(times):
        yield when, array("d", [column[row] for column in columns])


def _in_order(
    own: Iterable[tuple[float, Row]], incoming: Iterable[tuple[float, Row]]
) -> Iterator[tuple[float, bool, Row]]:
    """Yield rows of both in order of time with whether they are incoming; of the same time the own one comes first."""
    both = ((when, False, row) for when, row in own), ((when, True, row) for when, row in incoming)
    return heapq.merge(*both, key=lambda row: row[:2])


def _fuller_rows(sources: Sequence[Rows], plan: RingPlan, open_start: float) -> tuple[Rows, int]:
    """Return the row with the most samples for every time, the newest that fit beside the one that is still open.

    Also returns how many of them are not of the first source. Of rows with as many samples the earlier one is taken.
    """
    chosen: dict[float, tuple[float, int, int]] = {}
    for index, (times, columns) in enumerate(sources):
        samples = row_samples((times, columns))
        for row, when in enumerate(times):
            count = samples[row]
            before = chosen.get(when)
            if EARLIEST_SECONDS <= when < END_SECONDS and (before is None or count > before[0]):
                chosen[when] = (count, index, row)
    ordered = sorted(chosen)
    room = plan.rows + (ordered[-1:] == [open_start])
    times = array("d", ordered[-room:])
    merged = {}
    for name in plan.columns:
        values = [source[1].get(name) for source in sources]
        column = array("d")
        for when in times:
            _, index, row = chosen[when]
            found = values[index]
            column.append(math.nan if found is None else found[row])
        merged[name] = column
    return (times, merged), sum(1 for when in times if chosen[when][1] > 0)


def _day_columns(number: int) -> list[str]:
    return [f"s{number}_{figure}" for figure in SIGNAL_FIGURES]


def _by_date(rows: Rows, where: ZoneInfo) -> dict[int, DayRow]:
    noons = {row: local_date(when + DAY_MIDDLE_SECONDS, where).toordinal() for row, when in enumerate(rows[0])}
    return day_rows(rows, noons)


def _given_days(days: Mapping[int, dict[str, float]], where: ZoneInfo) -> dict[int, DayRow]:
    return {
        ordinal: DayRow(day_start(datetime.date.fromordinal(ordinal), where), values)
        for ordinal, values in days.items()
    }


def _take_fuller_series(day: DayRow, other: DayRow, bank: int) -> bool:
    """Take the figures of those series of which ``other`` has more values; says whether there was one."""
    gained = False
    for number in range(bank * BANK, (bank + 1) * BANK):
        columns = _day_columns(number)
        if other.values.get(columns[-1], 0.0) > day.values.get(columns[-1], 0.0) + _LEAST_COUNT:
            day.values.update({name: other.values[name] for name in columns if name in other.values})
            gained = True
    return gained
