cimport cython

from pwserver_ext.http_values cimport Span
from pwserver_ext.snapshot cimport SnapshotSlot


@cython.final
cdef class ServedDocument:
    cdef readonly object source
    cdef SnapshotSlot slot  # the source, where it is one
    cdef readonly int index
    cdef readonly int counter
    cdef readonly bytes media_type
    cdef readonly tuple fallback
    cdef bint negotiated  # its target has another form, chosen by Accept
    # What the last reading of the source said.
    cdef bint has_gzip
    cdef unsigned long long generation
    cdef int status
    cdef bytes tag  # without quotes; the gzip twin adds -gz
    cdef double timestamp
    cdef double expires
    cdef double taken
    cdef long long age  # seconds, as of the second the replies are good for
    # The replies made of it, kept by one Responder: those of another may look otherwise.
    cdef object owner
    cdef long long second  # for which they are good, so that they agree with one another
    cdef tuple fresh  # body and gzip form of the last reading
    cdef list replies  # by variant
    cdef Py_ssize_t kept  # their bytes

    cdef tuple load(self, double now)
    cdef unsigned long long current(self) except? 0


@cython.final
cdef class TargetTable:
    cdef readonly list documents
    cdef list keys  # bytes, alive for the spans
    cdef Span* spans
    cdef int* rows  # document of key i
    cdef int* query_rows  # document of key i when the query has query_keys[i], or -1
    cdef list query_keys
    cdef int* buckets  # key index + 1, open addressing
    cdef Py_ssize_t mask
    cdef frozenset streams
    cdef dict forms  # row -> (wanted, row of the other form, {Accept: row}); None: no document has two

    cdef int number(self, document, dict numbers) except -1
    cdef void add_key(self, Py_ssize_t i, bytes name, int row, int query_row) noexcept
    cdef int find(self, const char* p, Py_ssize_t n) except -2
    cdef int form(self, int row, Span accept, int accepts) except -2
    cdef bint is_stream(self, bytes target) except -1
    cdef int choose(self, int key, const char* query, Py_ssize_t n) except -2
