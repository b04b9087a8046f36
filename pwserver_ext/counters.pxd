from cpython.buffer cimport Py_buffer
from libc.stdint cimport int64_t, uint64_t

from pwserver_ext.atomics cimport pw_load_relaxed, pw_store_relaxed


cdef inline void counter_add(uint64_t *cells, Py_ssize_t index, int64_t more) noexcept nogil:
    """Add to a cell that only this process writes: a load and a store, no locked instruction."""
    pw_store_relaxed(cells + index, pw_load_relaxed(cells + index) + <uint64_t>more)


cdef class Counters:
    cdef Py_buffer _buffer
    cdef bint _held
    cdef uint64_t *_cells
    cdef Py_ssize_t _stride  # in cells
    cdef readonly Py_ssize_t rows
    cdef readonly tuple names
    cdef dict _index

    # The cells of one row, for counter_add() in compiled code. The view must be kept alive as long as they are used.
    cdef uint64_t *c_row(self, Py_ssize_t row) except NULL
    cdef uint64_t *_cell(self, Py_ssize_t row, Py_ssize_t index) except NULL
    cdef uint64_t _total(self, Py_ssize_t index) except? 0xFFFFFFFFFFFFFFFF


cdef class Heartbeats:
    cdef Py_buffer _buffer
    cdef bint _held
    cdef uint64_t *_cells
    cdef readonly Py_ssize_t rows

    cdef uint64_t *c_row(self, Py_ssize_t row) except NULL
