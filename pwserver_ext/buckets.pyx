# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Sum up the rows of a ring in buckets: mean, smallest, largest, sum, last, count. One pass over shared memory.

A mean is one over time. Rows that stand for an interval weigh by its length. Between rows that stand for a moment the
value runs straight, cut where a bucket ends; where two rows are too far apart there is none, and a bucket in which no
such line runs, or in which no row has a length, has the plain mean of its rows.
"""

from cpython cimport array
from libc.math cimport INFINITY, NAN, floor, isfinite
from libc.stdint cimport uint8_t, uint64_t

from pwserver_ext.ring cimport (
    COLUMN_LIMIT,
    Reading,
    Ring,
    RowHead,
    Window,
    is_settled,
    mask_of,
    measured_value,
    must_read,
    new_reading,
    next_row,
    open_window,
    room_of,
    timestamp_of,
    trimmed,
    value_of,
    value_under,
    values_of,
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

cdef double ROUNDING = 1e-6

cdef array.array _DOUBLES = _array.array("d")

cdef struct Sums:  # of the bucket that is open, by column; the means come first
    int width
    int means
    uint64_t asked  # the columns of the means, as a mask of a row has them
    double together  # when all means had their last value, which `moments` need not say then; NaN: at several moments
    double shared  # the weights of all means alike
    int picks[COLUMN_LIMIT]  # columns of the ring
    int kinds[COLUMN_LIMIT]
    double* targets[COLUMN_LIMIT]
    double sums[COLUMN_LIMIT]  # of values by their weights
    double weights[COLUMN_LIMIT]
    double plain[COLUMN_LIMIT]  # of values without a length: their sum, how many there were,
    double counts[COLUMN_LIMIT]
    double moments[COLUMN_LIMIT]  # when the last one was, and what it was
    double lasts[COLUMN_LIMIT]


cdef inline void _open(Sums* sums, Py_ssize_t at) noexcept:
    """Begin the bucket ``at``."""
    cdef int column
    sums.shared = 0.0
    for column in range(sums.width):
        sums.sums[column] = 0.0
        sums.weights[column] = 0.0
        sums.plain[column] = 0.0
        sums.counts[column] = 0.0
    for column in range(sums.means, sums.width):
        sums.targets[column][at] = NAN


cdef inline void _weigh(Ring ring, Sums* sums, const RowHead* row, double share) noexcept:
    """Add the values of a row to the means; ``share`` is its weight."""
    cdef int column, means = sums.means
    cdef double value
    cdef bint wide = ring.value_bytes == 8
    cdef uint64_t mask = mask_of(row)
    cdef const uint8_t* values = values_of(row)
    for column in range(means):
        value = value_under(mask, values, wide, sums.picks[column])
        if value == value:
            if share > 0.0:
                sums.sums[column] += value * share
                sums.weights[column] += share
            else:
                sums.plain[column] += value
                sums.counts[column] += 1.0


cdef inline void _add(Sums* sums, int column, Py_ssize_t at, double value) noexcept:
    """Add one measured value to what is no mean."""
    cdef double* target = sums.targets[column] + at
    cdef int kind = sums.kinds[column]
    if kind == KIND_MINIMUM:
        if not target[0] <= value:
            target[0] = value
    elif kind == KIND_MAXIMUM:
        if not target[0] >= value:
            target[0] = value
    elif kind == KIND_LAST:
        target[0] = value
    else:
        sums.sums[column] += value if kind == KIND_SUM else 1.0
        target[0] = sums.sums[column]


cdef inline void _finish(Sums* sums, Py_ssize_t at) noexcept:
    """Turn the sums of the bucket ``at`` into means; -1: there is none yet."""
    cdef int column
    cdef double weight
    if at < 0:
        return
    for column in range(sums.means):
        weight = sums.weights[column] + sums.shared
        if weight > 0.0:
            sums.targets[column][at] = sums.sums[column] / weight
        elif sums.counts[column] > 0.0:
            sums.targets[column][at] = sums.plain[column] / sums.counts[column]
        else:
            sums.targets[column][at] = NAN


cdef inline double _part(
    double earlier, double moment, double begin, double end, double longest, double* middle
) noexcept:
    """Return how many seconds of a line count, and where their ``middle`` is; the whole line is 1 long."""
    cdef double length = moment - earlier, low, high
    if not 0.0 < length <= longest:
        return 0.0
    if begin <= earlier and moment <= end:  # as most do, which spares a division
        middle[0] = 0.5
        return length
    low = max(begin - earlier, 0.0)
    high = min(end - earlier, length)
    middle[0] = (low + high) / 2.0 / length
    return high - low


cdef inline void _follow_all(
    Ring ring, Sums* sums, const uint8_t* values, double seconds, double middle, bint last, bint own
) noexcept:
    """Do as `_follow` where all columns have a value, and had their last one at the same moment."""
    cdef int column, means = sums.means
    cdef bint wide = ring.value_bytes == 8
    cdef double value, after = middle * seconds, before = seconds - after
    for column in range(means):
        value = measured_value(values, wide, sums.picks[column])
        if seconds > 0.0:
            sums.sums[column] += sums.lasts[column] * before + value * after
        elif own:
            sums.plain[column] += value
            sums.counts[column] += 1.0
        if last:
            sums.lasts[column] = value
    if seconds > 0.0:
        sums.shared += seconds


cdef inline void _follow(
    Ring ring, Sums* sums, const RowHead* row, double begin, double end, double longest, bint last, bint own
) noexcept:
    """Add the lines that lead to a row, as far as they lie between ``begin`` and ``end``.

    ``last``: the next lines begin at this row. ``own``: it lies in the bucket. A line begins at the last value of its
    column, nearly always in the row before, and nearly always for all columns: then nothing is asked of each.
    """
    cdef int column, means = sums.means
    cdef double moment = timestamp_of(row), earlier = sums.together, seconds = 0.0, middle = 0.0, value, first
    cdef bint wide = ring.value_bytes == 8, together = earlier == earlier
    cdef uint64_t mask = mask_of(row)
    cdef bint complete = mask & sums.asked == sums.asked
    cdef const uint8_t* values = values_of(row)
    if together:
        seconds = _part(earlier, moment, begin, end, longest, &middle)
    if together and complete:
        _follow_all(ring, sums, values, seconds, middle, last, own)
    else:
        for column in range(means):
            if together:
                sums.moments[column] = earlier
            value = value_under(mask, values, wide, sums.picks[column])
            if value != value:
                continue
            if sums.moments[column] != earlier:
                earlier = sums.moments[column]
                seconds = _part(earlier, moment, begin, end, longest, &middle)
            if seconds > 0.0:
                first = sums.lasts[column]
                sums.sums[column] += (first + (value - first) * middle) * seconds
                sums.weights[column] += seconds
            elif own:
                sums.plain[column] += value
                sums.counts[column] += 1.0
            if last:
                sums.moments[column] = moment
                sums.lasts[column] = value
    if last:
        sums.together = moment if complete else NAN


cdef inline double _share(Ring ring, const RowHead* row, int weight) noexcept:
    """Read how much a row counts: its column ``weight``; the ring's step where that is not known; -1: all count alike."""
    cdef double share
    if weight < 0:
        return 1.0
    share = value_of(ring, row, weight)
    if share != share:
        return ring.step_seconds
    return share if share > 0.0 else 0.0


