# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Turn series of numbers into text.

Numbers are written as plain decimals with a stated number of significant digits and no trailing zeros; what is NaN
or infinite is ``null`` (an empty field in CSV). A time that has no date in the years 1 to 9999 is a ValueError. Nothing
here knows what a series means.
"""

cimport cython
from cpython cimport array
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.math cimport fabs, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from json.encoder import encode_basestring as _quote

cdef double[16] POWERS = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]

cdef enum:
    COLUMN_LIMIT = 128
    OWNER_LIMIT = 1024
    NUMBER_BYTES = 40
    DECIMAL_BYTES = 24  # of a number as plain decimals: 16 digits, sign, point, and a zero before it
    EPOCH_ORDINAL = 719163  # 1970-01-01
    END_ORDINAL = 3652060  # 10000-01-01
    FEWEST_DIGITS = 1
    MOST_DIGITS = 15  # as many powers of ten as are in the table

cdef double EARLIEST_SECONDS = -62135596800.0  # 0001-01-01
cdef double END_SECONDS = 253402300799.9995  # what would be rounded to 10000-01-01


cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* text, Py_ssize_t size)
    char* PyBytes_AS_STRING(PyObject* text)
    int _PyBytes_Resize(PyObject** text, Py_ssize_t size) except -1


@cython.final
cdef class _Writer:
    """Writes text of any length.

    ``long``: of megabytes. Such a text is written where it stays: memory for a second one would be asked of the system
    each time, and given back, which takes as long as the writing.
    """

    cdef char* data
    cdef Py_ssize_t used
    cdef Py_ssize_t room
    cdef PyObject* _text  # of a long one

    def __cinit__(self, bint long=False):
        self.room = 16384
        if long:
            self._text = new_bytes(NULL, self.room)
            self.data = PyBytes_AS_STRING(self._text) if self._text != NULL else NULL
        else:
            self.data = <char*>malloc(self.room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self._text != NULL:
            Py_DECREF(<object>self._text)
        else:
            free(self.data)

    cdef int resize(self, Py_ssize_t room) except -1:
        cdef char* grown
        if self._text != NULL:
            self.data = NULL  # where that fails there is no text any more
            self.room = 0
            _PyBytes_Resize(&self._text, room)
            self.data = PyBytes_AS_STRING(self._text)
        else:
            grown = <char*>realloc(self.data, room)
            if grown == NULL:
                raise MemoryError
            self.data = grown
        self.room = room
        return 0

    cdef inline int need(self, Py_ssize_t more) except -1:
        if self.used + more > self.room:
            self.resize((self.used + more) * 2)
        return 0

    cdef inline int put(self, const char* text, Py_ssize_t length) except -1:
        self.need(length)
        memcpy(self.data + self.used, text, length)
        self.used += length
        return 0

    cdef inline int number(self, double value, int digits) except -1:
        self.need(NUMBER_BYTES)
        self.used += _number(self.data + self.used, value, digits)
        return 0

    cdef bytes finish(self):
        """Return what is written; a long text ends with that."""
        if self._text == NULL:
            return PyBytes_FromStringAndSize(self.data, self.used)
        self.resize(self.used)
        self.room = 0
        return <bytes><object>self._text


cdef inline uint64_t _without_zeros(uint64_t scaled, int* decimals) noexcept:
    """Take the zeros at the end away, as far as they are decimals; many at once first, for long numbers."""
    cdef uint64_t rest
    if decimals[0] >= 8:
        rest = scaled // 100000000
        if rest * 100000000 == scaled:
            scaled = rest
            decimals[0] -= 8
    if decimals[0] >= 4:
        rest = scaled // 10000
        if rest * 10000 == scaled:
            scaled = rest
            decimals[0] -= 4
    while decimals[0] > 0 and scaled % 10 == 0:
        scaled //= 10
        decimals[0] -= 1
    return scaled


cdef int _number(char* target, double value, int digits) noexcept:
    """Write a finite number with ``digits`` significant digits (integers always in full)."""
    cdef double size = fabs(value)
    cdef int decimals, index, _digit, at = DECIMAL_BYTES
    cdef char[2 * DECIMAL_BYTES] text  # filled from the middle to the left, so that a piece of fixed length can be copied
    cdef uint64_t scaled, rest
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
    if decimals > 0:
        scaled = _without_zeros(scaled, &decimals)
    rest = scaled
    if decimals > 0:
        for _digit in range(decimals):
            at -= 1
            text[at] = <char>(48 + rest % 10)
            rest //= 10
        at -= 1
        text[at] = 46
    while True:
        at -= 1
        text[at] = <char>(48 + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if value < 0.0 and scaled:
        at -= 1
        text[at] = 45
    memcpy(target, &text[at], DECIMAL_BYTES)
    return DECIMAL_BYTES - at


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
            self._quoted = [_quote(word).encode() for word in self.words]


cdef int _value(_Writer out, double value, int digits, list words, bint dates, bint quoted) except -1:
    cdef bytes word
    if words is not None:
        if 0.0 <= value < len(words):
            word = words[<Py_ssize_t>value]
            if quoted:
                out.put(word, len(word))
            else:
                out.put(<const char*>word + 1, len(word) - 2)
        elif quoted:
            out.put(b"null", 4)
    elif dates and 1.0 <= value < END_ORDINAL:
        out.need(NUMBER_BYTES)
        out.data[out.used] = 34
        _date(out.data + out.used + 1, <int64_t>value - EPOCH_ORDINAL)
        out.data[out.used + 11] = 34
        out.used += 12
    elif isfinite(value):
        out.number(value, digits)
    elif quoted:
        out.put(b"null", 4)
    return 0


cdef inline int _cell(_Writer out, Column column, Py_ssize_t row, bint quoted) except -1:
    cdef double value = column._values[row] * column.scale
    return _value(out, value, column.digits, column._quoted, column.dates, quoted)


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


@cython.final
cdef class Objects:
    """Holds rows that are written as JSON objects: columns as their members, with what stands before each value."""

    cdef readonly Py_ssize_t height
    cdef int width
    cdef list keys
    cdef list words
    cdef list held  # whose memory the values are in
    cdef bint loose  # that memory can move: nothing keeps its owners from growing
    cdef int digits[COLUMN_LIMIT]
    cdef double scales[COLUMN_LIMIT]
    cdef bint dates[COLUMN_LIMIT]
    cdef const double* values[COLUMN_LIMIT]

    def __cinit__(self, columns):
        cdef Column column
        cdef int index
        cdef list chosen = list(columns)
        self.height = (<Column?>chosen[0])._values.shape[0] if chosen else 0
        _check_columns(chosen, self.height)
        self.width = <int>len(chosen)
        self.held = chosen
        self.keys = []
        self.words = []
        for index in range(self.width):
            column = <Column>chosen[index]
            self.keys.append((b',"' if index else b'{"') + column.name.encode() + b'":')
            self.words.append(column._quoted)
            self.digits[index] = column.digits
            self.scales[index] = column.scale
            self.dates[index] = column.dates
            self.values[index] = &column._values[0]

    def of(self, values):
        """Return the same members with other values: an array('d') for each, all of one length."""
        cdef Objects made = Objects.__new__(Objects, ())
        made.width, made.keys, made.words, made.held = self.width, self.keys, self.words, list(values)
        made.digits = self.digits
        made.scales = self.scales
        made.dates = self.dates
        if len(made.held) != self.width:
            raise ValueError(f"{self.width} columns needed, {len(made.held)} given")
        made.height = len(<array.array?>made.held[0]) if made.held else 0
        made.loose = True
        made.look()
        return made

    cdef int look(self) except -1:
        """Find the values where they are now; until they are written no other code may run."""
        cdef array.array column
        cdef int index
        if self.loose:
            for index in range(self.width):
                column = <array.array?>self.held[index]
                if column.ob_descr.typecode != 100 or len(column) != self.height:  # "d"
                    raise ValueError("columns of doubles, all of one length")
                self.values[index] = column.data.as_doubles
        return 0

    cdef int put(self, _Writer out, Py_ssize_t row) except -1:
        cdef int index
        cdef bytes key
        for index in range(self.width):
            key = <bytes>self.keys[index]
            out.put(key, len(key))
            _value(
                out, self.values[index][row] * self.scales[index], self.digits[index], <list>self.words[index],
                self.dates[index], True,
            )
        out.put(b"}", 1)
        return 0


cdef Objects _objects(columns):
    cdef Objects objects
    if not isinstance(columns, Objects):
        return Objects(columns)
    objects = <Objects>columns
    objects.look()
    return objects


def json_objects(columns):
    """Write a flat JSON array of objects with the columns as members. Returns bytes."""
    return b"[" + b",".join(object_texts(columns)) + b"]"


def object_texts(columns):
    """Write one JSON object per row, with the columns as members. Returns a list of bytes."""
    cdef list texts = []
    cdef Objects objects = _objects(columns)
    cdef _Writer out = _Writer()
    cdef Py_ssize_t row
    for row in range(objects.height):
        out.used = 0
        objects.put(out, row)
        texts.append(out.finish())
    return texts


def json_by_date(names, parts, Py_ssize_t limit=0, bytes opening=b"", bytes closing=b""):
    """Write rows of several owners grouped by date, newest first: ``[{"day":…,"gateways":{NAME:ROW,…}},…]``.

    ``parts[i]`` are the columns of the rows of ``names[i]``. The first one has their dates (proleptic ordinals, rising).
    At most ``limit`` dates (0: all). What is written stands between ``opening`` and ``closing``. Returns bytes.
    """
    cdef Py_ssize_t owners = len(names), owner, row, written = 0
    cdef _Writer out = _Writer(True)
    cdef list quoted = [_quote(name).encode() + b":" for name in names]
    cdef list objects = [_objects(each) for each in parts]
    cdef Py_ssize_t left[OWNER_LIMIT]
    cdef const double* days[OWNER_LIMIT]
    cdef Objects part
    cdef double newest
    cdef bytes text
    cdef bint first
    if owners > OWNER_LIMIT or len(objects) != owners:
        raise ValueError("as many parts as names, at most 1024")
    for owner in range(owners):
        part = <Objects>objects[owner]
        if not part.width:
            raise ValueError("a part without columns has no dates")
        left[owner] = part.height
        days[owner] = part.values[0]
        for row in range(left[owner]):
            if not 1.0 <= days[owner][row] < END_ORDINAL:
                raise ValueError(f"{days[owner][row]} is no day of the years 1 to 9999")
    out.put(opening, len(opening))
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
                (<Objects>objects[owner]).put(out, left[owner])
        out.put(b"}}", 2)
        written += 1
    out.put(b"]", 1)
    out.put(closing, len(closing))
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
