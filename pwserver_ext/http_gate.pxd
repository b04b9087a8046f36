cimport cython
from libc.stdint cimport uint64_t

from pwserver_ext.counters cimport Counters, counter_add
from pwserver_ext.http_recogniser cimport Recogniser
from pwserver_ext.http_reply cimport Responder

cdef enum:  # indexes into EVENTS
    CONNECTIONS = 0
    REFUSED = 1
    SERVED = 2
    UNMODIFIED = 3
    PASSED = 4
    REJECTED = 5
    LIMITED = 6
    TIMED_OUT = 7
    STALLED = 8


cdef class Timed:
    """Something with a deadline: what the gate knows of a connection."""

    cdef enforce(self, double now)


@cython.final
cdef class Gate:
    cdef Recogniser recogniser
    cdef Responder responder
    cdef list documents
    cdef object loop
    cdef set connections
    cdef dict addresses
    cdef object limiter
    cdef object access
    cdef object exempt
    cdef object client
    cdef object asker
    cdef object explain_host
    cdef object timer
    cdef readonly Counters counters
    cdef uint64_t* cells  # of our row
    cdef uint64_t* events  # within them
    cdef double head_seconds
    cdef double idle_seconds
    cdef double stall_seconds
    cdef double linger_seconds
    cdef double tick_seconds
    cdef double drain_seconds
    cdef double drained  # when idle connections are closed, once stopping
    cdef Py_ssize_t connections_max
    cdef Py_ssize_t per_address_max
    cdef public bint stopping
    cdef readonly bint secure

    cdef wind(self)
    cdef stop(self)


cdef inline void count(Gate gate, int event) noexcept:
    counter_add(gate.events, event, 1)