cdef Py_ssize_t _buckets_between(double start, double end, double step, double origin, Py_ssize_t rows) noexcept:
    """Count the buckets of a window with at most that many rows, at least one.

    By the same arithmetic that gives a row its bucket, so that rounding cannot make one more than there is room.
    """
    cdef double buckets = floor((end - origin) / step) - floor((start - origin) / step) + 1.0
    if end >= start and buckets < rows:
        rows = <Py_ssize_t>buckets
    return max(rows, 1)


cdef list _choose(Ring ring, Sums* sums, list columns, list kinds):
    """Note what is asked; return the places of the columns in the order in which they are summed up: means first."""
    cdef int column = 0
    cdef list order
    if len(columns) > COLUMN_LIMIT or len(kinds) != len(columns):
        raise ValueError("as many kinds as columns, at most 64")
    order = sorted(range(len(kinds)), key=lambda place: kinds[place] != MEAN)
    sums.width = <int>len(columns)
    sums.means = kinds.count(MEAN)
    sums.asked = 0
    for place in order:
        sums.picks[column] = columns[place]
        sums.kinds[column] = kinds[place]
        if not 0 <= sums.picks[column] < ring.columns or not 0 <= sums.kinds[column] <= KIND_COUNT:
            raise IndexError(columns[place])
        if column < sums.means:
            sums.asked |= <uint64_t>1 << sums.picks[column]
        column += 1
    return order


