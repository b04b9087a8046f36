# cython: language_level=3, cdivision=True
"""Declare the ring, and how its rows are read: the one loop that every reader uses, in `ring` and in `buckets`."""

cimport cython
from cpython cimport array
from libc.math cimport INFINITY, NAN
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pwserver_ext.atomics cimport pw_double, pw_float, pw_give_way, pw_load_relaxed, pw_load_relaxed_32, pw_nap
from pwserver_ext.seqlock cimport begin_read, is_being_written, is_unchanged

cdef enum:
    HEAD_BYTES = 24
    CONTROL_BYTES = 64
    # Attempts that met the writer, before a reader checks every row by its CRC instead. A writer that lives needs
    # microseconds; one that died inside a row must not cost every reader milliseconds of waiting.
    ATTEMPTS = 18
    ATTEMPTS_WITHOUT_NAP = 16
    # Where the sequence moved while rows were checked, the writer lives, and may have taken rows from under the reader:
    # it tries again, but not for as long as a writer that does nothing but write keeps on.
    MOST_ATTEMPTS = 24
    COLUMN_LIMIT = 64


cdef struct RowHead:
    uint32_t crc  # over everything after it
    uint32_t number  # 1, 2, 3 ... ; 0: no row here
    double timestamp
    uint64_t mask  # bit i set: value i was measured


cdef struct Control:
    uint64_t sequence  # see seqlock.pxd
    uint64_t newest  # number of the newest row, 0 when empty
    uint64_t identity  # differs between two lives of the ring
    uint64_t live  # 1 when the live row holds the open interval
    uint64_t repaired  # rows set aside by recover()
    uint64_t rewrites  # how often rows that were there have been withdrawn or replaced
    uint64_t spare1
    uint64_t spare2


@cython.final
cdef class Ring:
    cdef readonly int columns
    cdef readonly int value_bytes
    cdef readonly Py_ssize_t rows
    cdef readonly double step_seconds
    cdef Py_ssize_t row_bytes
    cdef unsigned char[::1] _rows_view
    cdef unsigned char[::1] _control_view
    cdef uint8_t* _rows
    cdef Control* _control
    cdef uint8_t* _live
    cdef uint8_t* _scratch  # a row of private memory, in which rows are made and checked
    cdef object _scratch_checked  # a view of what its CRC is over
    cdef object _room  # to be called before the first row of all; None once there is room

    cdef RowHead* _fill_scratch(self, uint32_t number, double timestamp, const double* values) except NULL
    cdef uint32_t _crc_of_scratch(self) except? 0
    cdef RowHead* _checked_copy(self, const RowHead* row) except? NULL
    cdef bint _is_blank(self, const RowHead* row) noexcept
    cdef bint _is_torn(self, Py_ssize_t slot) except -1
    cdef void _begin(self) noexcept
    cdef void _end(self) noexcept


# --- one row: fields of memory that another process may be writing ---------------------------------------------------


cdef inline uint32_t number_of(const RowHead* row) noexcept nogil:
    return pw_load_relaxed_32(&row.number)


cdef inline double timestamp_of(const RowHead* row) noexcept nogil:
    return pw_double(pw_load_relaxed(<const uint64_t*>&row.timestamp))


cdef inline uint64_t mask_of(const RowHead* row) noexcept:
    return pw_load_relaxed(&row.mask)


cdef inline const uint8_t* values_of(const RowHead* row) noexcept:
    return <const uint8_t*>row + HEAD_BYTES


cdef inline double value_of(Ring ring, const RowHead* row, int column) noexcept:
    """Read one value; NaN where it was not measured."""
    return value_under(mask_of(row), values_of(row), ring.value_bytes == 8, column)


cdef inline double value_under(uint64_t mask, const uint8_t* values, bint wide, int column) noexcept:
    """Read one of the values of a row whose mask was read once for all of them."""
    return measured_value(values, wide, column) if (mask >> column) & 1 else NAN


cdef inline double measured_value(const uint8_t* values, bint wide, int column) noexcept:
    """Read one value that is known to have been measured."""
    if wide:
        return pw_double(pw_load_relaxed(<const uint64_t*>values + column))
    return pw_float(pw_load_relaxed_32(<const uint32_t*>values + column))


cdef inline Py_ssize_t slot_of(Ring ring, uint64_t number) noexcept:
    return <Py_ssize_t>((number - 1) % <uint64_t>ring.rows)


cdef inline RowHead* in_slot(Ring ring, Py_ssize_t slot) noexcept:
    return <RowHead*>(ring._rows + slot * ring.row_bytes)


cdef inline RowHead* row_at(Ring ring, uint64_t number, bint careful) except? NULL:
    """Find the row of that number, or NULL; ``careful`` gives a copy that was checked."""
    return row_in_slot(ring, slot_of(ring, number), number, careful)


cdef inline RowHead* row_in_slot(Ring ring, Py_ssize_t slot, uint64_t number, bint careful) except? NULL:
    cdef RowHead* row = in_slot(ring, slot)
    if careful:
        row = ring._checked_copy(row)
    return row if row != NULL and number_of(row) == <uint32_t>number else NULL


cdef inline RowHead* live_row(Ring ring, bint careful) except? NULL:
    """Find the live row, or NULL; ``careful`` gives a copy that was checked."""
    if not pw_load_relaxed(&ring._control.live):
        return NULL
    return ring._checked_copy(<RowHead*>ring._live) if careful else <RowHead*>ring._live


# --- all rows: one attempt after the other until one saw a single state ----------------------------------------------


