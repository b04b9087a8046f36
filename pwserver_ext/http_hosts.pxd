from pwserver_ext.http_values cimport Span


cdef enum:  # verdicts
    HOST_OURS = 0
    HOST_EMPTY = 1
    HOST_MALFORMED = 2
    HOST_FOREIGN = 3  # well-formed, but not a name of ours


cdef class Hosts:
    cdef bint every
    cdef tuple names  # bytes, lower case
    cdef list suffixes  # bytes, each with its leading dot

    cdef int judge(self, Span host) except -1
