# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Choose rows of series: those that matter to the eye, those that are wanted, those that were measured.

NaN and infinity stand for what was not measured. Nothing here knows what a series means.
"""

from cpython cimport array
from libc.math cimport NAN, fabs, isfinite
from libc.stdint cimport int64_t

import array as _array

cdef array.array _DOUBLES = _array.array("d")
cdef array.array _LONGS = _array.array("q")


def lttb(const double[::1] times not None, const double[::1] values not None, Py_ssize_t points):
    """Return the rows that keep the look of a curve: largest triangle three buckets.

    Returns array('q') of at most ``points`` row numbers, the first and the last measured row among them; rows that
    were not measured are never chosen.
    """
    cdef Py_ssize_t height = times.shape[0], row, bucket, low, high, next_low, next_high, chosen, best, used
    cdef double every, area, largest, mean_time, mean_value, at_time, at_value
    cdef array.array known = array.clone(_LONGS, height, False)
    cdef array.array out
    cdef int64_t* rows = <int64_t*>known.data.as_longlongs
    cdef int64_t* picks
    if values.shape[0] != height:
        raise ValueError("times and values of different length")
    if points < 3:
        raise ValueError("at least three points")
    used = 0
    for row in range(height):
        if isfinite(values[row]):
            rows[used] = row
            used += 1
    if used <= points:
        array.resize(known, used)
        return known
    out = array.clone(_LONGS, points, False)
    picks = <int64_t*>out.data.as_longlongs
    every = <double>(used - 2) / (points - 2)
    picks[0] = rows[0]
    chosen = 0
    for bucket in range(points - 2):
        low = <Py_ssize_t>(bucket * every) + 1
        high = <Py_ssize_t>((bucket + 1) * every) + 1
        next_low = high
        next_high = <Py_ssize_t>((bucket + 2) * every) + 1
        if next_high > used:
            next_high = used
        mean_time = 0.0
        mean_value = 0.0
        for row in range(next_low, next_high):
            mean_time += times[rows[row]]
            mean_value += values[rows[row]]
        mean_time /= next_high - next_low
        mean_value /= next_high - next_low
        at_time = times[rows[chosen]]
        at_value = values[rows[chosen]]
        largest = -1.0
        best = low
        for row in range(low, high):
            area = fabs((at_time - mean_time) * (values[rows[row]] - at_value)
                        - (at_time - times[rows[row]]) * (mean_value - at_value))
            if area > largest:
                largest = area
                best = row
        picks[bucket + 1] = rows[best]
        chosen = best
    picks[points - 1] = rows[used - 1]
    return out


def pick(const double[::1] values not None, const long long[::1] rows not None):
    """Return the values of the chosen rows, as array('d')."""
    cdef Py_ssize_t index
    cdef array.array out = array.clone(_DOUBLES, rows.shape[0], False)
    for index in range(rows.shape[0]):
        if not 0 <= rows[index] < values.shape[0]:
            raise IndexError(rows[index])
        out.data.as_doubles[index] = values[rows[index]]
    return out


def split(const double[::1] values not None):
    """Return the parts above and below zero, both positive or NaN, as two array('d')."""
    cdef Py_ssize_t index
    cdef double value
    cdef array.array above = array.clone(_DOUBLES, values.shape[0], False)
    cdef array.array below = array.clone(_DOUBLES, values.shape[0], False)
    for index in range(values.shape[0]):
        value = values[index]
        above.data.as_doubles[index] = value if not value < 0.0 else 0.0
        below.data.as_doubles[index] = -value if not value > 0.0 else 0.0
    return above, below


def complete(columns):
    """Return the rows in which every one of the columns was measured, as array('q')."""
    chosen = list(columns)
    return _rows_with(chosen, len(chosen))


def measured(columns):
    """Return the rows in which at least one of the columns was measured, as array('q')."""
    return _rows_with(list(columns), 1)


cdef array.array _rows_with(list columns, Py_ssize_t least):
    """Return the rows in which ``least`` columns were measured; without a column there is no row."""
    cdef Py_ssize_t height = 0, row, used = 0
    cdef const double[::1] column
    if columns:
        column = columns[0]
        height = column.shape[0]
    cdef array.array rows = array.clone(_LONGS, height, False)
    for row in range(height):
        rows.data.as_longlongs[row] = 0
    for values in columns:
        column = values
        if column.shape[0] != height:
            raise ValueError("columns of different length")
        for row in range(height):
            if isfinite(column[row]):
                rows.data.as_longlongs[row] += 1
    for row in range(height):
        if rows.data.as_longlongs[row] >= least:
            rows.data.as_longlongs[used] = row
            used += 1
    array.resize(rows, used)
    return rows


def largest(const double[::1] values not None):
    """Return the largest of what was measured; NaN where nothing was."""
    cdef Py_ssize_t row
    cdef double found = NAN
    for row in range(values.shape[0]):
        if isfinite(values[row]) and not values[row] <= found:
            found = values[row]
    return found
