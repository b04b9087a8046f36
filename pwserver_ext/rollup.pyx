# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Keep the running sums behind coarser rows: statistics of an open interval, and energy from power.

Nothing here knows what a column means. Both classes give their whole content as an array of doubles and take it
back, so that a restart goes on where the last process stopped.
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
    CHANNEL_LIMIT = 8
    TOTALS = 3  # short interval, long interval, for ever


@cython.final
cdef class Integrator:
    """Integrates signed channels (W) by trapezoids to directed energies (Wh).

    ``positive[i]`` and ``negative[i]``: which output takes the part of channel i above and below zero, -1 for none.
    The direction is decided at each sample; between two samples each direction runs straight. Nothing is integrated
    between samples further apart than ``longest_gap`` seconds. Three sets of totals run side by side: two that the
    caller clears (the short and the long interval) and one that only grows.
    """

    cdef readonly int channels
    cdef readonly int outputs
    cdef double longest_gap
    cdef int _positive[CHANNEL_LIMIT]
    cdef int _negative[CHANNEL_LIMIT]
    # One block, so that it can be kept as a whole: sample time, time integrated to, power above and below zero.
    cdef double _points[CHANNEL_LIMIT * 4]
    cdef double _totals[CHANNEL_LIMIT * 2 * TOTALS]

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
        cdef int channel
        cdef double* point
        cdef double value, share, above, below, hours
        if values.shape[0] < self.channels:
            raise ValueError(f"{self.channels} values needed")
        if not isfinite(until) or not isfinite(timestamp):
            raise ValueError("energy needs times that are numbers")
        for channel in range(self.channels):
            value = values[channel]
            point = &self._points[channel * 4]
            if not isfinite(value) or not isfinite(point[0]) or timestamp - point[0] > self.longest_gap:
                continue
            if until <= point[1] or timestamp <= point[1]:
                continue
            share = (until - point[1]) / (timestamp - point[1])
            above = point[2] + ((value if value > 0.0 else 0.0) - point[2]) * share
            below = point[3] + ((-value if value < 0.0 else 0.0) - point[3]) * share
            hours = (until - point[1]) / 3600.0
            self._add(self._positive[channel], (point[2] + above) / 2.0 * hours)
            self._add(self._negative[channel], (point[3] + below) / 2.0 * hours)
            point[1] = until
            point[2] = above
            point[3] = below

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

    def copy_totals(self, int which, double[::1] target not None, Py_ssize_t at):
        """Write the outputs of one interval into ``target`` from ``at`` on."""
        cdef int index
        if not 0 <= which < TOTALS or not 0 <= at <= target.shape[0] - self.outputs:
            raise IndexError(at)
        for index in range(self.outputs):
            target[at + index] = self._totals[which * self.outputs + index]

    def clear(self, int which):
        """Begin a new short (0) or long (1) interval."""
        cdef int index
        if not 0 <= which < TOTALS - 1:
            raise IndexError(which)
        for index in range(self.outputs):
            self._totals[which * self.outputs + index] = NAN

    def state(self):
        """Everything, as array('d')."""
        cdef Py_ssize_t points = self.channels * 4, totals = self.outputs * TOTALS, index
        cdef array.array out = array.clone(_DOUBLES, points + totals, False)
        for index in range(points):
            out.data.as_doubles[index] = self._points[index]
        for index in range(totals):
            out.data.as_doubles[points + index] = self._totals[index]
        return out

    def restore(self, const double[::1] state not None):
        """Take back what ``state`` gave."""
        cdef Py_ssize_t points = self.channels * 4, totals = self.outputs * TOTALS, index
        if state.shape[0] != points + totals:
            raise ValueError("a state of another shape")
        for index in range(points):
            self._points[index] = state[index]
        for index in range(totals):
            self._totals[index] = state[points + index]
