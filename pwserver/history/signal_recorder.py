"""Record device signals: one poll per signal interval, and one row of figures per day."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Mapping

from pwserver.history.archive import Archive, Notes, bank_of
from pwserver.history.layout import BANK
from pwserver.history.signal_series import device_signals
from pwserver.reading import Reading
from pwserver.state.judge import Judged
from pwserver_ext.rollup import Rollup

log = logging.getLogger(__name__)

# Labels of replaced units stay, so that old rows keep their names, but only so many: the notes are a small record.
MOST_UNIT_LABELS = 256
CAPACITY_SHARE = 0.01  # a smaller change of the capacity is not worth a write


class SignalRecorder:
    """Writes one gateway's device signals into the banks of its archive, and keeps the notes that name them.

    ``last``: when the newest signals were taken, epoch seconds; ``day``: the start of the day that is open.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        notes = archive.read_notes()
        self._series = {pair: index for index, pair in enumerate(notes.series[: archive.layout.banks * BANK])}
        self._units = dict(notes.units or {})
        self._noted_zone = notes.timezone
        self._days_zone = notes.days_zone
        self._capacity_wh = notes.capacity_wh
        self._full_logged = False  # has it been logged that there are more signals than room?
        self.clear()

    @property
    def named(self) -> bool:
        """Return whether any column has a name."""
        return bool(self._series)

    def clear(self) -> None:
        """Forget the open day; the series keep their columns."""
        self.last = self.day = -math.inf
        self.rollups = [Rollup(BANK) for _ in self._archive.signals]

    def note_zone(self, name: str) -> None:
        """Store the time zone whose midnights divide the days, as the gateway told it."""
        self._noted_zone = self._days_zone = name
        self._write_notes()

    def note_days_zone(self, name: str) -> None:
        """Store the time zone in force, whoever told it."""
        if self._days_zone != name:
            self._days_zone = name
            self._write_notes()

    def note_capacity(self, watt_hours: float | None) -> None:
        """Store the capacity of the batteries when it is known for the first time, or has changed."""
        known = self._capacity_wh
        if watt_hours is not None and (known is None or abs(watt_hours - known) > CAPACITY_SHARE * known):
            self._capacity_wh = watt_hours
            self._write_notes()

    def take(self, timestamp: float, reading: Reading, judged: Judged, day: float) -> None:
        """Record the signals of one reading, unless this interval has some or they are carried over from an older one.

        ``day``: the start of the reading's day, epoch seconds.
        """
        interval = self._archive.settings.signal_interval_seconds
        if timestamp // interval == self.last // interval or reading.vitals_carried:
            return
        self.last = timestamp
        banks = self._archive.signals
        rows: dict[int, array[float]] = {}
        labels = {**self._units, **judged.unit_labels}
        known = len(self._series)
        for device, metric, value in device_signals(judged, interval):
            series = self._series.get((device, metric))
            if series is None:
                if len(self._series) >= len(banks) * BANK:
                    self._log_full(device, metric)
                    continue
                series = self._series[device, metric] = len(self._series)
            bank, column = bank_of(series)
            rows.setdefault(bank, array("d", [math.nan] * BANK))[column] = value
        # Before the rows: a column without a name in the notes could not be read back.
        if labels != self._units or len(self._series) != known:
            self._units = dict(list(labels.items())[-MOST_UNIT_LABELS:])
            self._write_notes()
        if rows:
            self._append(timestamp, rows, day)

    def take_again(self, timestamp: float, rows: Mapping[int, array[float]], day: float) -> None:
        """Record signals (bank -> values) that were withdrawn from another time. ``day``: as in ``take``."""
        self.last = timestamp
        self._append(timestamp, rows, day)

    def _append(self, timestamp: float, rows: Mapping[int, array[float]], day: float) -> None:
        if day != self.day:
            self._close_day()
            self.day = day
        for bank, values in rows.items():
            self._archive.signals[bank].append(timestamp, values)
            self.rollups[bank].add(values)
            self._archive.signal_days[bank].set_live(self.day, day_figures(self.rollups[bank]))

    def _close_day(self) -> None:
        for rollup, ring in zip(self.rollups, self._archive.signal_days, strict=True):
            if rollup.samples:
                ring.append(self.day, day_figures(rollup))
            rollup.clear()

    def _write_notes(self) -> None:
        series, zones = tuple(self._series), (self._noted_zone, self._days_zone)
        self._archive.notes.write(Notes(series, self._units, *zones, self._capacity_wh).to_bytes())

    def _log_full(self, device: str, metric: str) -> None:
        if not self._full_logged:
            self._full_logged = True
            log.warning(
                "%s: no room for %s of %s in the history, nor for signals that come after it; "
                "PW_HISTORY_MAX_SIGNALS says for how many there is, those of replaced devices included",
                self._archive.gateway.id,
                metric,
                device,
            )


def day_figures(rollup: Rollup) -> array[float]:
    """Return the row of ``signal_day_columns``: means, smallest, largest, counts."""
    cells = [rollup.column(column) for column in range(BANK)]
    nan = math.nan
    row = [total / count if count else nan for total, count, _, _ in cells]
    row += [low if count else nan for _, count, low, _ in cells]
    row += [high if count else nan for _, count, _, high in cells]
    row += [count if count else nan for _, count, _, _ in cells]
    return array("d", row)
