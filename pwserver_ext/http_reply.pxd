cimport cython

from pwserver_ext.http_documents cimport ServedDocument, TargetTable
from pwserver_ext.http_head cimport Head

cdef enum:  # what a reply says about the connection
    SILENT = 0  # HTTP/1.1, persistent: nothing to say
    CLOSE = 1
    KEEP_ALIVE = 2  # HTTP/1.0, persistent


@cython.final
cdef class Responder:
    cdef readonly TargetTable table
    cdef list origins  # bytes; empty for the wildcard
    cdef list cors_lines
    cdef str vary
    cdef Py_ssize_t keep_limit
    cdef readonly Py_ssize_t kept
    cdef long long date_second
    cdef bytes date_line

    cdef int cors(self, Head* h) except -1
    cdef bytes refusal_lines(self, Head* h)
    cdef bytes reply(
        self, ServedDocument d, Head* h, int connection, double now, long long second, bint* unmodified
    )
    cdef bytes make(self, ServedDocument d, int kind, int connection, bint gzip, int cors)
    cdef bytes date(self, long long second)


# A complete reply that refuses.
cdef bytes refusal(int status, str reason, bint head_only, bytes extra=*, bint close=*, bint old=*)
