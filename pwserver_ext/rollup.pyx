# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Keep the running sums behind coarser rows: statistics of an open interval, means over time, and energy from power.

Nothing here knows what a column means. All classes give their whole content as an array of doubles and take it back, so
that a restart goes on where the last process stopped.
"""

cimport cython
from cpython cimport array
from libc.math cimport INFINITY, NAN, isfinite
from libc.stdlib cimport calloc, free

import array as _array

cdef array.array _DOUBLES = _array.array("d")

cdef enum:
    FIELDS = 5  # sum, count, smallest, largest, last
    COLUMN_LIMIT = 4096

cdef double MOST_SAMPLES = 9007199254740992.0  # beyond it a double cannot count


@cython.final
cdef class Rollup:
    """Computes mean, smallest, largest and last value of ``columns`` columns over the samples of one open interval."""

    cdef readonly int columns
    cdef readonly Py_ssize_t samples
    cdef double* _cells

    def __cinit__(self, Py_ssize_t columns):
        if not 1 <= columns <= COLUMN_LIMIT:
            raise ValueError(f"a roll-up has 1 to {COLUMN_LIMIT} columns, not {columns}")
        self.columns = <int>columns
        self._cells = <double*>calloc(columns * FIELDS, sizeof(double))
        if self._cells == NULL:
            raise MemoryError
        self.clear()

    def __dealloc__(self):
        free(self._cells)

    def clear(self):
        """Forget everything: a new interval begins."""
        cdef int column
        cdef double* cell
        self.samples = 0
        for column in range(self.columns):
            cell = self._cells + column * FIELDS
            cell[0] = 0.0
            cell[1] = 0.0
            cell[2] = INFINITY
            cell[3] = -INFINITY
            cell[4] = NAN

    def add(self, const double[::1] values not None):
        """Take one sample; NaN was not measured."""
        cdef int column
        cdef double value
        cdef double* cell
        if values.shape[0] < self.columns:
            raise ValueError(f"{self.columns} values needed")
        self.samples += 1
        for column in range(self.columns):
            value = values[column]
            if not isfinite(value):
                continue
            cell = self._cells + column * FIELDS
            cell[0] += value
            cell[1] += 1.0
            if value < cell[2]:
                cell[2] = value
            if value > cell[3]:
                cell[3] = value
            cell[4] = value

    def write(self, double[::1] target not None, const int[::1] last not None, const int[::1] spread not None):
        """Fill ``target``: one value a column (the mean, or the last value for the columns named in ``last``), then
        the smallest and the largest value of each column in ``spread``, then the number of samples."""
        cdef int column
        cdef Py_ssize_t at, index
        cdef double* cell
        if spread.shape[0] > COLUMN_LIMIT or target.shape[0] < self.columns + 2 * spread.shape[0] + 1:
            raise ValueError("the target is too short")
        for index in range(last.shape[0]):
            if not 0 <= last[index] < self.columns:
                raise IndexError(last[index])
        for index in range(spread.shape[0]):
            if not 0 <= spread[index] < self.columns:
                raise IndexError(spread[index])
        for column in range(self.columns):
            cell = self._cells + column * FIELDS
            target[column] = cell[0] / cell[1] if cell[1] > 0.0 else NAN
        for index in range(last.shape[0]):
            target[last[index]] = self._cells[last[index] * FIELDS + 4]
        at = self.columns
        for index in range(spread.shape[0]):
            cell = self._cells + spread[index] * FIELDS
            target[at] = cell[2] if cell[1] > 0.0 else NAN
            target[at + 1] = cell[3] if cell[1] > 0.0 else NAN
            at += 2
        target[at] = <double>self.samples

    def column(self, int column):
        """Return (sum, count, smallest, largest) of one column."""
        cdef double* cell
        if not 0 <= column < self.columns:
            raise IndexError(column)
        cell = self._cells + column * FIELDS
        return cell[0], cell[1], cell[2], cell[3]

    def state(self):
        """Return everything that ``restore`` takes back, as array('d')."""
        cdef array.array out = array.clone(_DOUBLES, self.columns * FIELDS + 1, False)
        cdef Py_ssize_t index
        for index in range(self.columns * FIELDS):
            out.data.as_doubles[index] = self._cells[index]
        out.data.as_doubles[self.columns * FIELDS] = <double>self.samples
        return out

    def restore(self, const double[::1] state not None):
        """Take back what ``state`` gave."""
        cdef Py_ssize_t index
        if state.shape[0] != self.columns * FIELDS + 1:
            raise ValueError("a state of another shape")
        if not 0.0 <= state[self.columns * FIELDS] <= MOST_SAMPLES:
            raise ValueError(f"{state[self.columns * FIELDS]} is no number of samples")
        for index in range(self.columns * FIELDS):
            self._cells[index] = state[index]
        self.samples = <Py_ssize_t>state[self.columns * FIELDS]


cdef enum:
    POINT = 3  # time of the sample, time summed up to, value there


@cython.final
cdef class TimedMeans:
    """Computes means over time of ``columns`` columns, for ``intervals`` intervals side by side.

    Between two samples a value runs straight. Where they are further apart than ``longest_gap`` seconds there is none.
    """

    cdef readonly int columns
    cdef readonly int intervals
    cdef public double longest_gap
    cdef double* _points
    cdef double* _sums  # of each interval and column: value times seconds, seconds

    def __cinit__(self, Py_ssize_t columns, Py_ssize_t intervals, double longest_gap):
        if not 1 <= columns <= COLUMN_LIMIT or not 1 <= intervals <= COLUMN_LIMIT:
            raise ValueError(f"means are of 1 to {COLUMN_LIMIT} columns and intervals, not {columns} and {intervals}")
        if not longest_gap >= 0.0:
            raise ValueError(f"a gap cannot be {longest_gap} s long")
        self.columns = <int>columns
        self.intervals = <int>intervals
        self.longest_gap = longest_gap
        self._points = <double*>calloc(columns * POINT, sizeof(double))
        self._sums = <double*>calloc(columns * intervals * 2, sizeof(double))
        if self._points == NULL or self._sums == NULL:
            raise MemoryError
        self.forget()

    def __dealloc__(self):
        free(self._points)
        free(self._sums)

    def advance(self, double until, double timestamp, const double[::1] values not None):
        """Sum up to ``until`` on the way to the sample ``values`` taken at ``timestamp``."""
        cdef int column, interval
        cdef double* point
        cdef double* cell
        cdef double value, there, seconds
        if values.shape[0] < self.columns:
            raise ValueError(f"{self.columns} values needed")
        if not isfinite(until) or not isfinite(timestamp):
            raise ValueError("means need times that are numbers")
        for column in range(self.columns):
            value = values[column]
            point = self._points + column * POINT
            if not isfinite(value) or not isfinite(point[0]) or timestamp - point[0] > self.longest_gap:
                continue
            if until <= point[1] or timestamp <= point[1]:
                continue
            seconds = until - point[1]
            there = point[2] + (value - point[2]) * (seconds / (timestamp - point[1]))
            for interval in range(self.intervals):
                cell = self._sums + (interval * self.columns + column) * 2
                cell[0] += (point[2] + there) / 2.0 * seconds
                cell[1] += seconds
            point[1] = until
            point[2] = there

    def take(self, double timestamp, const double[::1] values not None):
        """Remember the sample as the start of what follows (after ``advance(timestamp, timestamp, values)``)."""
        cdef int column
        cdef double* point
        if values.shape[0] < self.columns:
            raise ValueError(f"{self.columns} values needed")
        if not isfinite(timestamp):
            raise ValueError("means need times that are numbers")
        for column in range(self.columns):
            if isfinite(values[column]):
                point = self._points + column * POINT
                point[0] = timestamp
                point[1] = timestamp
                point[2] = values[column]

    def forget(self):
        """Forget the last sample: nothing is summed up to the next one."""
        cdef int index
        for index in range(self.columns * POINT):
            self._points[index] = NAN

    def move(self, double seconds):
        """Move the remembered sample in time, because its row has been given another time."""
        cdef int column
        if not isfinite(seconds):
            raise ValueError("means need times that are numbers")
        for column in range(self.columns):
            self._points[column * POINT] += seconds
            self._points[column * POINT + 1] += seconds

    def write(self, int interval, double[::1] target not None):
        """Put the means of one interval into ``target``, a value a column; what has none keeps what is there."""
        cdef int column
        cdef double* cell
        if not 0 <= interval < self.intervals or target.shape[0] < self.columns:
            raise IndexError(interval)
        for column in range(self.columns):
            cell = self._sums + (interval * self.columns + column) * 2
            if cell[1] > 0.0:
                target[column] = cell[0] / cell[1]

    def clear(self, int interval):
        """Begin a new interval."""
        cdef int index
        if not 0 <= interval < self.intervals:
            raise IndexError(interval)
        for index in range(self.columns * 2):
            self._sums[interval * self.columns * 2 + index] = 0.0

    def state(self):
        """Return everything that ``restore`` takes back, as array('d')."""
        cdef Py_ssize_t points = self.columns * POINT, sums = self.columns * self.intervals * 2, index
        cdef array.array out = array.clone(_DOUBLES, points + sums, False)
        for index in range(points):
            out.data.as_doubles[index] = self._points[index]
        for index in range(sums):
            out.data.as_doubles[points + index] = self._sums[index]
        return out

    def restore(self, const double[::1] state not None):
        """Take back what ``state`` gave."""
        cdef Py_ssize_t points = self.columns * POINT, sums = self.columns * self.intervals * 2, index
        if state.shape[0] != points + sums:
            raise ValueError("a state of another shape")
        for index in range(points):
            self._points[index] = state[index]
        for index in range(sums):
            self._sums[index] = state[points + index]


cdef double LEAST_WATT_HOURS = 1e-9  # what less of a power says of the time it flowed in would be noise

cdef enum:
    CHANNEL_LIMIT = 8
    TOTALS = 3  # short interval, long interval, for ever


@cython.final
cdef class Integrator:
    """Integrates signed channels (W) by trapezoids to directed energies (Wh).

    ``positive[i]`` and ``negative[i]``: which output takes the part of channel i above and below zero, -1 for none.
    The direction is decided at each sample; between two samples each direction runs straight. Nothing is integrated
    between samples further apart than ``longest_gap`` seconds. Three sets of totals run side by side: two that the
    caller clears (the short and the long interval) and one that only grows.

    ``plan`` says how much an output gets up to the next sample, where something else has counted it. The power then only
    divides it in time; where there is no power it is spread evenly.
    """

    cdef readonly int channels
    cdef readonly int outputs
    cdef public double longest_gap
    cdef int _positive[CHANNEL_LIMIT]
    cdef int _negative[CHANNEL_LIMIT]
    # One block, so that it can be kept as a whole: sample time, time integrated to, power above and below zero.
    cdef double _points[CHANNEL_LIMIT * 4]
    cdef double _totals[CHANNEL_LIMIT * 2 * TOTALS]
    cdef double _seconds[CHANNEL_LIMIT * (TOTALS - 1)]  # over which a channel was integrated, of both intervals
    # Up to the next sample: what the power is multiplied with, and watts that flow evenly from ``_even_from`` on.
    cdef double _factors[CHANNEL_LIMIT * 2]
    cdef double _even[CHANNEL_LIMIT * 2]
    cdef bint _planned[CHANNEL_LIMIT * 2]
    cdef double _even_from

    def __cinit__(self, positive, negative, int outputs, double longest_gap):
        cdef int index
        cdef list above = list(positive), below = list(negative)
        if len(above) != len(below) or not 1 <= len(above) <= CHANNEL_LIMIT:
            raise ValueError("one to eight channels, each with two outputs")
        if not 1 <= outputs <= CHANNEL_LIMIT * 2:
            raise ValueError("an output out of range")
        if not longest_gap >= 0.0:
            raise ValueError(f"a gap cannot be {longest_gap} s long")
        self.channels = len(above)
        self.outputs = outputs
        self.longest_gap = longest_gap
        for index in range(self.channels):
            self._positive[index] = above[index]
            self._negative[index] = below[index]
            if self._positive[index] >= outputs or self._negative[index] >= outputs:
                raise ValueError("an output out of range")
        for index in range(CHANNEL_LIMIT * 4):
            self._points[index] = NAN
        for index in range(CHANNEL_LIMIT * 2 * TOTALS):
            self._totals[index] = NAN
        for index in range(CHANNEL_LIMIT * (TOTALS - 1)):
            self._seconds[index] = 0.0
        self._drop_plan()

    cdef void _drop_plan(self) noexcept:
        cdef int index
        for index in range(CHANNEL_LIMIT * 2):
            self._factors[index] = 1.0
            self._even[index] = 0.0
            self._planned[index] = False
        self._even_from = NAN

    cdef bint _counted(self, int channel) noexcept:
        """Say whether all outputs of a channel are planned."""
        cdef int positive = self._positive[channel], negative = self._negative[channel]
        return (positive < 0 or self._planned[positive]) and (negative < 0 or self._planned[negative])

    cdef bint _runs(self, int channel, double timestamp, double value) noexcept:
        """Say whether a channel can be integrated up to a sample."""
        cdef double* point = &self._points[channel * 4]
        if not isfinite(value) or not isfinite(point[0]):
            return False
        return timestamp - point[0] <= self.longest_gap and timestamp > point[1]

    cdef void _cover(self, int channel, double seconds) noexcept:
        self._seconds[channel] += seconds
        self._seconds[self.channels + channel] += seconds

    def preview(self, double timestamp, const double[::1] values not None):
        """Return what each output would get up to the sample ``values`` at ``timestamp``, in Wh; NaN: it cannot be told."""
        cdef array.array out = array.clone(_DOUBLES, self.outputs, False)
        cdef int channel, index
        cdef double hours, value
        cdef double* point
        if values.shape[0] < self.channels:
            raise ValueError(f"{self.channels} values needed")
        for index in range(self.outputs):
            out.data.as_doubles[index] = NAN
        for channel in range(self.channels):
            value = values[channel]
            if not self._runs(channel, timestamp, value):
                continue
            point = &self._points[channel * 4]
            hours = (timestamp - point[1]) / 3600.0
            if self._positive[channel] >= 0:
                out.data.as_doubles[self._positive[channel]] = (point[2] + (value if value > 0.0 else 0.0)) / 2.0 * hours
            if self._negative[channel] >= 0:
                out.data.as_doubles[self._negative[channel]] = (point[3] + (-value if value < 0.0 else 0.0)) / 2.0 * hours
        return out

    def plan(self, double start, double timestamp, const double[::1] expected not None, const double[::1] preview not None):
        """Give each output ``expected`` Wh between ``start`` and the next sample at ``timestamp``; NaN: as the power says.

        ``preview``: what that would be.
        """
        cdef int output
        if expected.shape[0] < self.outputs or preview.shape[0] < self.outputs:
            raise ValueError(f"{self.outputs} values needed")
        self._drop_plan()
        if not isfinite(start) or not isfinite(timestamp) or not start < timestamp:
            return
        self._even_from = start
        for output in range(self.outputs):
            if not isfinite(expected[output]):
                continue
            self._planned[output] = True
            if preview[output] > LEAST_WATT_HOURS:
                self._factors[output] = expected[output] / preview[output]
            else:
                self._factors[output] = 0.0
                self._even[output] = expected[output] / (timestamp - start)

    cdef void _add(self, int output, double energy) noexcept:
        cdef int which
        cdef double* cell
        if output < 0:
            return
        for which in range(TOTALS):
            cell = &self._totals[which * self.outputs + output]
            cell[0] = cell[0] + energy if cell[0] == cell[0] else energy

    def advance(self, double until, double timestamp, const double[::1] values not None):
        """Integrate up to ``until`` on the way to the sample ``values`` taken at ``timestamp``."""
        cdef int channel, output
        cdef double* point
        cdef double value, share, above, below, hours
        if values.shape[0] < self.channels:
            raise ValueError(f"{self.channels} values needed")
        if not isfinite(until) or not isfinite(timestamp):
            raise ValueError("energy needs times that are numbers")
        for channel in range(self.channels):
            value = values[channel]
            point = &self._points[channel * 4]
            if not self._runs(channel, timestamp, value):
                if until > self._even_from and self._counted(channel):
                    self._cover(channel, until - self._even_from)
                continue
            if until <= point[1]:
                continue
            share = (until - point[1]) / (timestamp - point[1])
            above = point[2] + ((value if value > 0.0 else 0.0) - point[2]) * share
            below = point[3] + ((-value if value < 0.0 else 0.0) - point[3]) * share
            hours = (until - point[1]) / 3600.0
            output = self._positive[channel]
            if output >= 0:
                self._add(output, (point[2] + above) / 2.0 * hours * self._factors[output])
            output = self._negative[channel]
            if output >= 0:
                self._add(output, (point[3] + below) / 2.0 * hours * self._factors[output])
            self._cover(channel, until - point[1])
            point[1] = until
            point[2] = above
            point[3] = below
        if until > self._even_from:
            for output in range(self.outputs):
                if self._planned[output] and self._factors[output] == 0.0:
                    self._add(output, self._even[output] * (until - self._even_from))
            self._even_from = until

    def take(self, double timestamp, const double[::1] values not None):
        """Remember the sample as the start of the next interval (after ``advance(timestamp, timestamp, values)``)."""
        cdef int channel
        cdef double* point
        cdef double value
        if values.shape[0] < self.channels:
            raise ValueError(f"{self.channels} values needed")
        if not isfinite(timestamp):
            raise ValueError("energy needs times that are numbers")
        for channel in range(self.channels):
            value = values[channel]
            if not isfinite(value):
                continue
            point = &self._points[channel * 4]
            point[0] = timestamp
            point[1] = timestamp
            point[2] = value if value > 0.0 else 0.0
            point[3] = -value if value < 0.0 else 0.0
        self._drop_plan()

    def forget(self):
        """Forget the last sample: nothing is integrated up to the next one."""
        cdef int index
        for index in range(self.channels * 4):
            self._points[index] = NAN

    def move(self, double seconds):
        """Move the remembered samples in time, because the rows they belong to have been given another time."""
        cdef int channel
        if not isfinite(seconds):
            raise ValueError("energy needs times that are numbers")
        for channel in range(self.channels):
            self._points[channel * 4] += seconds
            self._points[channel * 4 + 1] += seconds

    def totals(self, int which):
        """Return the outputs (Wh, NaN: nothing integrated yet) of the short (0), the long (1) or the endless interval (2)."""
        cdef array.array out = array.clone(_DOUBLES, self.outputs, False)
        cdef int index
        if not 0 <= which < TOTALS:
            raise IndexError(which)
        for index in range(self.outputs):
            out.data.as_doubles[index] = self._totals[which * self.outputs + index]
        return out

    def copy_totals(self, int which, double[::1] target not None, Py_ssize_t at, int count):
        """Write the first ``count`` outputs of one interval into ``target`` from ``at`` on."""
        cdef int index
        if not 0 <= which < TOTALS or not 0 <= count <= self.outputs or not 0 <= at <= target.shape[0] - count:
            raise IndexError(at)
        for index in range(count):
            target[at + index] = self._totals[which * self.outputs + index]

    def write_means(self, int which, double[::1] target not None):
        """Put the mean power of each channel in the short (0) or the long (1) interval into ``target``.

        It is the channel's energy by the time over which that was integrated; what has none keeps what is there.
        """
        cdef int channel
        cdef double seconds, above, below
        if not 0 <= which < TOTALS - 1 or target.shape[0] < self.channels:
            raise IndexError(which)
        for channel in range(self.channels):
            seconds = self._seconds[which * self.channels + channel]
            above = self._total(which, self._positive[channel])
            below = self._total(which, self._negative[channel])
            if seconds > 0.0 and (above == above or below == below):
                target[channel] = ((above if above == above else 0.0) - (below if below == below else 0.0)) * 3600.0 / seconds

    cdef double _total(self, int which, int output) noexcept:
        return self._totals[which * self.outputs + output] if output >= 0 else NAN

    def set_total(self, int which, int output, double energy):
        """Replace one total (Wh)."""
        if not 0 <= which < TOTALS or not 0 <= output < self.outputs:
            raise IndexError(output)
        self._totals[which * self.outputs + output] = energy

    def set_seconds(self, int which, int channel, double seconds):
        """Replace the time over which a channel was integrated, in the short (0) or the long (1) interval."""
        if not 0 <= which < TOTALS - 1 or not 0 <= channel < self.channels:
            raise IndexError(channel)
        self._seconds[which * self.channels + channel] = seconds

    def clear(self, int which):
        """Begin a new short (0) or long (1) interval."""
        cdef int index
        if not 0 <= which < TOTALS - 1:
            raise IndexError(which)
        for index in range(self.outputs):
            self._totals[which * self.outputs + index] = NAN
        for index in range(self.channels):
            self._seconds[which * self.channels + index] = 0.0

    def state(self):
        """Return everything that ``restore`` takes back, as array('d'): points, totals, seconds."""
        cdef Py_ssize_t points = self.channels * 4, totals = self.outputs * TOTALS, index
        cdef Py_ssize_t seconds = self.channels * (TOTALS - 1)
        cdef array.array out = array.clone(_DOUBLES, points + totals + seconds, False)
        for index in range(points):
            out.data.as_doubles[index] = self._points[index]
        for index in range(totals):
            out.data.as_doubles[points + index] = self._totals[index]
        for index in range(seconds):
            out.data.as_doubles[points + totals + index] = self._seconds[index]
        return out

    def restore(self, const double[::1] state not None):
        """Take back what ``state`` gave."""
        cdef Py_ssize_t points = self.channels * 4, totals = self.outputs * TOTALS, index
        cdef Py_ssize_t seconds = self.channels * (TOTALS - 1)
        if state.shape[0] != points + totals + seconds:
            raise ValueError("a state of another shape")
        for index in range(points):
            self._points[index] = state[index]
        for index in range(totals):
            self._totals[index] = state[points + index]
        for index in range(seconds):
            self._seconds[index] = state[points + totals + index]
        self._drop_plan()
