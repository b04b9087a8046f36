# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The verdict on a request: MORE bytes are needed, SERVE a document, PASS it to Sanic, or REJECT it."""

from collections import namedtuple

from cpython.bytes cimport PyBytes_AS_STRING

from pwserver_ext.http_documents cimport TargetTable
from pwserver_ext.http_head cimport GET, HEAD, MORE_, PASS_, REJECT_, SERVE_, WHOLE_HANDSHAKE, Head, read_head
from pwserver_ext.http_hosts cimport Hosts

MORE = MORE_
SERVE = SERVE_
PASS = PASS_
REJECT = REJECT_

Seen = namedtuple("Seen", "verdict status reason head_size body_size target keep_alive gzip entry forwarded stream",
                  defaults=("", False))


cdef class Recogniser:
    """Judges request heads by the limits given (bytes; fields is a count) and by the table, if any.

    look(data) is for tests and tools; the connections call the same code through `judge`.
    """

    def __cinit__(self):
        self.hosts = Hosts()

    def __init__(self, TargetTable table=None, Hosts hosts=None, *, line_limit=8192, head_limit=16384, field_limit=100,
                 body_limit=4096):
        if min(line_limit, head_limit, field_limit) < 1 or body_limit < 0:
            raise ValueError("limits of a request must be positive")
        self.table = table
        if hosts is not None:
            self.hosts = hosts
        self.limits.line_bytes = line_limit
        self.limits.head_bytes = head_limit
        self.limits.body_bytes = body_limit
        self.limits.fields = field_limit

    @property
    def line_limit(self):
        return self.limits.line_bytes

    @property
    def head_limit(self):
        return self.limits.head_bytes

    @property
    def body_limit(self):
        return self.limits.body_bytes

    @property
    def field_limit(self):
        return self.limits.fields

    cdef int judge(self, const char* data, Py_ssize_t n, Head* h) except -1:
        """Judge the request that starts at data; n bytes of it have come."""
        cdef int verdict = read_head(data, n, &self.limits, self.hosts, h)
        if verdict != PASS_ or self.table is None:
            return verdict
        if h.handshake == WHOLE_HANDSHAKE and h.method == GET and not h.old and not h.chunked:
            h.stream = self.table.is_stream(h.target.at[:h.target.size])
        if h.method <= HEAD and h.content_length <= 0 and not h.chunked and not h.unusual:
            h.entry = self.table.find(h.target.at, h.target.size)
            if h.entry >= 0 and self.table.forms is not None:
                h.entry = self.table.form(h.entry, h.accept, h.accepts)
            if h.entry >= 0:
                return SERVE_
        return PASS_

    def look(self, bytes data not None):
        """Judge the first request in data; return a Seen."""
        cdef Head h
        cdef int verdict = self.judge(PyBytes_AS_STRING(data), len(data), &h)
        if verdict == MORE_:
            return Seen(MORE, 0, "", 0, 0, b"", False, False, -1)
        if verdict == REJECT_:
            return Seen(REJECT, h.status, (<bytes>h.reason).decode(), 0, 0, b"", False, False, -1)
        return Seen(verdict, 0, "", h.start + h.size, max(0, h.content_length), h.target.at[:h.target.size],
                    h.keep_alive, h.gzip, h.entry, forwarded_of(&h, PyBytes_AS_STRING(data) + h.start), h.stream)


cdef str forwarded_of(Head* h, const char* data):
    """Join all X-Forwarded-For lines of the complete head at data as one list (RFC 9110 section 5.2)."""
    if not h.forwards:
        return ""
    fields = (line.partition(b":") for line in data[:h.size].split(b"\r\n"))
    values = [value for name, _, value in fields if name.lower() == b"x-forwarded-for"]
    return b",".join(values).decode("latin-1")