cdef struct Reading:
    int attempts  # that failed
    bint begun
    bint careful  # the writer seems to be dead: each row is copied and checked by its CRC
    bint refused  # by the caller
    uint64_t sequence
    uint64_t newest  # number of the newest row
    uint64_t oldest  # of the oldest; newest + 1 when the ring is empty


cdef inline uint64_t oldest_of(Ring ring, uint64_t newest) noexcept:
    return newest - <uint64_t>ring.rows + 1 if newest > <uint64_t>ring.rows else 1


cdef inline Reading new_reading() noexcept:
    return Reading(0, False, False, False, 0, 0, 0)


cdef inline bint is_settled(Ring ring, const Reading* reading) noexcept:
    """Look whether what this attempt has seen counts: one state, or all that a writer that never rests lets one see."""
    return is_unchanged(&ring._control.sequence, reading.sequence) or reading.attempts >= MOST_ATTEMPTS


cdef inline bint must_read(Ring ring, Reading* reading) noexcept:
    """Begin an attempt; return False when the last one saw a single state of the ring, so that its result counts.

        reading = new_reading()
        while must_read(ring, &reading):
            ...  # read everything anew
    """
    if reading.begun:
        if not reading.refused and is_settled(ring, reading):
            return False
        reading.attempts += 1
    reading.begun = True
    reading.refused = False
    while True:
        reading.careful = reading.attempts >= ATTEMPTS
        reading.sequence = begin_read(&ring._control.sequence)
        if reading.careful or not is_being_written(reading.sequence):
            break
        with nogil:
            if reading.attempts < ATTEMPTS_WITHOUT_NAP:
                pw_give_way()
            else:
                pw_nap()
        reading.attempts += 1
    reading.newest = pw_load_relaxed(&ring._control.newest)
    reading.oldest = oldest_of(ring, reading.newest)
    return True


cdef inline RowHead* last_row(Ring ring, Reading* reading) except? NULL:
    """Find the newest row that was not set aside, or NULL; the live one is not counted."""
    cdef uint64_t number = reading.newest
    cdef RowHead* row
    while number >= reading.oldest:
        row = row_at(ring, number, reading.careful)
        if row != NULL:
            return row
        number -= 1
    return NULL


cdef inline RowHead* live_after(Ring ring, Reading* reading, double start, double end) except? NULL:
    """Find the live row, or NULL when it does not lie in the window and after every row."""
    cdef RowHead* row = last_row(ring, reading)
    cdef double last = timestamp_of(row) if row != NULL else -INFINITY
    cdef double timestamp
    row = live_row(ring, reading.careful)
    if row == NULL:
        return NULL
    timestamp = timestamp_of(row)
    return row if start <= timestamp <= end and timestamp > last else NULL


cdef inline uint64_t first_from(Ring ring, Reading* reading, double timestamp) except 0:
    """Find the number of the first row not before ``timestamp``; newest + 1 when there is none."""
    cdef uint64_t low = reading.oldest, high = reading.newest + 1, middle, probe
    cdef RowHead* row
    while low < high:
        middle = low + (high - low) // 2
        probe = middle
        row = row_at(ring, probe, reading.careful)
        while row == NULL and probe + 1 < high:  # a row that was set aside: look at the next one
            probe += 1
            row = row_at(ring, probe, reading.careful)
        if row == NULL or timestamp_of(row) >= timestamp:
            high = middle
        else:
            low = probe + 1
    return low


cdef inline uint64_t first_after(Ring ring, Reading* reading, double timestamp) except 0:
    """Find the number of the first row later than ``timestamp``; newest + 1 when there is none."""
    cdef uint64_t number = first_from(ring, reading, timestamp)
    cdef RowHead* row
    while number <= reading.newest:
        row = row_at(ring, number, reading.careful)
        if row != NULL and timestamp_of(row) > timestamp:
            break
        number += 1
    return number


cdef struct Window:  # rows of a span of time that are still to be read, the live one last
    double start
    double end
    uint64_t number  # the next
    Py_ssize_t slot  # where it lies: a division for each row would cost more than all the rest
    uint64_t beyond  # the first that is not in the window
    bint live  # the live row is still to come


cdef inline int open_window(Ring ring, Reading* reading, double start, double end, Window* window) except -1:
    window.start = start
    window.end = end
    window.number = first_from(ring, reading, start)
    window.beyond = first_after(ring, reading, end)
    window.slot = slot_of(ring, window.number)
    window.live = True
    return 0


cdef inline void keep_newest(Ring ring, Window* window, uint64_t rows) noexcept:
    """Leave out all rows of a window but so many."""
    window.number = window.beyond - rows
    window.slot = slot_of(ring, window.number)


cdef inline Py_ssize_t room_of(Ring ring, const Window* window) noexcept:
    """Count the rows that a window may have. A writer at work can leave nonsense in it, so the ring's size bounds it."""
    if window.beyond <= window.number:
        return 1
    return min(<Py_ssize_t>(window.beyond - window.number), ring.rows) + 1


cdef inline RowHead* next_row(Ring ring, Reading* reading, Window* window) except? NULL:
    """Take the next row of the window; NULL at its end. Rows that were set aside are passed over."""
    cdef RowHead* row
    while window.number < window.beyond:
        row = row_in_slot(ring, window.slot, window.number, reading.careful)
        window.number += 1
        window.slot += 1
        if window.slot == ring.rows:
            window.slot = 0
        if row != NULL:
            return row
    if window.live:
        window.live = False
        return live_after(ring, reading, window.start, window.end)
    return NULL


cdef inline tuple trimmed(array.array times, list results, Py_ssize_t used):
    """Cut timestamps and columns to the rows that were written."""
    cdef array.array out
    array.resize(times, used)
    for out in results:
        array.resize(out, used)
    return times, results
