"""Send one message to many sockets: straight from one piece of memory, without a call into the event loop for each.

An outlet stands for a transport whose socket may be written to directly as long as none of our bytes wait in the
transport itself. Errors are ignored here, because the transport reads them from the same socket and ends.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

cdef extern from "socket_send.h" nogil:
    Py_ssize_t pw_send(int descriptor, const char* bytes, Py_ssize_t size)


def descriptor_of(transport) -> int:
    """Return the socket of a transport whose bytes go out as they are; -1 for TLS, and where there is none."""
    if transport.get_extra_info("sslcontext") is not None:
        return -1
    raw = transport.get_extra_info("socket")
    return -1 if raw is None else raw.fileno()


cdef class Outlet:
    """Holds the socket of one receiver.

    Everything that writes to the transport must set ``queued``; it can be unset when the transport holds nothing.
    """

    cdef readonly object transport
    cdef public bint queued
    cdef int _descriptor  # -1: through the transport only (TLS, closed, no socket)

    def __cinit__(self):
        self._descriptor = -1  # not 0, which is standard input, should a subclass forget to call __init__

    def __init__(self, transport):
        self.transport = transport
        self._descriptor = descriptor_of(transport)

    @property
    def direct(self) -> bool:
        """Tell whether it still knows its socket."""
        return self._descriptor >= 0

    def shut(self) -> None:
        """Never touch the socket again, because its number may soon belong to another connection."""
        self._descriptor = -1


def fan_out(list outlets not None, bytes message not None) -> list:
    """Give ``message`` to every outlet; returns those that took nothing of it. What one took is always completed: the
    rest waits in its transport.
    """
    cdef Outlet outlet
    cdef Py_ssize_t sent, size = PyBytes_GET_SIZE(message)
    cdef list left = []
    for item in outlets:
        outlet = <Outlet?>item
        sent = -1
        if outlet._descriptor >= 0 and not outlet.queued:
            sent = pw_send(outlet._descriptor, PyBytes_AS_STRING(message), size)
        if sent <= 0:
            left.append(outlet)
        elif sent < size:
            outlet.queued = True
            outlet.transport.write(memoryview(message)[sent:])  # shared: a crowd that stalls keeps one frame, not many
    return left
