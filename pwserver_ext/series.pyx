# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Turn series of numbers into text, and choose the points that matter.

Numbers are written as plain decimals with a stated number of significant digits and no trailing zeros; what is NaN
or infinite is ``null`` (an empty field in CSV). A time that has no date in the years 1 to 9999 is a ValueError. Nothing
here knows what a series means.
"""

cimport cython
from cpython cimport array
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport fabs, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

import array as _array
import json as _json

cdef array.array _DOUBLES = _array.array("d")
cdef array.array _LONGS = _array.array("q")

cdef double[16] POWERS = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]

cdef enum:
    COLUMN_LIMIT = 128
    OWNER_LIMIT = 1024
    NUMBER_BYTES = 40
    EPOCH_ORDINAL = 719163  # 1970-01-01
    END_ORDINAL = 3652060  # 10000-01-01
    FEWEST_DIGITS = 1
    MOST_DIGITS = 15  # as many powers of ten as are in the table

cdef double EARLIEST_SECONDS = -62135596800.0  # 0001-01-01
cdef double END_SECONDS = 253402300799.9995  # what would be rounded to 10000-01-01


@cython.final
cdef class _Writer:
    cdef char* data
    cdef Py_ssize_t used
    cdef Py_ssize_t room

    def __cinit__(self):
        self.room = 16384
        self.data = <char*>malloc(self.room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.data)

    cdef int need(self, Py_ssize_t more) except -1:
        cdef char* grown
        if self.used + more > self.room:
            self.room = (self.used + more) * 2
            grown = <char*>realloc(self.data, self.room)
            if grown == NULL:
                raise MemoryError
            self.data = grown
        return 0

    cdef int put(self, const char* text, Py_ssize_t length) except -1:
        self.need(length)
        memcpy(self.data + self.used, text, length)
        self.used += length
        return 0

    cdef int number(self, double value, int digits) except -1:
        self.need(NUMBER_BYTES)
        self.used += _number(self.data + self.used, value, digits)
        return 0

    cdef bytes finish(self):
        return PyBytes_FromStringAndSize(self.data, self.used)


cdef int _unsigned(char* target, uint64_t value) noexcept:
    cdef char[20] reverse
    cdef int length = 0, index
    while True:
        reverse[length] = <char>(48 + value % 10)
        length += 1
        value //= 10
        if value == 0:
            break
    for index in range(length):
        target[index] = reverse[length - 1 - index]
    return length


cdef int _number(char* target, double value, int digits) noexcept:
    """Write a finite number with ``digits`` significant digits (integers always in full)."""
    cdef double size = fabs(value)
    cdef int decimals, at = 0, index
    cdef uint64_t scaled, whole, part
    if not 1e-6 <= size < 1e15:
        if size == 0.0:
            target[0] = 48
            return 1
        # Rounding the very largest numbers to fewer digits would make them infinite.
        if size >= 1e300:
            digits = 17
        return snprintf(target, NUMBER_BYTES, b"%.*g", digits, value)
    decimals = digits
    while decimals > 0 and size >= POWERS[digits - decimals]:
        decimals -= 1
    # below 1 the leading zeros do not count
    if size < 1.0:
        index = 1
        while index < 6 and size * POWERS[index] < 1.0:
            index += 1
        decimals = digits + index - 1
        if decimals > 15:
            return snprintf(target, NUMBER_BYTES, b"%.*g", digits, value)
    if size * POWERS[decimals] >= 9e15:
        decimals = 0
    scaled = <uint64_t>(size * POWERS[decimals] + 0.5)
    while decimals > 0 and scaled % 10 == 0:
        scaled //= 10
        decimals -= 1
    if value < 0.0 and scaled:
        target[0] = 45
        at = 1
    whole = scaled // <uint64_t>POWERS[decimals]
    part = scaled % <uint64_t>POWERS[decimals]
    at += _unsigned(target + at, whole)
    if decimals:
        target[at] = 46
        for index in range(decimals):
            target[at + decimals - index] = <char>(48 + part % 10)
            part //= 10
        at += decimals + 1
    return at


cdef void _two(char* target, int value) noexcept:
    target[0] = <char>(48 + value // 10)
    target[1] = <char>(48 + value % 10)


cdef void _date(char* target, int64_t days) noexcept:
    """Write YYYY-MM-DD of a number of days since 1970 (10 bytes). Only for the years 1 to 9999."""
    cdef int64_t shifted = days + 719468
    cdef int64_t era = shifted // 146097
    cdef int64_t of_era = shifted % 146097
    cdef int64_t year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int64_t of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef int64_t turn = (5 * of_year + 2) // 153
    cdef int day = <int>(of_year - (153 * turn + 2) // 5 + 1)
    cdef int month = <int>(turn + 3 if turn < 10 else turn - 9)
    cdef int year = <int>(year_of_era + era * 400 + (1 if month <= 2 else 0))
    _two(target, year // 100)
    _two(target + 2, year % 100)
    target[4] = 45
    _two(target + 5, month)
    target[7] = 45
    _two(target + 8, day)


cdef int _check_time(double timestamp) except -1:
    """Refuse a time that has no date: what comes after would be bytes of no sense, or no number in JSON."""
    if not EARLIEST_SECONDS <= timestamp < END_SECONDS:
        raise ValueError(f"the time {timestamp} has no date in the years 1 to 9999")
    return 0


cdef int _moment(char* target, double timestamp) except -1:
    """Write a time as RFC 3339 in UTC, whole seconds or milliseconds (24 bytes at most)."""
    _check_time(timestamp)
    # Counted from the year 1, so that no division meets a negative number, which C rounds the other way.
    cdef int64_t thousandths = <int64_t>((timestamp - EARLIEST_SECONDS) * 1000.0 + 0.5)
    cdef int64_t seconds = thousandths // 1000
    cdef int rest = <int>(seconds % 86400)
    cdef int milli = <int>(thousandths % 1000)
    _date(target, seconds // 86400 + 1 - EPOCH_ORDINAL)
    target[10] = 84
    _two(target + 11, rest // 3600)
    target[13] = 58
    _two(target + 14, rest // 60 % 60)
    target[16] = 58
    _two(target + 17, rest % 60)
    if milli == 0:
        target[19] = 90
        return 20
    target[19] = 46
    target[20] = <char>(48 + milli // 100)
    _two(target + 21, milli % 100)
    target[23] = 90
    return 24


cdef int _check_digits(int digits) except -1:
    if not FEWEST_DIGITS <= digits <= MOST_DIGITS:
        raise ValueError("1 to 15 digits")
    return 0


@cython.final
cdef class Column:
    """Describes one column to write: its name, its values, how many significant digits, and, for codes, their words.

    ``words[code]`` is the text of that code; a code without a word is absent. ``scale`` multiplies every value.
    ``dates``: the values are days since the year 1 (proleptic ordinals) and become YYYY-MM-DD.
    """

    cdef readonly str name
    cdef readonly int digits
    cdef readonly double scale
    cdef readonly object values
    cdef readonly tuple words
    cdef readonly bint dates
    cdef const double[::1] _values
    cdef list _quoted

    def __cinit__(self, str name not None, values not None, int digits=7, double scale=1.0, words=None, bint dates=False):
        _check_digits(digits)
        self.name = name
        self.digits = digits
        self.scale = scale
        self.dates = dates
        self.values = values
        self.words = tuple(words) if words is not None else None
        self._values = values
        self._quoted = None
        if self.words is not None:
            self._quoted = [_json.dumps(word, ensure_ascii=False).encode() for word in self.words]


cdef int _cell(_Writer out, Column column, Py_ssize_t row, bint quoted) except -1:
    cdef double value = column._values[row] * column.scale
    cdef bytes word
    if column._quoted is not None:
        if 0.0 <= value < len(column._quoted):
            word = column._quoted[<Py_ssize_t>value]
            if quoted:
                out.put(word, len(word))
            else:
                out.put(<const char*>word + 1, len(word) - 2)
        elif quoted:
            out.put(b"null", 4)
    elif column.dates and 1.0 <= value < END_ORDINAL:
        out.need(NUMBER_BYTES)
        out.data[out.used] = 34
        _date(out.data + out.used + 1, <int64_t>value - EPOCH_ORDINAL)
        out.data[out.used + 11] = 34
        out.used += 12
    elif isfinite(value):
        out.number(value, column.digits)
    elif quoted:
        out.put(b"null", 4)
    return 0


cdef int _check_columns(list columns, Py_ssize_t height) except -1:
    """Refuse what is no column of that many rows. The length of the buffer counts, not what its owner says."""
    if len(columns) > COLUMN_LIMIT:
        raise ValueError("too many columns")
    for column in columns:
        if (<Column?>column)._values.shape[0] != height:
            raise ValueError("columns of different length")
    return 0


def json_rows(const double[::1] times not None, columns, str time_name not None="time", bint moments=True):
    """Write a flat JSON array of objects: the time (RFC 3339, or epoch seconds), then each column. Returns bytes."""
    cdef Py_ssize_t row, height = times.shape[0]
    cdef _Writer out = _Writer()
    cdef bytes opening = b'{"' + time_name.encode() + b'":'
    cdef list chosen = list(columns)
    _check_columns(chosen, height)
    cdef list keys = [b',"' + (<Column>c).name.encode() + b'":' for c in chosen]
    cdef int index, width = len(chosen)
    cdef bytes key
    out.put(b"[", 1)
    for row in range(height):
        if row:
            out.put(b",", 1)
        out.put(opening, len(opening))
        if moments:
            out.need(NUMBER_BYTES)
            out.put(b'"', 1)
            out.need(NUMBER_BYTES)
            out.used += _moment(out.data + out.used, times[row])
            out.put(b'"', 1)
        else:
            _check_time(times[row])
            out.number(times[row], MOST_DIGITS)
        for index in range(width):
            key = <bytes>keys[index]
            out.put(key, len(key))
            _cell(out, <Column>chosen[index], row, True)
        out.put(b"}", 1)
    out.put(b"]", 1)
    return out.finish()


def json_objects(columns):
    """Write a flat JSON array of objects with the columns as members. Returns bytes."""
    return b"[" + b",".join(object_texts(columns)) + b"]"


def object_texts(columns):
    """Write one JSON object per row, with the columns as members. Returns a list of bytes."""
    cdef list chosen = list(columns)
    cdef list texts = []
    if not chosen:
        return texts
    cdef Py_ssize_t row, height = (<Column?>chosen[0])._values.shape[0]
    cdef _Writer out = _Writer()
    _check_columns(chosen, height)
    cdef list keys = [b',"' + (<Column>c).name.encode() + b'":' for c in chosen]
    cdef int index, width = len(chosen)
    cdef bytes key
    keys[0] = keys[0][1:]
    for row in range(height):
        out.used = 0
        out.put(b"{", 1)
        for index in range(width):
            key = <bytes>keys[index]
            out.put(key, len(key))
            _cell(out, <Column>chosen[index], row, True)
        out.put(b"}", 1)
        texts.append(out.finish())
    return texts


def json_by_date(names, dates, texts, Py_ssize_t limit=0):
    """Write rows of several owners grouped by date, newest first: ``[{"day":…,"gateways":{NAME:ROW,…}},…]``.

    ``dates[i]`` (proleptic ordinals, rising) and ``texts[i]`` (JSON, bytes) are the rows of ``names[i]``; at most
    ``limit`` dates (0: all). Returns bytes.
    """
    cdef Py_ssize_t owners = len(names), owner, written = 0
    cdef _Writer out = _Writer()
    cdef list quoted = [_json.dumps(name, ensure_ascii=False).encode() + b":" for name in names]
    cdef list rows = [list(one) for one in texts]
    cdef Py_ssize_t left[OWNER_LIMIT]
    cdef const double* days[OWNER_LIMIT]
    cdef const double[::1] ordinals
    cdef list held = []  # the buffers, so that nothing moves them meanwhile
    cdef double newest
    cdef bytes text
    cdef bint first
    if owners > OWNER_LIMIT or len(dates) != owners or len(rows) != owners:
        raise ValueError("as many dates and texts as names, at most 1024")
    for owner in range(owners):
        ordinals = dates[owner]
        held.append(ordinals)
        days[owner] = &ordinals[0]
        left[owner] = ordinals.shape[0]
        if len(<list>rows[owner]) != left[owner]:
            raise ValueError("dates and texts of different length")
        for written in range(left[owner]):
            if not 1.0 <= ordinals[written] < END_ORDINAL:
                raise ValueError(f"{ordinals[written]} is no day of the years 1 to 9999")
    written = 0
    out.put(b"[", 1)
    while limit <= 0 or written < limit:
        newest = 0.0
        for owner in range(owners):
            if left[owner] and days[owner][left[owner] - 1] > newest:
                newest = days[owner][left[owner] - 1]
        if newest <= 0.0:
            break
        if written:
            out.put(b",", 1)
        out.put(b'{"day":"', 8)
        out.need(NUMBER_BYTES)
        _date(out.data + out.used, <int64_t>newest - EPOCH_ORDINAL)
        out.used += 10
        out.put(b'","gateways":{', 14)
        first = True
        for owner in range(owners):
            if left[owner] and days[owner][left[owner] - 1] == newest:
                left[owner] -= 1
                if not first:
                    out.put(b",", 1)
                first = False
                text = <bytes>quoted[owner]
                out.put(text, len(text))
                text = <bytes?>(<list>rows[owner])[left[owner]]
                out.put(text, len(text))
        out.put(b"}}", 2)
        written += 1
    out.put(b"]", 1)
    return out.finish()


def csv_rows(const double[::1] times not None, columns, str time_name not None="time", bint header=True):
    """Write rows as CSV: RFC 3339 times, empty fields for what was not measured, ``\\n`` after every line."""
    cdef Py_ssize_t row, height = times.shape[0]
    cdef _Writer out = _Writer()
    cdef list chosen = list(columns)
    cdef int index, width = len(chosen)
    _check_columns(chosen, height)
    cdef bytes names
    if header:
        names = ",".join([time_name] + [(<Column>c).name for c in chosen]).encode() + b"\n"
        out.put(names, len(names))
    for row in range(height):
        out.need(NUMBER_BYTES)
        out.used += _moment(out.data + out.used, times[row])
        for index in range(width):
            out.put(b",", 1)
            _cell(out, <Column>chosen[index], row, False)
        out.put(b"\n", 1)
    return out.finish()


def json_numbers(const double[::1] values not None, int digits=7, double scale=1.0):
    """Write one column as a JSON array."""
    _check_digits(digits)
    cdef Py_ssize_t row
    cdef double value
    cdef _Writer out = _Writer()
    out.put(b"[", 1)
    for row in range(values.shape[0]):
        if row:
            out.put(b",", 1)
        value = values[row] * scale
        if isfinite(value):
            out.number(value, digits)
        else:
            out.put(b"null", 4)
    out.put(b"]", 1)
    return out.finish()


def json_column(Column column not None):
    """Write one column as a JSON array, codes as their words."""
    cdef Py_ssize_t row, height = column._values.shape[0]
    cdef _Writer out = _Writer()
    out.put(b"[", 1)
    for row in range(height):
        if row:
            out.put(b",", 1)
        _cell(out, column, row, True)
    out.put(b"]", 1)
    return out.finish()


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
