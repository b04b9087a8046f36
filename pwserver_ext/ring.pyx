# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A round-robin archive of numeric rows over any writable buffer: one writer, any number of reading processes.

A row is a timestamp (epoch seconds), one number a column (float32 or float64), a mask of what was measured, a
running number and a CRC-32. Rows are only ever appended, their timestamps grow. Besides the rows there is one
*live* row: the interval that is still open, rewritten as often as one likes and read like the newest row.

The control block (sequence counter, newest number, live row) stands before the rows, or, for a file, in a buffer
of its own: a file then holds nothing but a fixed header and rows that check themselves, and no page of it is
dirtied twice for one row. After a crash ``recover`` rebuilds the control block from the rows alone.

Readers never block the writer: they read, and read again when the sequence counter moved meanwhile. If a writer
died in the middle of a row they fall back to checking every row they use by its CRC, until the next writer repairs.
"""

cimport cython
from cpython cimport array
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import array as _array
import time as _time

cdef extern from "ring_atomics.h":
    void ring_store_relaxed(uint64_t*, uint64_t) noexcept nogil
    void ring_store_release(uint64_t*, uint64_t) noexcept nogil
    void ring_store_number(uint32_t*, uint32_t) noexcept nogil
    void ring_fence_release() noexcept nogil
    double RING_EARLIEST_SECONDS
    double RING_END_SECONDS


cdef array.array _DOUBLES = _array.array("d")

# What a row may be dated: from EARLIEST_SECONDS on, before END_SECONDS (the year 10000).
EARLIEST_SECONDS = RING_EARLIEST_SECONDS
END_SECONDS = RING_END_SECONDS

ring_crc_prepare()


cdef int _check_shape(Py_ssize_t columns, Py_ssize_t rows, int value_bytes) except -1:
    if not 1 <= columns <= COLUMN_LIMIT:
        raise ValueError(f"a ring has 1 to {COLUMN_LIMIT} columns, not {columns}")
    if rows < 1 or rows > 0x7FFFFFFF:
        raise ValueError(f"a ring of {rows} rows is not possible")
    if value_bytes != 4 and value_bytes != 8:
        raise ValueError(f"a value has 4 or 8 bytes, not {value_bytes}")
    return 0


cdef Py_ssize_t _row_bytes(int columns, int value_bytes) noexcept:
    return (HEAD_BYTES + columns * value_bytes + 7) // 8 * 8


cdef Py_ssize_t _rows_bytes(int columns, Py_ssize_t rows, int value_bytes) except -1:
    cdef Py_ssize_t one = _row_bytes(columns, value_bytes)
    if rows > PY_SSIZE_T_MAX // one - 64:  # addresses of 32 bits; 64 rows leave room for the control block
        raise ValueError(f"a ring of {rows} rows is not possible")
    return rows * one


@cython.final
cdef class Ring:
    """``rows`` rows of ``columns`` numbers of ``value_bytes`` (4 or 8) over ``buffer``.

    ``control``: a buffer of ``control_size`` bytes for the control block; without it the block stands at the start
    of ``buffer``. A zeroed buffer is an empty ring. ``step_seconds`` only says what a row stands for.
    Raises ValueError for impossible sizes or a buffer that is too small.
    """

    def __cinit__(
        self, buffer, Py_ssize_t columns, Py_ssize_t rows, double step_seconds=0.0, int value_bytes=4, control=None
    ):
        cdef Py_ssize_t head, body
        _check_shape(columns, rows, value_bytes)
        self.columns = <int>columns
        self.value_bytes = value_bytes
        self.rows = rows
        self.step_seconds = step_seconds
        self.row_bytes = _row_bytes(self.columns, value_bytes)
        head = CONTROL_BYTES + self.row_bytes
        body = _rows_bytes(self.columns, rows, value_bytes)
        if control is None:
            head = Ring.control_size(columns, value_bytes)
            self._control_view = buffer
            self._rows_view = self._control_view
            if self._rows_view.shape[0] < head + body:
                raise ValueError(f"the buffer has {self._rows_view.shape[0]} bytes, {head + body} needed")
            self._rows = &self._rows_view[0] + head
        else:
            self._control_view = control
            self._rows_view = buffer
            if self._control_view.shape[0] < head:
                raise ValueError("the control buffer is too small")
            if self._rows_view.shape[0] < body:
                raise ValueError(f"the buffer has {self._rows_view.shape[0]} bytes, {body} needed")
            self._rows = &self._rows_view[0]
        self._control = <Control*>&self._control_view[0]
        self._live = (<uint8_t*>self._control) + CONTROL_BYTES
        if (<size_t>self._control) % 8 or (<size_t>self._rows) % 8:
            raise ValueError("a ring must start on a multiple of 8 bytes")
        if self._control.newest > 0xFFFFFFFF:  # the number of a row has 32 bits: a loop up to this one would not end
            raise ValueError("the control block holds something that is not a ring")
        self._scratch = <uint8_t*>malloc(self.row_bytes)
        if self._scratch == NULL:
            raise MemoryError
        if self._control.identity == 0:
            self._control.identity = <uint64_t>_time.time_ns()

    def __dealloc__(self):
        free(self._scratch)

    @staticmethod
    def control_size(Py_ssize_t columns, int value_bytes=4):
        """Bytes of the control block, a multiple of 64."""
        _check_shape(columns, 1, value_bytes)
        return (CONTROL_BYTES + _row_bytes(<int>columns, value_bytes) + 63) // 64 * 64

    @staticmethod
    def rows_size(Py_ssize_t columns, Py_ssize_t rows, int value_bytes=4):
        """Bytes of the rows alone."""
        _check_shape(columns, rows, value_bytes)
        return _rows_bytes(<int>columns, rows, value_bytes)

    @staticmethod
    def size(Py_ssize_t columns, Py_ssize_t rows, int value_bytes=4):
        """Bytes of a ring with its control block in one buffer."""
        return Ring.control_size(columns, value_bytes) + Ring.rows_size(columns, rows, value_bytes)

    # --- writing: one process only ---------------------------------------------------------------------------------

    cdef void _fill(self, uint8_t* target, uint32_t number, double timestamp, const double* values) noexcept:
        cdef RowHead* head = <RowHead*>target
        cdef float* singles = <float*>(target + HEAD_BYTES)
        cdef double* doubles = <double*>(target + HEAD_BYTES)
        cdef uint64_t mask = 0
        cdef int column
        cdef bint known
        memset(target, 0, self.row_bytes)
        for column in range(self.columns):
            known = isfinite(values[column])
            if self.value_bytes == 8:
                if known:
                    doubles[column] = values[column]
            elif known and isfinite(<float>values[column]):
                singles[column] = <float>values[column]
            else:
                known = False
            if known:
                mask |= (<uint64_t>1) << column
        head.number = number
        head.timestamp = timestamp
        head.mask = mask
        head.crc = ring_crc(target + 4, self.row_bytes - 4)

    def append(self, double timestamp, const double[::1] values not None):
        """Add a row; a value that is NaN or infinite was not measured. Closes the live row.

        Returns False, and changes nothing, when ``timestamp`` is not later than the newest row's, or is no time that a
        row can have (EARLIEST_SECONDS, END_SECONDS).
        """
        cdef uint64_t newest = self._control.newest
        cdef RowHead* target
        if values.shape[0] != self.columns:
            raise ValueError(f"{self.columns} values needed, {values.shape[0]} given")
        if not ring_can_hold(timestamp) or not timestamp > self.last_timestamp_or(-INFINITY):
            return False
        self._fill(self._scratch, <uint32_t>(newest + 1), timestamp, &values[0])
        target = <RowHead*>(self._rows + <Py_ssize_t>(newest % <uint64_t>self.rows) * self.row_bytes)
        self._begin()
        # The number goes first and comes last: whoever finds the row after a crash finds it whole or not at all.
        ring_store_number(&target.number, 0)
        ring_fence_release()
        memcpy((<uint8_t*>target) + 8, self._scratch + 8, self.row_bytes - 8)
        target.crc = (<RowHead*>self._scratch).crc
        ring_store_number(&target.number, <uint32_t>(newest + 1))
        self._control.newest = newest + 1
        self._control.live = 0
        self._end()
        return True

    def set_live(self, double timestamp, const double[::1] values not None):
        """Show an interval that is still open; the next ``append`` or ``clear_live`` removes it."""
        if values.shape[0] != self.columns:
            raise ValueError(f"{self.columns} values needed, {values.shape[0]} given")
        if not ring_can_hold(timestamp):
            raise ValueError(f"no row can have the time {timestamp}")
        self._begin()
        self._fill(self._live, 1, timestamp, &values[0])
        self._control.live = 1
        self._end()

    def clear_live(self):
        """Remove the live row."""
        self._begin()
        self._control.live = 0
        self._end()

    def truncate_after(self, double timestamp):
        """Withdraw the rows later than ``timestamp`` and the live row; returns how many rows."""
        cdef uint64_t newest = self._control.newest
        cdef uint64_t oldest = oldest_number(self, newest)
        cdef uint64_t number = newest
        cdef RowHead* head
        cdef Py_ssize_t withdrawn = 0
        if timestamp != timestamp:
            raise ValueError("rows cannot be later than NaN")
        self._begin()
        while number >= oldest and number > 0:
            head = row_at(self, number, False)
            if head != NULL:
                if head.timestamp <= timestamp:
                    break
                memset(head, 0, self.row_bytes)
                withdrawn += 1
            number -= 1
        self._control.newest = number
        self._control.live = 0
        self._end()
        return withdrawn

    def check(self):
        """(whole rows, torn rows) without changing anything."""
        cdef Py_ssize_t slot, torn = 0, whole = 0
        for slot in range(self.rows):
            if not self._is_blank(self._rows + slot * self.row_bytes):
                if self._is_torn(slot):
                    torn += 1
                else:
                    whole += 1
        return whole, torn

    cdef bint _is_torn(self, Py_ssize_t slot) noexcept:
        cdef RowHead* head = <RowHead*>(self._rows + slot * self.row_bytes)
        return (head.number == 0 or <Py_ssize_t>((head.number - 1) % <uint32_t>self.rows) != slot
                or not ring_can_hold(head.timestamp)
                or head.crc != ring_crc((<uint8_t*>head) + 4, self.row_bytes - 4))

    def recover(self):
        """Rebuild the control block from the rows; returns (rows kept, rows set aside because they were torn)."""
        cdef Py_ssize_t slot, torn = 0, kept = 0
        cdef uint64_t newest = 0, number
        cdef RowHead* head
        cdef double before = -INFINITY
        self._begin()
        self._control.live = 0
        for slot in range(self.rows):
            head = <RowHead*>(self._rows + slot * self.row_bytes)
            # Untouched slots are holes of the file: they are only looked at, never written.
            if self._is_blank(<uint8_t*>head):
                continue
            if self._is_torn(slot):
                memset(head, 0, self.row_bytes)
                torn += 1
            elif head.number > newest:
                newest = head.number
        self._control.newest = newest
        number = oldest_number(self, newest)
        while number <= newest and number > 0:
            head = row_at(self, number, False)
            if head != NULL:
                if head.timestamp > before:
                    before = head.timestamp
                    kept += 1
                else:
                    memset(head, 0, self.row_bytes)
                    torn += 1
            number += 1
        self._control.repaired = torn
        self._end()
        return kept, torn

    def repair(self):
        """Make the ring fit for a new writer after the last one may have died in the middle of a row."""
        cdef uint64_t newest = self._control.newest
        cdef RowHead* head
        if ring_load_relaxed(&self._control.sequence) % 2 == 0:
            return
        head = <RowHead*>(self._rows + <Py_ssize_t>(newest % <uint64_t>self.rows) * self.row_bytes)
        if head.number == newest + 1 and head.crc == ring_crc((<uint8_t*>head) + 4, self.row_bytes - 4):
            self._control.newest = newest + 1
        self._control.live = 0
        self._end()

    cdef bint _is_blank(self, const uint8_t* data) noexcept:
        cdef Py_ssize_t word
        for word in range(self.row_bytes // 8):
            if (<const uint64_t*>data)[word] != 0:
                return False
        return True

    cdef void _begin(self) noexcept:
        cdef uint64_t sequence = ring_load_relaxed(&self._control.sequence)
        ring_store_relaxed(&self._control.sequence, sequence | 1)
        ring_fence_release()

    cdef void _end(self) noexcept:
        cdef uint64_t sequence = ring_load_relaxed(&self._control.sequence)
        ring_store_release(&self._control.sequence, (sequence | 1) + 1)

    # --- reading ---------------------------------------------------------------------------------------------------

    def last_timestamp_or(self, double otherwise):
        """The timestamp of the newest row (not the live one), or ``otherwise``."""
        cdef uint64_t sequence = 0, newest, number, oldest
        cdef RowHead* row
        cdef double result
        cdef int attempt = 0
        while True:
            if attempt >= ATTEMPTS or enter(self, &sequence, attempt):
                newest = self._control.newest
                oldest = oldest_number(self, newest)
                number = newest
                result = otherwise
                while number >= oldest and number > 0:
                    row = row_at(self, number, attempt >= ATTEMPTS)
                    if row != NULL:
                        result = row.timestamp
                        break
                    number -= 1
                if attempt >= ATTEMPTS or unchanged(self, sequence):
                    return result
            attempt += 1

    @property
    def generation(self):
        """Grows with every change; together with ``identity`` it names the exact content."""
        return ring_load_acquire(&self._control.sequence) >> 1

    @property
    def identity(self):
        """When this ring began its life (nanoseconds since the epoch)."""
        return self._control.identity

    @property
    def torn_rows(self):
        """How many rows the last ``recover`` set aside."""
        return self._control.repaired

    @property
    def count(self):
        """Number of rows that can be read, the live one not counted."""
        cdef uint64_t sequence = 0, newest, number
        cdef Py_ssize_t found
        cdef int attempt = 0
        while True:
            if attempt >= ATTEMPTS or enter(self, &sequence, attempt):
                newest = self._control.newest
                number = oldest_number(self, newest)
                found = 0
                while number <= newest:
                    if row_at(self, number, attempt >= ATTEMPTS) != NULL:
                        found += 1
                    number += 1
                if attempt >= ATTEMPTS or unchanged(self, sequence):
                    return found
            attempt += 1

    def bounds(self):
        """(timestamp of the oldest row, timestamp of the newest), the live one counted; None when empty."""
        cdef uint64_t sequence = 0, newest, number
        cdef RowHead* row
        cdef double first, last
        cdef bint careful
        cdef int attempt = 0
        while True:
            careful = attempt >= ATTEMPTS
            if careful or enter(self, &sequence, attempt):
                first = NAN
                newest = self._control.newest
                number = oldest_number(self, newest)
                while number <= newest:
                    row = row_at(self, number, careful)
                    if row != NULL:
                        first = row.timestamp
                        break
                    number += 1
                last = first
                number = newest
                while number > 0 and number >= oldest_number(self, newest):
                    row = row_at(self, number, careful)
                    if row != NULL:
                        last = row.timestamp
                        break
                    number -= 1
                row = live_row(self, careful)
                if row != NULL and not row.timestamp <= last:
                    last = row.timestamp
                    if not isfinite(first):
                        first = last
                if careful or unchanged(self, sequence):
                    return (first, last) if isfinite(first) else None
            attempt += 1

    def column_bounds(self, int column):
        """(first, last) timestamp at which ``column`` was measured, and how often; None when never."""
        cdef uint64_t sequence = 0, newest, number
        cdef RowHead* row
        cdef double first, last
        cdef Py_ssize_t found
        cdef bint careful
        cdef int attempt = 0
        if not 0 <= column < self.columns:
            raise IndexError(column)
        while True:
            careful = attempt >= ATTEMPTS
            if careful or enter(self, &sequence, attempt):
                first = last = NAN
                found = 0
                newest = self._control.newest
                number = oldest_number(self, newest)
                while number <= newest + 1:
                    if number <= newest:
                        row = row_at(self, number, careful)
                    else:
                        row = live_in(self, -INFINITY, INFINITY, newest, careful)
                    if row != NULL and (row.mask >> column) & 1:
                        if not found:
                            first = row.timestamp
                        last = row.timestamp
                        found += 1
                    number += 1
                if careful or unchanged(self, sequence):
                    return (first, last, found) if found else None
            attempt += 1

    def select(self, double start, double end, columns=None, Py_ssize_t limit=0):
        """The rows with ``start`` <= timestamp <= ``end`` in order of time, the newest ``limit`` of them (0: all).

        Returns (timestamps, [one array('d') a column, NaN where not measured]).
        """
        cdef list wanted = list(range(self.columns)) if columns is None else [int(c) for c in columns]
        cdef int width = len(wanted), column
        cdef int picks[COLUMN_LIMIT]
        cdef double* targets[COLUMN_LIMIT]
        cdef uint64_t sequence = 0, newest, low, high, number
        cdef Py_ssize_t room, at
        cdef RowHead* row
        cdef bint careful, whole = limit <= 0
        cdef int attempt = 0
        cdef array.array times, out
        if width > COLUMN_LIMIT:
            raise ValueError("too many columns")
        for column in range(width):
            if not 0 <= wanted[column] < self.columns:
                raise IndexError(wanted[column])
            picks[column] = wanted[column]
        while True:
            careful = attempt >= ATTEMPTS
            if careful or enter(self, &sequence, attempt):
                newest = self._control.newest
                low = lower_bound(self, start, newest, careful)
                high = after(self, end, newest, careful)
                # Only the newest rows are wanted: enough of them unless some were set aside.
                if not whole and high > low and high - low > <uint64_t>limit:
                    low = high - <uint64_t>limit
                else:
                    whole = True
                room = <Py_ssize_t>(high - low) + 1 if high > low else 1
                if room > self.rows + 1:
                    room = self.rows + 1
                times = array.clone(_DOUBLES, room, False)
                results = []
                for column in range(width):
                    out = array.clone(_DOUBLES, room, False)
                    targets[column] = out.data.as_doubles
                    results.append(out)
                at = 0
                number = low
                while number <= high and at < room:
                    row = row_at(self, number, careful) if number < high else live_in(self, start, end, newest, careful)
                    if row != NULL:
                        times.data.as_doubles[at] = row.timestamp
                        for column in range(width):
                            targets[column][at] = value_of(self, row, picks[column])
                        at += 1
                    number += 1
                if at < limit and not whole:
                    whole = True
                    continue
                if careful or unchanged(self, sequence):
                    trimmed(times, results, at)
                    if 0 < limit < at:
                        return times[at - limit:], [values[at - limit:] for values in results]
                    return times, results
            attempt += 1
