# cython: language_level=3, cdivision=True
cimport cython
from cpython cimport array
from libc.math cimport INFINITY, NAN
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "ring_atomics.h":
    uint64_t ring_load_acquire(const uint64_t*) noexcept nogil
    uint64_t ring_load_relaxed(const uint64_t*) noexcept nogil
    void ring_fence_acquire() noexcept nogil
    void ring_wait(int) noexcept nogil
    bint ring_can_hold(double) noexcept nogil
    uint32_t ring_crc(const unsigned char*, size_t) noexcept nogil
    void ring_crc_prepare() noexcept nogil

cdef enum:
    HEAD_BYTES = 24
    CONTROL_BYTES = 64
    # Readings that met the writer, before a reader checks every row by its CRC instead. A writer that lives needs
    # microseconds; one that died inside a row must not cost every reader milliseconds of waiting.
    ATTEMPTS = 18
    COLUMN_LIMIT = 64


cdef struct RowHead:
    uint32_t crc  # over everything after it
    uint32_t number  # 1, 2, 3 ... ; 0: no row here
    double timestamp
    uint64_t mask  # bit i set: value i was measured


cdef struct Control:
    uint64_t sequence  # odd while the writer works
    uint64_t newest  # number of the newest row, 0 when empty
    uint64_t identity  # differs between two lives of the ring
    uint64_t live  # 1 when the live row holds the open interval
    uint64_t repaired  # rows set aside by recover()
    uint64_t spare0
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
    cdef uint8_t* _scratch

    cdef void _fill(self, uint8_t* target, uint32_t number, double timestamp, const double* values) noexcept
    cdef bint _is_blank(self, const uint8_t* data) noexcept
    cdef void _begin(self) noexcept
    cdef void _end(self) noexcept
    cdef bint _is_torn(self, Py_ssize_t slot) noexcept


# --- reading, shared by the modules that read rows: see ring.pyx -----------------------------------------------------


cdef inline bint enter(Ring ring, uint64_t* sequence, int attempt) noexcept:
    sequence[0] = ring_load_acquire(&ring._control.sequence)
    if sequence[0] % 2:
        with nogil:
            ring_wait(attempt)
        return False
    return True


cdef inline bint unchanged(Ring ring, uint64_t sequence) noexcept:
    ring_fence_acquire()
    return ring_load_relaxed(&ring._control.sequence) == sequence


cdef inline uint64_t oldest_number(Ring ring, uint64_t newest) noexcept:
    if newest == 0:
        return 1
    return newest - <uint64_t>ring.rows + 1 if newest > <uint64_t>ring.rows else 1


cdef inline RowHead* row_at(Ring ring, uint64_t number, bint careful) noexcept:
    """The row of that number, or NULL; ``careful`` copies and checks it first."""
    cdef RowHead* head = <RowHead*>(ring._rows + <Py_ssize_t>((number - 1) % <uint64_t>ring.rows) * ring.row_bytes)
    if careful:
        memcpy(ring._scratch, head, ring.row_bytes)
        head = <RowHead*>ring._scratch
        if head.crc != ring_crc(ring._scratch + 4, ring.row_bytes - 4):
            return NULL
    return head if head.number == <uint32_t>number else NULL


cdef inline RowHead* live_row(Ring ring, bint careful) noexcept:
    cdef RowHead* head = <RowHead*>ring._live
    if not ring._control.live:
        return NULL
    if careful:
        memcpy(ring._scratch, head, ring.row_bytes)
        head = <RowHead*>ring._scratch
        if head.crc != ring_crc(ring._scratch + 4, ring.row_bytes - 4):
            return NULL
    return head


cdef inline double value_of(Ring ring, RowHead* row, int column) noexcept:
    if not (row.mask >> column) & 1:
        return NAN
    if ring.value_bytes == 8:
        return (<double*>(<uint8_t*>row + HEAD_BYTES))[column]
    return (<float*>(<uint8_t*>row + HEAD_BYTES))[column]


cdef inline uint64_t lower_bound(Ring ring, double timestamp, uint64_t newest, bint careful) noexcept:
    """The number of the first row not before ``timestamp`` (newest + 1: none)."""
    cdef uint64_t low = oldest_number(ring, newest), high = newest + 1, middle, probe
    cdef RowHead* row
    while low < high:
        middle = low + (high - low) // 2
        probe = middle
        row = row_at(ring, probe, careful)
        while row == NULL and probe + 1 < high:  # a row that was set aside: look at the next one
            probe += 1
            row = row_at(ring, probe, careful)
        if row == NULL or row.timestamp >= timestamp:
            high = middle
        else:
            low = probe + 1
    return low


cdef inline uint64_t after(Ring ring, double end, uint64_t newest, bint careful) noexcept:
    """The number of the first row later than ``end``."""
    cdef uint64_t high = lower_bound(ring, end, newest, careful)
    cdef RowHead* row
    while high <= newest:
        row = row_at(ring, high, careful)
        if row != NULL and row.timestamp > end:
            break
        high += 1
    return high


cdef inline RowHead* live_in(Ring ring, double start, double end, uint64_t newest, bint careful) noexcept:
    """The live row when it lies in the window and after every row."""
    cdef RowHead* row
    cdef double last = -INFINITY
    if newest:
        row = row_at(ring, newest, careful)
        if row != NULL:
            last = row.timestamp
    row = live_row(ring, careful)
    if row == NULL or row.timestamp < start or row.timestamp > end or row.timestamp <= last:
        return NULL
    return row


cdef inline tuple trimmed(array.array times, list results, Py_ssize_t used):
    """Cut timestamps and columns to the rows that were written."""
    cdef array.array out
    array.resize(times, used)
    for out in results:
        array.resize(out, used)
    return times, results
