# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Keep a round-robin archive of numeric rows over any writable buffer: one writer, any number of reading processes.

A row is a timestamp (epoch seconds), one number a column (float32 or float64), a mask of what was measured, a
running number and a CRC-32. Rows are only ever appended, their timestamps grow. Besides the rows there is one
*live* row: the interval that is still open, rewritten as often as one likes and read like the newest row.

The control block (sequence counter, newest number, live row) stands before the rows, or, for a file, in a buffer
of its own: a file then holds nothing but a fixed header and rows that check themselves, and no page of it is
dirtied twice for one row. After a crash ``recover`` rebuilds the control block from the rows alone.

Readers never block the writer: they read, and read again when the sequence counter moved meanwhile (seqlock.pxd). If a
writer died in the middle of a row they fall back to checking every row they use by its CRC, until the next writer
repairs. The CRC is zlib's, so any tool can check a file.
"""

cimport cython
from cpython cimport array
from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import array as _array
import time as _time
from zlib import crc32 as _crc32

from pwserver_ext.atomics cimport (
    pw_clear,
    pw_copy_in,
    pw_copy_out,
    pw_fence_release,
    pw_load_acquire,
    pw_load_relaxed,
    pw_store_relaxed,
    pw_store_relaxed_32,
    pw_store_release_32,
)
from pwserver_ext.seqlock cimport begin_write, end_write, is_being_written


cdef array.array _DOUBLES = _array.array("d")

# What a row may be dated: from EARLIEST_SECONDS on, before END_SECONDS. No date can be written for the year 10000. The
# local day that had begun when 1970 did is allowed, because a clock that starts at 0 is in it.
cdef double EARLIEST = -86400.0
cdef double END = 253402300800.0
EARLIEST_SECONDS = EARLIEST
END_SECONDS = END


cdef inline bint _can_hold(double timestamp) noexcept:
    """Look whether a row may carry this time; NaN is none."""
    return EARLIEST <= timestamp < END


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
    ``room``: called before the first row is written, for a file whose room is not taken yet; OSError when there is none.
    Raises ValueError for impossible sizes or a buffer that is too small.
    """

    def __cinit__(
        self, buffer, Py_ssize_t columns, Py_ssize_t rows, double step_seconds=0.0, int value_bytes=4, control=None,
        room=None
    ):
        cdef Py_ssize_t head, body
        _check_shape(columns, rows, value_bytes)
        self.columns = <int>columns
        self.value_bytes = value_bytes
        self.rows = rows
        self.step_seconds = step_seconds
        self._room = room
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
        if pw_load_relaxed(&self._control.newest) > 0xFFFFFFFF:  # the number of a row has 32 bits: a loop up to this one would not end
            raise ValueError("the control block holds something that is not a ring")
        self._scratch = <uint8_t*>malloc(self.row_bytes)
        if self._scratch == NULL:
            raise MemoryError
        self._scratch_checked = PyMemoryView_FromMemory(<char*>self._scratch + 4, self.row_bytes - 4, PyBUF_READ)
        if pw_load_relaxed(&self._control.identity) == 0:
            pw_store_relaxed(&self._control.identity, <uint64_t>_time.time_ns())

    def __dealloc__(self):
        free(self._scratch)

    @staticmethod
    def control_size(Py_ssize_t columns, int value_bytes=4):
        """Return the bytes of the control block, a multiple of 64."""
        _check_shape(columns, 1, value_bytes)
        return (CONTROL_BYTES + _row_bytes(<int>columns, value_bytes) + 63) // 64 * 64

    @staticmethod
    def rows_size(Py_ssize_t columns, Py_ssize_t rows, int value_bytes=4):
        """Return the bytes of the rows alone."""
        _check_shape(columns, rows, value_bytes)
        return _rows_bytes(<int>columns, rows, value_bytes)

    @staticmethod
    def size(Py_ssize_t columns, Py_ssize_t rows, int value_bytes=4):
        """Return the bytes of a ring with its control block in one buffer."""
        return Ring.control_size(columns, value_bytes) + Ring.rows_size(columns, rows, value_bytes)

    # --- writing: one process only ---------------------------------------------------------------------------------

    cdef RowHead* _fill_scratch(self, uint32_t number, double timestamp, const double* values) except NULL:
        """Make a row in private memory."""
        cdef RowHead* head = <RowHead*>self._scratch
        cdef float* singles = <float*>(self._scratch + HEAD_BYTES)
        cdef double* doubles = <double*>(self._scratch + HEAD_BYTES)
        cdef uint64_t mask = 0
        cdef int column
        cdef bint known
        memset(head, 0, self.row_bytes)
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
        head.crc = self._crc_of_scratch()
        return head

    cdef uint32_t _crc_of_scratch(self) except? 0:
        return _crc32(self._scratch_checked)

    cdef RowHead* _checked_copy(self, const RowHead* row) except? NULL:
        """Copy a row to private memory; NULL when it is not whole."""
        cdef RowHead* copy = <RowHead*>self._scratch
        pw_copy_out(copy, row, self.row_bytes)
        return copy if copy.crc == self._crc_of_scratch() else NULL

    def take_room(self):
        """Have room for the rows from now on; OSError when the disk has none."""
        if self._room is not None:
            self._room()
            self._room = None

    def append(self, double timestamp, const double[::1] values not None):
        """Add a row; a value that is NaN or infinite was not measured. Closes the live row.

        Returns False, and changes nothing, when ``timestamp`` is not later than the newest row's, or is no time that a
        row can have (EARLIEST_SECONDS, END_SECONDS), or when there is no room for any row.
        """
        cdef uint64_t number = pw_load_relaxed(&self._control.newest) + 1
        cdef RowHead* made
        cdef RowHead* target
        if values.shape[0] != self.columns:
            raise ValueError(f"{self.columns} values needed, {values.shape[0]} given")
        if not _can_hold(timestamp) or not timestamp > self.last_timestamp_or(-INFINITY):
            return False
        if self._room is not None:
            try:
                self.take_room()
            except OSError:
                return False
        made = self._fill_scratch(<uint32_t>number, timestamp, &values[0])
        target = in_slot(self, slot_of(self, number))
        self._begin()
        # The number is cleared first and set last: after a crash the row is found whole or not at all.
        pw_store_release_32(&target.number, 0)
        pw_fence_release()
        pw_copy_in(&target.timestamp, &made.timestamp, self.row_bytes - 8)
        pw_store_relaxed_32(&target.crc, made.crc)
        pw_store_release_32(&target.number, <uint32_t>number)
        pw_store_relaxed(&self._control.newest, number)
        pw_store_relaxed(&self._control.live, 0)
        self._end()
        return True

    def set_live(self, double timestamp, const double[::1] values not None):
        """Show an interval that is still open; the next ``append`` or ``clear_live`` removes it."""
        cdef RowHead* made
        if values.shape[0] != self.columns:
            raise ValueError(f"{self.columns} values needed, {values.shape[0]} given")
        if not _can_hold(timestamp):
            raise ValueError(f"no row can have the time {timestamp}")
        made = self._fill_scratch(1, timestamp, &values[0])
        self._begin()
        pw_copy_in(self._live, made, self.row_bytes)
        pw_store_relaxed(&self._control.live, 1)
        self._end()

    def clear_live(self):
        """Remove the live row."""
        self._begin()
        pw_store_relaxed(&self._control.live, 0)
        self._end()

    def truncate_after(self, double timestamp):
        """Withdraw the rows later than ``timestamp`` and the live row; returns how many rows."""
        cdef uint64_t number = pw_load_relaxed(&self._control.newest)
        cdef uint64_t oldest = oldest_of(self, number)
        cdef RowHead* head
        cdef Py_ssize_t withdrawn = 0
        if timestamp != timestamp:
            raise ValueError("rows cannot be later than NaN")
        self._begin()
        while number >= oldest:
            head = row_at(self, number, False)
            if head != NULL:
                if timestamp_of(head) <= timestamp:
                    break
                pw_clear(head, self.row_bytes)
                withdrawn += 1
            number -= 1
        pw_store_relaxed(&self._control.newest, number)
        pw_store_relaxed(&self._control.live, 0)
        if withdrawn:
            pw_store_relaxed(&self._control.rewrites, pw_load_relaxed(&self._control.rewrites) + 1)
        self._end()
        return withdrawn

    def take_over(self, Ring other not None):
        """Replace all rows by those of another ring of the same shape, for readers all at once; the live row goes.

        OSError when there is no room for any row.
        """
        cdef Py_ssize_t slot
        cdef bint blank
        if other.columns != self.columns or other.value_bytes != self.value_bytes or other.rows != self.rows:
            raise ValueError("the other ring has another shape")
        if pw_load_relaxed(&other._control.newest):
            self.take_room()
        self._begin()
        for slot in range(self.rows):
            blank = self._is_blank(in_slot(other, slot))
            if not blank:
                pw_copy_in(in_slot(self, slot), in_slot(other, slot), self.row_bytes)
            elif not self._is_blank(in_slot(self, slot)):  # what was never written stays a hole of the file
                pw_clear(in_slot(self, slot), self.row_bytes)
        pw_store_relaxed(&self._control.newest, pw_load_relaxed(&other._control.newest))
        pw_store_relaxed(&self._control.live, 0)
        pw_store_relaxed(&self._control.rewrites, pw_load_relaxed(&self._control.rewrites) + 1)
        self._end()

    def check(self):
        """Count (whole rows, torn rows) without changing anything."""
        cdef Py_ssize_t slot, torn = 0, whole = 0
        for slot in range(self.rows):
            if not self._is_blank(in_slot(self, slot)):
                if self._is_torn(slot):
                    torn += 1
                else:
                    whole += 1
        return whole, torn

    cdef bint _is_torn(self, Py_ssize_t slot) except -1:
        """Look whether the bytes of a slot are no row of that slot."""
        cdef RowHead* copy = self._checked_copy(in_slot(self, slot))
        return (copy == NULL or copy.number == 0 or <Py_ssize_t>((copy.number - 1) % <uint32_t>self.rows) != slot
                or not _can_hold(copy.timestamp))

    def recover(self):
        """Rebuild the control block from the rows; returns (rows kept, rows set aside because they were torn)."""
        cdef Py_ssize_t slot, torn = 0, kept = 0
        cdef uint64_t newest = 0, number
        cdef RowHead* head
        cdef double before = -INFINITY
        self._begin()
        pw_store_relaxed(&self._control.live, 0)
        for slot in range(self.rows):
            head = in_slot(self, slot)
            # Untouched slots are holes of the file: they are only looked at, never written.
            if self._is_blank(head):
                continue
            if self._is_torn(slot):
                pw_clear(head, self.row_bytes)
                torn += 1
            elif number_of(head) > newest:
                newest = number_of(head)
        pw_store_relaxed(&self._control.newest, newest)
        for number in range(oldest_of(self, newest), newest + 1):
            head = row_at(self, number, False)
            if head != NULL:
                if timestamp_of(head) > before:
                    before = timestamp_of(head)
                    kept += 1
                else:
                    pw_clear(head, self.row_bytes)
                    torn += 1
        pw_store_relaxed(&self._control.repaired, torn)
        self._end()
        return kept, torn

    def repair(self):
        """Make the ring fit for a new writer after the last one may have died in the middle of a row."""
        cdef uint64_t next_number = pw_load_relaxed(&self._control.newest) + 1
        cdef RowHead* copy
        if not is_being_written(pw_load_relaxed(&self._control.sequence)):
            return
        copy = self._checked_copy(in_slot(self, slot_of(self, next_number)))
        if copy != NULL and copy.number == next_number:
            pw_store_relaxed(&self._control.newest, next_number)
        pw_store_relaxed(&self._control.live, 0)
        self._end()

    cdef bint _is_blank(self, const RowHead* row) noexcept:
        """Look whether a slot holds nothing but zeros."""
        cdef Py_ssize_t word
        for word in range(self.row_bytes // 8):
            if pw_load_relaxed(<const uint64_t*>row + word) != 0:
                return False
        return True

    cdef void _begin(self) noexcept:
        begin_write(&self._control.sequence, pw_load_relaxed(&self._control.sequence) | 1)

    cdef void _end(self) noexcept:
        end_write(&self._control.sequence, (pw_load_relaxed(&self._control.sequence) | 1) + 1)

    # --- reading: see must_read() in ring.pxd ------------------------------------------------------------------------

    def last_timestamp_or(self, double otherwise):
        """Read the timestamp of the newest row (not the live one), or ``otherwise``."""
        cdef Reading reading = new_reading()
        cdef RowHead* row
        cdef double result = otherwise
        while must_read(self, &reading):
            row = last_row(self, &reading)
            result = timestamp_of(row) if row != NULL else otherwise
        return result

    @property
    def generation(self):
        """Return a number that grows with every change; together with ``identity`` it names the exact content."""
        return pw_load_acquire(&self._control.sequence) >> 1

    @property
    def rewrites(self):
        """Return how often rows were withdrawn or replaced; while it stays, all rows but the newest are as they were."""
        return pw_load_relaxed(&self._control.rewrites)

    @property
    def identity(self):
        """Return when this ring began its life (nanoseconds since the epoch)."""
        return pw_load_relaxed(&self._control.identity)

    @property
    def torn_rows(self):
        """Return how many rows the last ``recover`` set aside."""
        return pw_load_relaxed(&self._control.repaired)

    @property
    def count(self):
        """Return the number of rows that can be read, the live one not counted."""
        cdef Reading reading = new_reading()
        cdef uint64_t number
        cdef Py_ssize_t found = 0
        while must_read(self, &reading):
            found = 0
            for number in range(reading.oldest, reading.newest + 1):
                if row_at(self, number, reading.careful) != NULL:
                    found += 1
        return found

    def bounds(self):
        """Read (timestamp of the oldest row, timestamp of the newest), the live one counted; None when empty."""
        cdef Reading reading = new_reading()
        cdef uint64_t number
        cdef RowHead* row
        cdef double first = NAN, last = NAN
        while must_read(self, &reading):
            first = last = NAN
            for number in range(reading.oldest, reading.newest + 1):
                row = row_at(self, number, reading.careful)
                if row != NULL:
                    first = timestamp_of(row)
                    break
            row = last_row(self, &reading)
            if row != NULL:
                last = timestamp_of(row)
            row = live_after(self, &reading, -INFINITY, INFINITY)
            if row != NULL:
                last = timestamp_of(row)
                if not isfinite(first):
                    first = last
        return (first, last) if isfinite(first) else None

    def column_bounds(self, int column):
        """Read (first, last) timestamp at which ``column`` was measured, and how often; None when never."""
        cdef Reading reading = new_reading()
        cdef Window window
        cdef RowHead* row
        cdef double first = NAN, last = NAN
        cdef Py_ssize_t found = 0
        if not 0 <= column < self.columns:
            raise IndexError(column)
        while must_read(self, &reading):
            found = 0
            open_window(self, &reading, -INFINITY, INFINITY, &window)
            row = next_row(self, &reading, &window)
            while row != NULL:
                if (pw_load_relaxed(&row.mask) >> column) & 1:
                    last = timestamp_of(row)
                    if not found:
                        first = last
                    found += 1
                row = next_row(self, &reading, &window)
        return (first, last, found) if found else None

    def select(self, double start, double end, columns=None, Py_ssize_t limit=0):
        """Read the rows with ``start`` <= timestamp <= ``end`` in order of time, the newest ``limit`` of them (0: all).

        Returns (timestamps, [one array('d') a column, NaN where not measured]).
        """
        cdef list wanted = list(range(self.columns)) if columns is None else [int(c) for c in columns]
        cdef int width = len(wanted), column
        cdef int picks[COLUMN_LIMIT]
        cdef double* targets[COLUMN_LIMIT]
        cdef Reading reading = new_reading()
        cdef Window window
        cdef RowHead* row
        cdef Py_ssize_t room, at = 0
        cdef bint whole = limit <= 0
        cdef array.array times, out
        if width > COLUMN_LIMIT:
            raise ValueError("too many columns")
        for column in range(width):
            if not 0 <= wanted[column] < self.columns:
                raise IndexError(wanted[column])
            picks[column] = wanted[column]
        while must_read(self, &reading):
            open_window(self, &reading, start, end, &window)
            # Only the newest rows are wanted: as many are enough unless some of them were set aside.
            if not whole and window.beyond > window.number + <uint64_t>limit:
                keep_newest(self, &window, <uint64_t>limit)
            else:
                whole = True
            room = room_of(self, &window)
            times = array.clone(_DOUBLES, room, False)
            results = []
            for column in range(width):
                out = array.clone(_DOUBLES, room, False)
                targets[column] = out.data.as_doubles
                results.append(out)
            at = 0
            row = next_row(self, &reading, &window)
            while row != NULL and at < room:
                times.data.as_doubles[at] = timestamp_of(row)
                for column in range(width):
                    targets[column][at] = value_of(self, row, picks[column])
                at += 1
                row = next_row(self, &reading, &window)
            if at < limit and not whole:
                whole = True
                reading.refused = True
        trimmed(times, results, at)
        if 0 < limit < at:
            return times[at - limit:], [values[at - limit:] for values in results]
        return times, results
