cimport cython

from pwserver_ext.http_values cimport Span


cdef enum:  # verdicts
    HOST_OURS = 0
    HOST_EMPTY = 1
    HOST_MALFORMED = 2
    HOST_FOREIGN = 3  # well-formed, but not a name of ours


cdef enum:
    KNOWN_BYTES_MAX = 64


@cython.final
cdef class Hosts:
    cdef bint every
    cdef tuple names  # bytes, lower case
    cdef list suffixes  # bytes, each with its leading dot

    cdef char[KNOWN_BYTES_MAX] known  # the last value that was ours
    cdef Py_ssize_t known_size  # 0: none

    cdef int judge(self, Span host) except -1
    cdef int judge_unknown(self, Span host) except -1
