from pwserver_ext.http_values cimport Span


cdef enum HostVerdict:
    HOST_OURS = 0
    HOST_EMPTY = 1
    HOST_MALFORMED = 2
    HOST_FOREIGN = 3  # well-formed, but not a name of ours


cdef class Hosts:
    cdef bint every
    cdef tuple names  # bytes, lower case
    cdef list suffixes  # bytes, each with its leading dot

    cdef HostVerdict judge(self, Span host) except *
