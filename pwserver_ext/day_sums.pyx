# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Add up the rows of days, and find how much of a home's energy was its own.

NaN stands for what is not known: a sum adds what is known, and is NaN where nothing is. Nothing here reads a ring.
"""

from cpython cimport array
from libc.math cimport NAN, isnan

import array as _array

cdef array.array _DOUBLES = _array.array("d")


def self_powered(
    const double[::1] home not None,
    const double[::1] bought not None,
    const double[::1] sun not None,
    const double[::1] battery not None,
    const double[::1] grid not None,
):
    """Find, row by row, how much of a home's energy was not bought. All energies have one unit.

    Returns (own energy, whole energy, rule) as array('d'). Rule 0: by the parts from sun, battery and grid, as far as
    they are known. Rule 1: a home without parts had at least what was not bought. NaN: neither is known.
    """
    cdef Py_ssize_t rows = home.shape[0], row
    cdef double parts, least
    if not rows == bought.shape[0] == sun.shape[0] == battery.shape[0] == grid.shape[0]:
        raise ValueError("columns of different length")
    cdef array.array own = array.clone(_DOUBLES, rows, False)
    cdef array.array whole = array.clone(_DOUBLES, rows, False)
    cdef array.array rule = array.clone(_DOUBLES, rows, False)
    for row in range(rows):
        parts = sun[row] + battery[row] + grid[row]
        own.data.as_doubles[row] = whole.data.as_doubles[row] = rule.data.as_doubles[row] = NAN
        if parts > 0.0:
            own.data.as_doubles[row] = sun[row] + battery[row]
            whole.data.as_doubles[row] = parts
            rule.data.as_doubles[row] = 0.0
        elif home[row] > 0.0 and not isnan(bought[row]):
            least = home[row] - bought[row]
            own.data.as_doubles[row] = 0.0 if least < 0.0 else home[row] if least > home[row] else least
            whole.data.as_doubles[row] = home[row]
            rule.data.as_doubles[row] = 1.0
    return own, whole, rule


def span_sums(columns, const long long[::1] starts not None, const long long[::1] ends not None):
    """Add up the values of each column from row ``starts[i]`` to before ``ends[i]``, for each span.

    Returns a list with an array('d') for each column.
    """
    if ends.shape[0] != starts.shape[0]:
        raise ValueError("as many ends as starts")
    return [_span_sums(column, starts, ends) for column in columns]


cdef array.array _span_sums(const double[::1] values, const long long[::1] starts, const long long[::1] ends):
    cdef Py_ssize_t spans = starts.shape[0], span, row, known
    cdef double total
    cdef array.array sums = array.clone(_DOUBLES, spans, False)
    for span in range(spans):
        if not 0 <= starts[span] <= ends[span] <= values.shape[0]:
            raise IndexError(f"{starts[span]} to {ends[span]} are no rows of {values.shape[0]}")
        total, known = 0.0, 0
        for row in range(starts[span], ends[span]):
            if not isnan(values[row]):
                total += values[row]
                known += 1
        sums.data.as_doubles[span] = total if known else NAN
    return sums


def percent_of(const double[::1] parts not None, const double[::1] wholes not None):
    """Return each part as percent of its whole; NaN where the whole is not above zero. Returns array('d')."""
    cdef Py_ssize_t rows = parts.shape[0], row
    if wholes.shape[0] != rows:
        raise ValueError("columns of different length")
    cdef array.array found = array.clone(_DOUBLES, rows, False)
    for row in range(rows):
        found.data.as_doubles[row] = 100.0 * parts[row] / wholes[row] if wholes[row] > 0.0 else NAN
    return found
