"""Readings into rows: every poll, its roll-ups, and the energy between two polls. In the poller, one per gateway."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Mapping

from pwserver.history.archive import Archive, Notes, bank_of
from pwserver.history.counter_drift import CounterCheck, EnergyTotal
from pwserver.history.days import day_span, day_start, local_date, zone
from pwserver.history.layout import (
    BANK,
    COLUMNS,
    ENERGIES,
    LAST_COLUMNS,
    MODES,
    POWERS,
    ROLLED,
    SPREAD_COLUMNS,
)
from pwserver.history.signal_series import device_signals
from pwserver.reading import Reading
from pwserver.state.electrical import Electrical, house_hertz
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.meter_powers import energies_wh
from pwserver_ext.rollup import Integrator, Rollup

log = logging.getLogger(__name__)

LONGEST_GAP_SECONDS = 3600.0
QUARTER_SECONDS = 900.0
STEP_TOLERANCE_SECONDS = 0.25  # between two clocks: what the timestamps say, and what really passed
STATE_VERSION = 1.0
SHORT, LONG, ENDLESS = 0, 1, 2  # totals of the integrator: this quarter hour, this day, for ever

_GRID = {"UP": 1.0, "DOWN": 0.0, "SYNCING": -1.0}
_MODE = {name: float(code) for code, name in enumerate(MODES)}
_LAST = array("i", [COLUMNS.index(name) for name in LAST_COLUMNS])
_SPREAD = array("i", [COLUMNS.index(name) for name in SPREAD_COLUMNS])
# Channels are POWERS: site, solar, battery, load. Where their parts above and below zero go:
_POSITIVE = [ENERGIES.index(name) for name in ("grid_import", "solar", "battery_discharge", "home")]
_NEGATIVE = [ENERGIES.index("grid_export"), -1, ENERGIES.index("battery_charge"), -1]
_ENERGY_AT = len(ROLLED)
_DATE_AT = _ENERGY_AT + len(ENERGIES)


def power_values(judged: Judged) -> array[float]:
    """Return one row by COLUMNS, with NaN for what the reading does not know."""
    site = judged.meters["site"]
    carried = judged.reading is not None and judged.reading.vitals_carried
    row = [judged.meters[meter].watts.value for meter in POWERS]
    row += [
        judged.charge.app_percent.value,
        _GRID.get(judged.grid.state.value or ""),
        judged.operation.reserve_percent.value,
        _MODE.get(judged.operation.mode.value or ""),
        house_hertz(site.hertz.value, Electrical() if carried else judged.electrical),
        site.volts.value if (site.volts.value or 0.0) > 0 else None,  # gateways write 0 for what they do not measure
    ]
    return array("d", [math.nan if value is None else float(value) for value in row])


class Recorder:
    """Writes one gateway's readings into its archive. Not for two threads at once.

    A recorder made over an archive that already holds rows goes on where the last one stopped: the kept state, plus
    the polls recorded after it.
    """

    def __init__(
        self,
        archive: Archive,
    ) -> None:
        self._archive = archive
        self._zone = zone(archive.timezone)
        self.refused = 0  # polls not recorded because they were not later than the last one
        self._crowded = False  # has it been told that there are more signals than room?
        for ring in archive.rings.values():
            ring.repair()
        notes = archive.read_notes()
        self._series = {pair: index for index, pair in enumerate(notes.series[: archive.layout.banks * BANK])}
        self._units = dict(notes.units or {})
        self._noted_zone = notes.timezone
        self._reset()
        self._resume()

    # --- what the poller calls -----------------------------------------------------------------------------------

    @property
    def last(self) -> float:
        """Return when the newest poll was taken; minus infinity before the first."""
        return self._last

    def use_zone(self, name: str) -> None:
        """Count days by this zone from now on. The day that is open ends at its next midnight."""
        if name == self._zone.key or self._archive.gateway.timezone_set:
            return
        log.info("%s: days begin at midnight in %s, not %s", self._archive.gateway.id, name, self._zone.key)
        self._noted_zone = name
        self._write_notes()
        self._zone = zone(self._archive.timezone)
        if math.isfinite(self._day_start):
            self._day_end = day_span(max(self._day_start + 1.0, self._last), self._zone)[1]

    def record(
        self,
        reading: Reading,
        timestamp: float | None = None,
        elapsed: float | None = None,
        judged: Judged | None = None,
    ) -> bool:
        """Take one reading; False when it is not later than the last one and was left out.

        ``timestamp``: when it was taken, where the reading's own is not to be trusted. ``elapsed``: seconds since the
        last one by a clock that is never set; without it the timestamps say how much energy flowed between the two.
        ``judged``: what was judged of it; without that it is judged on its own.
        """
        judged = judged if judged is not None else GatewayJudge().take(reading)
        timestamp = reading.timestamp if timestamp is None else timestamp
        if not math.isfinite(timestamp) or timestamp <= self._last:
            self.refused += 1
            return False
        gap = (timestamp - self._last if elapsed is None else elapsed) > LONGEST_GAP_SECONDS
        minute = self._minute_start
        self._take(timestamp, power_values(judged), elapsed)
        self._check.take(energies_wh(judged.meters), self._integrator.totals(ENDLESS), gap)
        if self._archive.signals:
            self._take_signals(timestamp, reading, judged)
        if self._minute_start != minute:
            self.checkpoint()
        return True

    def take_row(self, timestamp: float, values: array[float], elapsed: float | None = None) -> bool:
        """Take one row by COLUMNS from elsewhere (an import), without counters and device signals."""
        if not timestamp > self._last:
            return False
        self._take(timestamp, values, elapsed)
        return True

    def checkpoint(self) -> None:
        """Keep the open intervals, so that a restart loses nothing. Done every minute; call it before stopping."""
        self._archive.state.write(self._state().tobytes())

    def energy(self) -> dict[str, EnergyTotal]:
        """Return lifetime energies by ENERGIES, each with its drift against the gateway's own counter."""
        return self._check.totals(self._integrator.totals(ENDLESS))

    # --- one sample ----------------------------------------------------------------------------------------------

    def _reset(self) -> None:
        self._last = -math.inf
        self._minute_start = self._quarter_start = self._day_start = -math.inf
        self._day_end = -math.inf
        self._updated = math.nan
        self._minute, self._quarter, self._day = Rollup(len(COLUMNS)), Rollup(len(COLUMNS)), Rollup(len(COLUMNS))
        self._integrator = Integrator(_POSITIVE, _NEGATIVE, len(ENERGIES), LONGEST_GAP_SECONDS)
        self._check = CounterCheck()
        self._minute_row = array("d", [math.nan] * self._archive.minutes.columns)
        self._quarter_row = array("d", [math.nan] * self._archive.quarters.columns)
        self._day_row = array("d", [math.nan] * self._archive.days.columns)
        self._signal_last = self._signal_day = -math.inf
        self._signal_rollups = [Rollup(BANK) for _ in self._archive.signals]

    def _take(self, timestamp: float, values: array[float], elapsed: float | None = None) -> None:
        integrator = self._integrator
        labelled = timestamp - self._last
        if elapsed is not None and math.isfinite(labelled) and abs(labelled - elapsed) > STEP_TOLERANCE_SECONDS:
            # The clock was set between the two polls: only what flowed in the seconds that really passed counts.
            integrator.move(labelled - elapsed)
        else:
            elapsed = labelled
        if labelled <= LONGEST_GAP_SECONDS:
            edge = self._next_edge()
            while edge <= timestamp:
                integrator.advance(edge, timestamp, values)
                self._cross(edge)
                edge = self._next_edge()
            integrator.advance(timestamp, timestamp, values)
        else:
            self._jump(timestamp)
            if elapsed <= LONGEST_GAP_SECONDS:
                integrator.advance(timestamp, timestamp, values)
            else:
                integrator.forget()
        integrator.take(timestamp, values)
        minute = timestamp // 60.0 * 60.0
        if minute != self._minute_start:
            self._close_minute()
            self._minute_start = minute
        self._last = timestamp
        self._updated = timestamp
        for rollup in (self._minute, self._quarter, self._day):
            rollup.add(values)
        self._archive.polls.append(timestamp, values)
        self._show()

    def _show(self) -> None:
        """Let readers see the open intervals."""
        archive = self._archive
        archive.minutes.set_live(self._minute_start, self._fill_minute())
        archive.quarters.set_live(self._quarter_start, self._fill_quarter())
        archive.days.set_live(self._day_start, self._fill_day())

    def _jump(self, timestamp: float) -> None:
        """Leave the intervals that ended during a long gap (or begin at the very start)."""
        if timestamp >= self._quarter_start + QUARTER_SECONDS:
            self._close_quarter()
            self._open_quarter(timestamp)
        if timestamp >= self._day_end:
            self._close_day()
            self._open_day(timestamp)

    def _next_edge(self) -> float:
        return min(self._quarter_start + QUARTER_SECONDS, self._day_end)

    def _cross(self, edge: float) -> None:
        """Close what ends at ``edge`` and open what begins there."""
        if edge >= self._quarter_start + QUARTER_SECONDS:
            self._close_quarter()
            self._open_quarter(edge)
        if edge >= self._day_end:
            self._close_day()
            self._open_day(edge)

    def _open_quarter(self, timestamp: float) -> None:
        self._quarter_start = timestamp // QUARTER_SECONDS * QUARTER_SECONDS

    def _open_day(self, timestamp: float) -> None:
        self._day_start, self._day_end = day_span(timestamp, self._zone)

    def _fill_minute(self) -> array[float]:
        self._minute.write(self._minute_row, _LAST, _SPREAD)
        return self._minute_row

    def _fill_quarter(self) -> array[float]:
        self._quarter.write(self._quarter_row, _LAST, _SPREAD)
        self._integrator.copy_totals(SHORT, self._quarter_row, _ENERGY_AT)
        return self._quarter_row

    def _fill_day(self) -> array[float]:
        row = self._day_row
        self._day.write(row, _LAST, _SPREAD)
        self._integrator.copy_totals(LONG, row, _ENERGY_AT)
        # An instant a little into the day: a day that begins at a gap still has its own date.
        row[_DATE_AT] = float(local_date(self._day_start + 1.0, self._zone).toordinal())
        row[_DATE_AT + 1] = self._last
        row[_DATE_AT + 2] = self._updated
        return row

    def _close_minute(self) -> None:
        if self._minute.samples:
            self._archive.minutes.append(self._minute_start, self._fill_minute())
        self._minute.clear()

    def _close_quarter(self) -> None:
        if math.isfinite(self._quarter_start) and self._worth(self._quarter, SHORT):
            self._archive.quarters.append(self._quarter_start, self._fill_quarter())
        self._quarter.clear()
        self._integrator.clear(SHORT)

    def _close_day(self) -> None:
        if math.isfinite(self._day_start) and self._worth(self._day, LONG):
            self._archive.days.append(self._day_start, self._fill_day())
        self._day.clear()
        self._integrator.clear(LONG)

    def _worth(self, rollup: Rollup, totals: int) -> bool:
        """Say whether an interval is worth a row: it has a sample, or energy of a step that crosses it."""
        return rollup.samples > 0 or not all(math.isnan(value) for value in self._integrator.totals(totals))

    # --- device signals ------------------------------------------------------------------------------------------

    def _take_signals(self, timestamp: float, reading: Reading, judged: Judged) -> None:
        interval = self._archive.settings.signal_interval_seconds
        if timestamp // interval == self._signal_last // interval or reading.vitals_carried:
            return
        self._signal_last = timestamp
        banks = self._archive.signals
        rows: dict[int, array[float]] = {}
        labels = {**self._units, **judged.unit_labels}
        known = len(self._series)
        for device, metric, value in device_signals(judged, interval):
            series = self._series.get((device, metric))
            if series is None:
                if len(self._series) >= len(banks) * BANK:
                    self._no_room(device, metric)
                    continue
                series = self._series[device, metric] = len(self._series)
            bank, column = bank_of(series)
            rows.setdefault(bank, array("d", [math.nan] * BANK))[column] = value
        if labels != self._units or len(self._series) != known:
            self._units = dict(list(labels.items())[-256:])
            self._write_notes()
        if not rows:
            return
        if self._signal_day != self._day_start:
            self._close_signal_days()
            self._signal_day = self._day_start
        for bank, values in rows.items():
            self._append_signals(bank, timestamp, values)

    def _write_notes(self) -> None:
        self._archive.notes.write(Notes(tuple(self._series), self._units, self._noted_zone).to_bytes())

    def _append_signals(self, bank: int, timestamp: float, values: array[float]) -> None:
        self._archive.signals[bank].append(timestamp, values)
        self._signal_rollups[bank].add(values)
        self._archive.signal_days[bank].set_live(self._signal_day, _day_figures(self._signal_rollups[bank]))

    def _no_room(self, device: str, metric: str) -> None:
        if not self._crowded:
            self._crowded = True
            log.warning(
                "%s: no room for %s of %s in the history, nor for signals that come after it; "
                "PW_HISTORY_MAX_SIGNALS says for how many there is, those of replaced devices included",
                self._archive.gateway.id,
                metric,
                device,
            )

    def _close_signal_days(self) -> None:
        for rollup, ring in zip(self._signal_rollups, self._archive.signal_days, strict=True):
            if rollup.samples:
                ring.append(self._signal_day, _day_figures(rollup))
            rollup.clear()

    # --- restart ---------------------------------------------------------------------------------------------------

    def _state(self) -> array[float]:
        state = array("d", [STATE_VERSION, self._last, self._minute_start, self._quarter_start, self._day_start])
        state.extend((self._updated, self._signal_last, self._signal_day))
        state.extend(self._integrator.state())
        for rollup in (self._minute, self._quarter, self._day):
            state.extend(rollup.state())
        state.extend(self._check.state())
        for rollup in self._signal_rollups:
            state.extend(rollup.state())
        return state

    def _restore(self, payload: bytes) -> bool:
        """Take back the kept state; False when there is none, or one of another version or shape."""
        if not payload or len(payload) % 8:
            return False
        state = array("d")
        state.frombytes(payload)
        if not self.fits(state):
            return False
        (self._last, self._minute_start, self._quarter_start, self._day_start) = state[1:5]
        (self._updated, self._signal_last, self._signal_day) = state[5:8]
        at = 8
        parts = (self._integrator, self._minute, self._quarter, self._day, self._check)
        for part in parts:
            size = len(part.state())
            part.restore(state[at : at + size])
            at += size
        for rollup in self._signal_rollups:
            size = len(rollup.state())
            if len(state) >= at + size:
                rollup.restore(state[at : at + size])
            at += size
        self._day_end = -math.inf
        if math.isfinite(self._day_start):
            self._day_end = day_span(self._day_start + 1.0, self._zone)[1]
        return True

    def _signal_cells(self) -> int:
        return sum(len(rollup.state()) for rollup in self._signal_rollups)

    def _resume(self) -> None:
        """Go on after the last checkpoint with the polls recorded since; without one, with today's polls."""
        if self._restore(self._archive.state.read()[1]):
            since = math.nextafter(self._last, math.inf)
        else:
            self._reset()
            since = self._rebuild()
        self._replay(*self._archive.polls.select(since, math.inf))
        if math.isfinite(self._last):
            self._show()

    def _rebuild(self) -> float:
        """Sum up the lifetime energies from the rows of the days; returns when the day after the last one began."""
        days = self._archive.days
        columns = [self._archive.column("days", f"{energy}_wh") for energy in ENERGIES]
        times, energies = days.select(-math.inf, math.inf, columns)
        if not times:
            return -math.inf
        since = day_span(times[-1] + 1.0, self._zone)[1]
        self._begin_at(since)
        state = self._integrator.state()
        for index, values in enumerate(energies):
            known = [value for value in values if not math.isnan(value)]
            state[len(state) - len(ENERGIES) + index] = math.fsum(known) if known else math.nan
        self._integrator.restore(state)
        return since

    def _begin_at(self, since: float) -> None:
        """Begin at midnight between two polls, so that the piece of their interval after it is not lost."""
        polls = self._archive.polls
        (before, values), (after, following) = polls.select(-math.inf, since, None, 1), polls.select(since, math.inf)
        if before and after and before[0] < since and after[0] - before[0] <= LONGEST_GAP_SECONDS:
            self._integrator.take(before[0], array("d", [column[0] for column in values]))
            self._integrator.advance(since, after[0], array("d", [column[0] for column in following]))
            self._integrator.clear(SHORT)
            self._integrator.clear(LONG)
            self._last = before[0]
            self._open_quarter(since)
            self._open_day(since)

    def _replay(self, times: array[float], columns: list[array[float]]) -> None:
        for row, timestamp in enumerate(times):
            self._take(timestamp, array("d", [column[row] for column in columns]))
        if times:
            log.debug("%s: %d polls taken up again after a restart", self._archive.gateway.id, len(times))

    # --- a segment of the history recorded under a wrong clock --------------------------------------------------

    def state(self) -> array[float]:
        """Return everything that is open at the newest poll; ``return_to`` takes it back."""
        return self._state()

    def fits(self, state: array[float]) -> bool:
        """Say whether this is a state of this version and shape."""
        return bool(state) and state[0] == STATE_VERSION and len(state) >= len(self._state()) - self._signal_cells()

    @staticmethod
    def last_of(state: array[float]) -> float:
        """Return when the newest poll of such a state was taken; minus infinity before the first."""
        return state[1]

    @staticmethod
    def signals_of(state: array[float]) -> float:
        """Return when the newest device signals of such a state were taken."""
        return state[6]

    def return_to(self, state: array[float]) -> bool:
        """Withdraw all rows recorded since ``state``, and go on from there; False when it is of another shape.

        Done twice it is the same as done once.
        """
        if not self._restore(state.tobytes()):
            return False
        archive = self._archive
        archive.polls.truncate_after(self._last)
        for ring, start in (
            (archive.minutes, self._minute_start),
            (archive.quarters, self._quarter_start),
            (archive.days, self._day_start),
            *((ring, self._signal_day) for ring in archive.signal_days),
        ):
            ring.truncate_after(math.nextafter(start, -math.inf))
        for ring in archive.signals:
            ring.truncate_after(self._signal_last)
        self.checkpoint()
        if math.isfinite(self._last):
            self._show()
        return True

    def return_to_before(self, timestamp: float) -> None:
        """Withdraw the rows later than ``timestamp``; the day that holds it is summed up again from the polls left."""
        archive = self._archive
        today = day_start(local_date(timestamp, self._zone), self._zone)
        archive.polls.truncate_after(timestamp)
        archive.minutes.truncate_after(timestamp // 60.0 * 60.0 - 1.0)
        archive.quarters.truncate_after(timestamp // QUARTER_SECONDS * QUARTER_SECONDS - 1.0)
        archive.days.truncate_after(today - 1.0)
        for ring in archive.signals:
            ring.truncate_after(timestamp)
        for ring in archive.signal_days:
            ring.truncate_after(today - 1.0)
        self._reset()
        self._replay(*archive.polls.select(max(today, self._rebuild()), math.inf))
        self.checkpoint()

    def take_signals_again(self, timestamp: float, rows: Mapping[int, array[float]]) -> None:
        """Record device signals (bank -> values) that were withdrawn from another time."""
        day = day_span(timestamp, self._zone)[0]
        if day != self._signal_day:
            self._close_signal_days()
            self._signal_day = day
        self._signal_last = timestamp
        for bank, values in rows.items():
            self._append_signals(bank, timestamp, values)


def _day_figures(rollup: Rollup) -> array[float]:
    """Return the row of ``signal_day_columns``: means, smallest, largest, counts."""
    cells = [rollup.column(column) for column in range(BANK)]
    nan = math.nan
    row = [total / count if count else nan for total, count, _, _ in cells]
    row += [low if count else nan for _, count, low, _ in cells]
    row += [high if count else nan for _, count, _, high in cells]
    row += [count if count else nan for _, count, _, _ in cells]
    return array("d", row)
