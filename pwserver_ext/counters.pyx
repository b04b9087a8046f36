"""Keep counters and heartbeats of the processes in shared memory: one row per process, on cache lines of its own.

Only one process writes a row, so adding is a plain load and store; anyone reads at any time and sums when asked.
A row outlives its process: the replacement of a dead worker carries on where the dead one stopped.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdint cimport int64_t, uint64_t, uintptr_t

from time import time as _now

from pwserver_ext.atomics cimport pw_bits, pw_double, pw_load_relaxed, pw_store_relaxed
from pwserver_ext.clocks cimport pw_monotonic_ns

cdef enum:
    LINE = 64
    CELL = 8
    CELLS_PER_LINE = 8
    ROW_LIMIT = 65536  # processes; with as many names the size still fits into a machine word of 64 bits
    NAME_LIMIT = 1 << 20


cdef void *_cells_of(buffer, Py_buffer *held, Py_ssize_t needed, str what) except NULL:
    PyObject_GetBuffer(buffer, held, PyBUF_SIMPLE | PyBUF_WRITABLE)
    problem = None
    if held.len < needed:
        problem = f"{what} need {needed} bytes, the buffer has {held.len}"
    elif <uintptr_t>held.buf & 7:
        problem = f"the buffer of {what} must be aligned to 8 bytes"
    if problem is not None:
        PyBuffer_Release(held)
        raise ValueError(problem)
    return held.buf


cdef Py_ssize_t _stride_of(Py_ssize_t names) noexcept:
    return (names + CELLS_PER_LINE - 1) // CELLS_PER_LINE * CELLS_PER_LINE


cdef class Counters:
    """Holds ``rows`` x ``names`` signed 64-bit counters over a writable, 8-byte aligned buffer (64 keeps rows apart).

    Counters never go back: ``clear`` moves a baseline that the sums are counted from. ``ValueError`` for a buffer that
    is too small or misaligned, no rows, no names or a name twice.
    """

    def __cinit__(self, buffer, Py_ssize_t rows, names):
        self._held = False
        self.names = tuple(names)
        needed = Counters.size(rows, self.names)
        self.rows = rows
        self._index = {name: index for index, name in enumerate(self.names)}
        if len(self._index) != len(self.names):
            raise ValueError("a counter is named twice")
        self._stride = _stride_of(len(self.names))
        self._cells = <uint64_t *>_cells_of(buffer, &self._buffer, needed, "counters")
        self._held = True

    def __dealloc__(self):
        if self._held:
            PyBuffer_Release(&self._buffer)

    @staticmethod
    def size(Py_ssize_t rows, names) -> int:
        """Return how many bytes the counters take; one hidden row more than asked for holds the baseline."""
        if rows <= 0:
            raise ValueError(f"counters need at least one row, got {rows}")
        if not names:
            raise ValueError("counters need at least one name")
        if rows > ROW_LIMIT or len(names) > NAME_LIMIT or rows > PY_SSIZE_T_MAX // (2 * CELL * _stride_of(len(names))):
            raise ValueError(f"counters of {rows} rows and {len(names)} names are not possible")
        return (rows + 1) * _stride_of(len(names)) * CELL

    cdef uint64_t *c_row(self, Py_ssize_t row) except NULL:
        if row < 0 or row >= self.rows:
            raise IndexError(f"there are rows 0 to {self.rows - 1}, not {row}")
        return self._cells + (row + 1) * self._stride

    cdef uint64_t *_cell(self, Py_ssize_t row, Py_ssize_t index) except NULL:
        if index < 0 or index >= len(self.names):
            raise IndexError(f"there are counters 0 to {len(self.names) - 1}, not {index}")
        return self.c_row(row) + index

    cdef uint64_t _total(self, Py_ssize_t index) except? 0xFFFFFFFFFFFFFFFF:
        cdef uint64_t total = 0
        cdef Py_ssize_t row
        self._cell(0, index)
        for row in range(self.rows):
            total += pw_load_relaxed(self._cells + (row + 1) * self._stride + index)
        return total

    def index(self, name) -> int:
        """Return the place of a counter by name; ``KeyError`` when there is none."""
        return self._index[name]

    def add(self, Py_ssize_t row, Py_ssize_t index, int64_t more=1) -> None:
        """Add to a counter of this process's own row."""
        cdef uint64_t *cell = self._cell(row, index)
        pw_store_relaxed(cell, pw_load_relaxed(cell) + <uint64_t>more)

    def set(self, Py_ssize_t row, Py_ssize_t index, int64_t value) -> None:
        """Store a level (open connections, say) in this process's own row. ``clear`` is not meant for levels."""
        pw_store_relaxed(self._cell(row, index), <uint64_t>value)

    def get(self, Py_ssize_t row, Py_ssize_t index) -> int:
        """Return the raw value of one cell."""
        return <int64_t>pw_load_relaxed(self._cell(row, index))

    def total(self, Py_ssize_t index) -> int:
        """Return the sum over all rows since the arena was made; it never falls, because clearing does not touch it."""
        return <int64_t>self._total(index)

    def sum(self, Py_ssize_t index) -> int:
        """Sum over all rows since the last ``clear``."""
        cdef uint64_t total = self._total(index)  # first: it checks the index
        return <int64_t>(total - pw_load_relaxed(self._cells + index))

    def sums(self) -> dict:
        """Return the ``sum`` of every counter by name."""
        cdef Py_ssize_t index
        return {name: self.sum(index) for index, name in enumerate(self.names)}

    def row(self, Py_ssize_t row) -> list:
        """Return the raw values of one row, in the order of ``names``."""
        cdef uint64_t *cells = self.c_row(row)
        cdef Py_ssize_t index
        return [<int64_t>pw_load_relaxed(cells + index) for index in range(len(self.names))]

    def clear(self, indexes=None) -> None:
        """Count sums from here on, for all counters or the given indexes. Any process may; totals do not change."""
        cdef uint64_t total
        cdef Py_ssize_t index
        for index in range(len(self.names)) if indexes is None else indexes:
            total = self._total(index)  # first: it checks the index
            pw_store_relaxed(self._cells + <Py_ssize_t>index, total)


