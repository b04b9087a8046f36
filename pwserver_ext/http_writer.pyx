# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Write replies to a connection: gathered, and past the transport where that is safe."""

from pwserver_ext.outlet import descriptor_of

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from pwserver_ext.http_gate cimport Timed

cdef extern from "socket_send.h" nogil:
    Py_ssize_t pw_send(int descriptor, const char* bytes, Py_ssize_t size)


cdef class ReplyWriter(Timed):
    """Writes for a connection."""

    def __cinit__(self):
        self.descriptor = UNKNOWN

    cdef int flush(self) except -1:
        """Write what has been gathered.

        A single reply of a plain kept-alive connection goes straight to the socket; what that does not take, and its
        errors, are the transport's. Never once Sanic has had the connection: it may have closed it, and the descriptor
        may belong to another connection by then.
        """
        cdef Py_ssize_t sent
        cdef bytes single = self.single
        cdef list batch = self.batch
        self.single = self.batch = None
        if single is not None:
            if self.is_direct():
                sent = pw_send(self.descriptor, PyBytes_AS_STRING(single), PyBytes_GET_SIZE(single))
                if sent == PyBytes_GET_SIZE(single):
                    return 0
                if sent > 0:
                    single = single[sent:]
                self.queued = True
            self.transport.write(single)
        elif batch is not None:
            self.queued = True
            self.transport.writelines(batch)

    cdef bint is_direct(self) except -1:
        """Tell whether the next bytes may go straight to the socket: only if none still wait in the transport."""
        if self.descriptor >= 0:
            if self.queued and not self.writes_paused:
                self.queued = self.transport.get_write_buffer_size() > 0
            return not self.queued and not self.writes_paused
        if self.descriptor == UNKNOWN and self.answered:  # the first answer of a connection is often its last
            self.descriptor = descriptor_of(self.transport)
            if self.descriptor >= 0:
                self.queued = True
                return self.is_direct()
        self.answered = True
        return False
