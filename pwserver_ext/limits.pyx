"""Count requests per client address in shared memory: one fixed window for all workers together.

The table is a hash table of groups of eight cells. An address has its place in one group; when that is full, a cell whose window
has ended is reused first, then the one that was started longest ago. So the table never grows and never blocks.

Two workers that meet in one cell at the same instant may count one request too few; where a full group forgets
a client at that instant, also one too many. What they never do is to count on from an old window or another address:
a cell is emptied first, then gets its start and last its key, each with release order, and is looked at the other way
round with acquire order. Without that order a processor that may swap stores (ARM) shows a new start beside an old count.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t, uintptr_t

from pwserver_ext.atomics cimport (
    pw_fetch_add_relaxed, pw_load_acquire, pw_load_relaxed, pw_store_relaxed, pw_store_release,
)
from pwserver_ext.clocks cimport pw_monotonic_ns

cdef enum:
    GROUP = 8
    KEY = 0
    STARTED = 1
    COUNT = 2
    CELLS = 4  # 64-bit cells an address; two addresses a cache line
    ADDRESS_LIMIT = 1 << 24  # half a gigabyte
    SECONDS_LIMIT = 1000000000  # in nanoseconds still far from the end of 64 bits


cdef class WindowLimiter:
    """``limiter(address)``: seconds to stay away, 0 for welcome. ``requests`` per ``seconds`` for each address.

    ``buffer``: ``WindowLimiter.size(addresses)`` zero-filled bytes shared by all workers. ``addresses``: how many are
    remembered at least.
    """

    cdef Py_buffer _buffer
    cdef bint _held
    cdef uint64_t *_cells
    cdef uint64_t _groups
    cdef uint64_t _limit
    cdef uint64_t _window_ns

    def __cinit__(self, buffer, Py_ssize_t addresses, Py_ssize_t requests, double seconds):
        self._held = False
        needed = WindowLimiter.size(addresses)
        if requests <= 0 or not 0 < seconds <= SECONDS_LIMIT:
            raise ValueError(f"a limit needs a positive count and window, got {requests} in {seconds} s")
        PyObject_GetBuffer(buffer, &self._buffer, PyBUF_SIMPLE | PyBUF_WRITABLE)
        self._held = True
        if self._buffer.len < needed:
            raise ValueError(f"limits for {addresses} addresses need {needed} bytes, the buffer has {self._buffer.len}")
        if <uintptr_t>self._buffer.buf & 7:  # cells that workers share must not lie across two words
            raise ValueError("the buffer of limits must be aligned to 8 bytes")
        self._cells = <uint64_t *>self._buffer.buf
        self._groups = _groups(addresses)
        self._limit = requests
        self._window_ns = <uint64_t>(seconds * 1e9)

    def __dealloc__(self):
        if self._held:
            PyBuffer_Release(&self._buffer)

    @staticmethod
    def size(Py_ssize_t addresses) -> int:
        """Return how many bytes the table takes."""
        if addresses <= 0:
            raise ValueError(f"limits need at least one address, got {addresses}")
        if addresses > ADDRESS_LIMIT:
            raise ValueError(f"limits for {addresses} addresses are not possible, at most {ADDRESS_LIMIT}")
        return _groups(addresses) * GROUP * CELLS * 8

    def __call__(self, str address not None):
        cdef uint64_t now = pw_monotonic_ns()
        cdef uint64_t *cell = self._find(address, now)
        cdef uint64_t ends = pw_load_relaxed(cell + STARTED) + self._window_ns
        pw_fetch_add_relaxed(cell + COUNT, 1)
        if pw_load_relaxed(cell + COUNT) <= self._limit:
            return 0.0
        return (ends - now) / 1e9 if ends > now else 0.001

    def count(self, str address not None) -> int:
        """Return the number of requests of ``address`` in its present window."""
        return pw_load_relaxed(self._find(address, pw_monotonic_ns()) + COUNT)

    cdef uint64_t *_find(self, str address, uint64_t now) except NULL:
        """Return the cell of ``address``, in a window that has not ended; taken over when it has none."""
        # Python's own keyed hash: one secret for all children of one main, and none that a client could aim at.
        cdef uint64_t key = (<uint64_t><Py_ssize_t>hash(address)) | 1  # 0 is a free cell
        cdef uint64_t *group = self._cells + (key >> 1) % self._groups * GROUP * CELLS
        cdef uint64_t *cell
        cdef uint64_t *chosen = group
        cdef int place
        for place in range(GROUP):
            cell = group + place * CELLS
            if pw_load_acquire(cell + KEY) == key:
                chosen = cell
                break
            if pw_load_relaxed(cell + STARTED) < pw_load_relaxed(chosen + STARTED):
                chosen = cell  # a free cell has never started; one that has ended started before one that has not
        if pw_load_relaxed(chosen + KEY) != key or now >= pw_load_acquire(chosen + STARTED) + self._window_ns:
            pw_store_relaxed(chosen + COUNT, 0)
            pw_store_release(chosen + STARTED, now)
            pw_store_release(chosen + KEY, key)
        return chosen


cdef Py_ssize_t _groups(Py_ssize_t addresses) noexcept:
    # Half full on average, so that a group of eight rarely has to forget an address early.
    return (addresses * 2 + GROUP - 1) // GROUP
