from pwserver_ext.http_gate cimport Timed

cdef enum:  # instead of a descriptor
    UNKNOWN = -2  # not asked yet
    THROUGH_TRANSPORT = -1  # not to be used


cdef class ReplyWriter(Timed):
    cdef readonly object transport
    cdef int descriptor  # of the socket, or one of the words above
    cdef bint answered  # there was an answer before this one
    cdef bint queued  # the transport may still hold bytes of ours
    cdef bint writes_paused  # by the transport, which holds too many
    cdef bytes single  # a reply that is not yet written
    cdef list batch  # several such

    cdef gather(self, bytes reply)
    cdef flush(self)
    cdef bint is_direct(self) except -1