def aggregate(
    Ring ring not None,
    double start,
    double end,
    double step,
    kinds,
    columns,
    double origin=0.0,
    int weight=-1,
    double longest_gap=0.0,
    bint first_rows=False,
):
    """Sum up the rows with ``start`` <= timestamp <= ``end`` into buckets of ``step`` seconds.

    A bucket begins at ``origin`` plus a whole number of steps. ``kinds[i]`` (MEAN, MINIMUM, MAXIMUM, SUM, LAST, COUNT)
    says how ``columns[i]`` is summed up; a mean weighs each row by its column ``weight`` (-1: all alike).
    ``longest_gap``: rows are moments, and a mean follows the line between two that are at most so many seconds apart.
    Returns (bucket starts, weights of the buckets, [one array('d') a column, NaN where nothing was measured]);
    buckets without a row are left out. ``first_rows``: when the first row of each bucket is, instead of its start.
    """
    cdef Reading reading = new_reading()
    cdef Window window
    cdef Sums sums
    cdef int column
    cdef Py_ssize_t room, at = -1
    cdef double share, total = 0.0, value, place, bucket, moment, begin, edge, inside, beyond
    cdef bint lines = longest_gap > 0.0, wanted, same
    cdef RowHead* row
    cdef array.array times, totals, out
    cdef list order
    sums.width = sums.means = 0
    order = _choose(ring, &sums, list(columns), list(kinds))
    if not 0.0 < step < INFINITY or not isfinite(origin) or not -1 <= weight < ring.columns:
        raise ValueError("step or weight out of range")
    if not 0.0 <= longest_gap < INFINITY:
        raise ValueError(f"a gap cannot be {longest_gap} s long")
    while must_read(ring, &reading):
        # The lines that cross the window's edges begin and end beside it.
        open_window(ring, &reading, start - longest_gap, end + longest_gap, &window)
        room = _buckets_between(start, end, step, origin, room_of(ring, &window))
        times = array.clone(_DOUBLES, room, False)
        totals = array.clone(_DOUBLES, room, False)
        results = [array.clone(_DOUBLES, room, False) for _ in order]
        for column in range(sums.width):
            out = results[order[column]]
            sums.targets[column] = out.data.as_doubles
            sums.moments[column] = NAN
        at = -1
        sums.together = NAN
        bucket = -INFINITY
        begin = edge = -INFINITY  # of the open bucket, as far as it is in the window
        inside, beyond = INFINITY, -INFINITY  # what is between them is in the open bucket, however one rounds
        row = next_row(ring, &reading, &window)
        while row != NULL:
            moment = timestamp_of(row)
            wanted = start <= moment <= end
            same = wanted and inside <= moment < beyond
            if not same:
                # A bucket's number decides, not its end: a fractional step cannot be added up without an error.
                place = floor((moment - origin) / step)
                same = wanted and at >= 0 and place <= bucket
            if lines and not same and (at >= 0 or not wanted):
                _follow(ring, &sums, row, begin, min(edge, end), longest_gap, not wanted, False)
            if wanted:
                if not same:
                    _finish(&sums, at)
                    at += 1
                    if at == room:  # the rows are not in order: a writer is at work, or the file was damaged
                        if reading.careful and is_settled(ring, &reading):
                            raise RuntimeError("the ring's timestamps are not in order")
                        reading.refused = True
                        at = -1
                        break
                    bucket = place
                    edge = place * step + origin
                    times.data.as_doubles[at] = moment if first_rows else edge
                    begin = max(edge, start)
                    inside = edge + ROUNDING * (step + 1.0)
                    edge += step
                    beyond = edge - ROUNDING * (step + 1.0)
                    total = 0.0
                    _open(&sums, at)
                if lines:
                    total += 1.0
                    _follow(ring, &sums, row, begin, edge, longest_gap, True, True)
                else:
                    share = _share(ring, row, weight)
                    total += share
                    _weigh(ring, &sums, row, share)
                totals.data.as_doubles[at] = total
                for column in range(sums.means, sums.width):
                    value = value_of(ring, row, sums.picks[column])
                    if value == value:
                        _add(&sums, column, at, value)
            row = next_row(ring, &reading, &window)
        _finish(&sums, at)
    array.resize(totals, at + 1)
    trimmed(times, results, at + 1)
    return times, totals, results
