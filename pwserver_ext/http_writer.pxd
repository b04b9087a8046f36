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

    cdef int flush(self) except -1
    cdef bint is_direct(self) except -1


cdef inline int gather(ReplyWriter writer, bytes reply) except -1:
    """Add a reply to those that the next flush() writes."""
    if writer.batch is not None:
        writer.batch.append(reply)
    elif writer.single is None:
        writer.single = reply
    else:
        writer.batch = [writer.single, reply]
        writer.single = None
    return 0
