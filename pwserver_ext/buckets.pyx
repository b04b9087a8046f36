# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Rows of a ring summed up into buckets: mean, smallest, largest, sum, last, count. One pass over shared memory."""

from cpython cimport array
from libc.math cimport INFINITY, NAN, floor, isfinite
from libc.stdint cimport uint64_t

from pwserver_ext.ring cimport (
    ATTEMPTS,
    COLUMN_LIMIT,
    Ring,
    RowHead,
    after,
    enter,
    live_in,
    lower_bound,
    ring_crc_prepare,
    row_at,
    trimmed,
    unchanged,
    value_of,
)

import array as _array

# How a column is summed up over a bucket.
MEAN = 0
MINIMUM = 1
MAXIMUM = 2
SUM = 3
LAST = 4
COUNT = 5

cdef enum:
    KIND_MEAN = 0
    KIND_MINIMUM = 1
    KIND_MAXIMUM = 2
    KIND_SUM = 3
    KIND_LAST = 4
    KIND_COUNT = 5

cdef array.array _DOUBLES = _array.array("d")

ring_crc_prepare()


def aggregate(
    Ring ring not None, double start, double end, double step, kinds, columns, double origin=0.0, int weight=-1
):
    """Sum up the rows with ``start`` <= timestamp <= ``end`` into buckets of ``step`` seconds.

    A bucket begins at ``origin`` plus a whole number of steps. ``kinds[i]`` (MEAN, MINIMUM, MAXIMUM, SUM, LAST, COUNT)
    says how ``columns[i]`` is summed up; a mean weighs each row by its column ``weight`` (-1: all alike).
    Returns (bucket starts, weights of the buckets, [one array('d') a column, NaN where nothing was measured]);
    buckets without a row are left out.
    """
    cdef list chosen = list(columns), ways = list(kinds)
    cdef int width, column
    cdef int picks[COLUMN_LIMIT]
    cdef int how[COLUMN_LIMIT]
    cdef double* targets[COLUMN_LIMIT]
    cdef double weights[COLUMN_LIMIT]
    cdef uint64_t sequence = 0, newest, low, high, number
    cdef Py_ssize_t room, at
    cdef double share, value, place, bucket
    cdef RowHead* row
    cdef bint careful, torn
    cdef int attempt = 0
    cdef array.array times, totals, out
    if len(chosen) > COLUMN_LIMIT or len(ways) != len(chosen):
        raise ValueError("as many kinds as columns, at most 64")
    width = <int>len(chosen)
    if not 0.0 < step < INFINITY or not isfinite(origin) or not -1 <= weight < ring.columns:
        raise ValueError("step or weight out of range")
    for column in range(width):
        picks[column] = chosen[column]
        how[column] = ways[column]
        if not 0 <= picks[column] < ring.columns or not 0 <= how[column] <= KIND_COUNT:
            raise IndexError(chosen[column])
    while True:
        careful = attempt >= ATTEMPTS
        if careful or enter(ring, &sequence, attempt):
            torn = False
            newest = ring._control.newest
            low = lower_bound(ring, start, newest, careful)
            high = after(ring, end, newest, careful)
            room = <Py_ssize_t>(high - low) + 1 if high > low else 1
            if room > ring.rows + 1:
                room = ring.rows + 1
            # By the same arithmetic that gives a row its bucket, so that rounding cannot make one more than there is room.
            if end >= start and floor((end - origin) / step) - floor((start - origin) / step) + 1.0 < room:
                room = <Py_ssize_t>(floor((end - origin) / step) - floor((start - origin) / step)) + 1
            if room < 1:
                room = 1
            times = array.clone(_DOUBLES, room, False)
            totals = array.clone(_DOUBLES, room, False)
            results = []
            for column in range(width):
                out = array.clone(_DOUBLES, room, False)
                targets[column] = out.data.as_doubles
                results.append(out)
            at = -1
            bucket = -INFINITY
            number = low
            while number <= high:
                row = row_at(ring, number, careful) if number < high else live_in(ring, start, end, newest, careful)
                number += 1
                if row == NULL:
                    continue
                # A bucket's number decides, not its end: a fractional step cannot be added up without an error.
                place = floor((row.timestamp - origin) / step)
                if place > bucket:
                    _finish(targets, weights, how, width, at)
                    at += 1
                    if at >= room:
                        torn = True
                        break
                    bucket = place
                    times.data.as_doubles[at] = place * step + origin
                    totals.data.as_doubles[at] = 0.0
                    for column in range(width):
                        weights[column] = 0.0
                        targets[column][at] = NAN
                share = 1.0
                if weight >= 0:
                    share = value_of(ring, row, weight)
                    if not share > 0.0:
                        share = 0.0
                totals.data.as_doubles[at] += share
                for column in range(width):
                    value = value_of(ring, row, picks[column])
                    if value != value:
                        continue
                    if how[column] == KIND_MEAN:
                        if share > 0.0:
                            if weights[column] == 0.0:
                                targets[column][at] = value * share
                            else:
                                targets[column][at] += value * share
                            weights[column] += share
                    elif how[column] == KIND_MINIMUM:
                        if not targets[column][at] <= value:
                            targets[column][at] = value
                    elif how[column] == KIND_MAXIMUM:
                        if not targets[column][at] >= value:
                            targets[column][at] = value
                    elif how[column] == KIND_SUM:
                        if weights[column] == 0.0:
                            targets[column][at] = value
                            weights[column] = 1.0
                        else:
                            targets[column][at] += value
                    elif how[column] == KIND_COUNT:
                        if targets[column][at] > 0.0:
                            targets[column][at] += 1.0
                        else:
                            targets[column][at] = 1.0
                    else:
                        targets[column][at] = value
            if not torn:
                _finish(targets, weights, how, width, at)
                if careful or unchanged(ring, sequence):
                    array.resize(totals, at + 1)
                    trimmed(times, results, at + 1)
                    return times, totals, results
            elif careful:
                raise RuntimeError("the ring's timestamps are not in order")
        attempt += 1


cdef void _finish(double** targets, double* weights, int* how, int width, Py_ssize_t at) noexcept:
    """Turn the sums of the bucket ``at`` into means."""
    cdef int column
    if at < 0:
        return
    for column in range(width):
        if how[column] == KIND_MEAN and weights[column] > 0.0:
            targets[column][at] /= weights[column]
