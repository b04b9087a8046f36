from pwserver_ext.http_chunks cimport Chunks
from pwserver_ext.http_gate cimport Gate
from pwserver_ext.http_head cimport Head
from pwserver_ext.http_writer cimport ReplyWriter


cdef class HttpConnection(ReplyWriter):
    cdef readonly Gate gate
    cdef readonly object beneath  # the transport below TLS
    cdef readonly object handler
    cdef readonly str address
    cdef str counted_as  # the address, or the network of one IPv6 client
    cdef bytes pending  # bytes not yet answered nor handed over; None: none
    cdef int state
    cdef str uncounted  # whom the limiter counts if the handler's request does not become a stream
    cdef bint counted  # among the connections of its address
    cdef bint partial  # a part of a request has come
    cdef bint last  # the handler's answer is the last one
    cdef bint running  # requests are being answered
    cdef bint yielding  # more of them are, after the other connections had their turn
    cdef bint reads_paused
    cdef bint ended  # the client has closed its sending half
    cdef readonly bint old  # the handler's request is HTTP/1.0
    cdef double deadline  # of the head, or of idleness; 0: none
    cdef double write_deadline
    cdef long long body_left  # of the handler's request
    # A request whose body comes in chunks: its head around the line that says so, and what has come of the body.
    cdef bytes head_before
    cdef bytes head_after
    cdef Chunks chunks
    cdef bytearray body
    cdef bytes refusal_lines  # if its body is refused
    cdef bint head_only  # likewise
    cdef Py_ssize_t lingered  # bytes thrown away

    cdef bint admit(self) except -1
    cdef pause_reads(self)
    cdef resume_reads(self)
    cdef wait(self, bytes data)
    cdef proceed(self)
    cdef int run(self, bytes buffer) except -1
    cdef Py_ssize_t answer_all(self, bytes buffer, double now, bint* blank) except -2
    cdef bytes reply_to(self, Head* h, const char* data, int verdict, bint keep, double now, long long second)
    cdef int keep_rest(self, bytes buffer, Py_ssize_t at, bint blank, double now) except -1
    cdef object asked_by(self, object rule, Head* h, const char* data, str peer)
    cdef bytes over_limit(self, Head* h, const char* data, bint keep)
    cdef count_refused_stream(self)
    cdef hand_over(self, bytes buffer, Py_ssize_t at, Head* h, Py_ssize_t size, double now)
    cdef collect_body(self, bytes buffer, Py_ssize_t at, Head* h, double now)
    cdef collect(self, bytes data, double now)
    cdef refuse(self, Head* h)
    cdef finish(self)
    cdef linger(self)
    cdef close(self)
    cdef bint is_late(self, double now) noexcept