cdef enum Field:
    PID
    STARTED
    BEAT
    BEATS
    STARTS
    STATE


cdef class Heartbeats:
    """Holds one line per process: pid, start, last beat, number of starts and a state number of the owner's choosing."""

    def __cinit__(self, buffer, Py_ssize_t rows):
        self._held = False
        needed = Heartbeats.size(rows)
        self.rows = rows
        self._cells = <uint64_t *>_cells_of(buffer, &self._buffer, needed, "heartbeats")
        self._held = True

    def __dealloc__(self):
        if self._held:
            PyBuffer_Release(&self._buffer)

    @staticmethod
    def size(Py_ssize_t rows) -> int:
        """Return how many bytes the heartbeats take."""
        if rows <= 0:
            raise ValueError(f"heartbeats need at least one row, got {rows}")
        if rows > ROW_LIMIT:
            raise ValueError(f"heartbeats of {rows} rows are not possible")
        return rows * LINE

    cdef uint64_t *c_row(self, Py_ssize_t row) except NULL:
        if row < 0 or row >= self.rows:
            raise IndexError(f"there are rows 0 to {self.rows - 1}, not {row}")
        return self._cells + row * CELLS_PER_LINE

    def start(self, Py_ssize_t row, uint64_t pid, uint64_t state=0) -> None:
        """Take the row for a process: note its pid and the time, and beat for the first time."""
        cdef uint64_t *cells = self.c_row(row)
        pw_store_relaxed(cells + STARTS, pw_load_relaxed(cells + STARTS) + 1)
        pw_store_relaxed(cells + STARTED, pw_bits(_now()))
        pw_store_relaxed(cells + STATE, state)
        pw_store_relaxed(cells + BEATS, 0)
        pw_store_relaxed(cells + BEAT, pw_monotonic_ns())
        pw_store_relaxed(cells + PID, pid)

    def beat(self, Py_ssize_t row) -> None:
        """Note that the process of this row is alive now."""
        cdef uint64_t *cells = self.c_row(row)
        pw_store_relaxed(cells + BEATS, pw_load_relaxed(cells + BEATS) + 1)
        pw_store_relaxed(cells + BEAT, pw_monotonic_ns())

    def stop(self, Py_ssize_t row) -> None:
        """Note that the process of this row has ended: no pid, no age, no beats. Its number of starts stays."""
        cdef uint64_t *cells = self.c_row(row)
        pw_store_relaxed(cells + BEATS, 0)  # or the next one would seem to work before its first beat
        pw_store_relaxed(cells + PID, 0)
        pw_store_relaxed(cells + BEAT, 0)

    def set_state(self, Py_ssize_t row, uint64_t state) -> None:
        pw_store_relaxed(self.c_row(row) + STATE, state)

    def state(self, Py_ssize_t row) -> int:
        return pw_load_relaxed(self.c_row(row) + STATE)

    def pid(self, Py_ssize_t row) -> int:
        """Return the process id, 0 when no process has the row."""
        return pw_load_relaxed(self.c_row(row) + PID)

    def started(self, Py_ssize_t row) -> float | None:
        """Return the epoch seconds of the last start, ``None`` before the first."""
        cdef uint64_t bits = pw_load_relaxed(self.c_row(row) + STARTED)
        return pw_double(bits) if bits else None

    def last_beat(self, Py_ssize_t row) -> float | None:
        """Return the monotonic seconds of the last beat, ``None`` when no process has the row."""
        cdef uint64_t beat = pw_load_relaxed(self.c_row(row) + BEAT)
        return beat / 1e9 if beat else None

    def beats(self, Py_ssize_t row) -> int:
        """Return the number of beats since the last start, the first one not counted."""
        return pw_load_relaxed(self.c_row(row) + BEATS)

    def restarts(self, Py_ssize_t row) -> int:
        """Return how often the row was taken again after the first start."""
        cdef uint64_t starts = pw_load_relaxed(self.c_row(row) + STARTS)
        return starts - 1 if starts else 0

    def age(self, Py_ssize_t row) -> float | None:
        """Return the seconds since the last beat, ``None`` when no process has the row."""
        cdef uint64_t beat = pw_load_relaxed(self.c_row(row) + BEAT)
        cdef uint64_t now = pw_monotonic_ns()
        if beat == 0:
            return None
        return (now - beat) / 1e9 if now > beat else 0.0
