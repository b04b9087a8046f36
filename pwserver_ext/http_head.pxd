"""Declare a request head: what `read_head` finds in the bytes of a request."""

from pwserver_ext.http_hosts cimport Hosts
from pwserver_ext.http_values cimport Encodings, Span


cdef enum:  # verdicts
    MORE_ = 0
    SERVE_ = 1
    PASS_ = 2
    REJECT_ = 3

cdef enum:  # methods
    GET = 0
    HEAD = 1
    OPTIONS = 2
    OTHER_METHOD = 3

cdef enum:  # parts of a WebSocket handshake (RFC 6455 section 4.2.1), one bit each
    UPGRADE_NAMES_IT = 1
    CONNECTION_NAMES_IT = 2
    KEY_IS_GOOD = 4
    VERSION_IS_13 = 8
    WHOLE_HANDSHAKE = 15

cdef enum:
    TAGS_MAX = 4  # If-None-Match lines of one head that are kept; clients send one


cdef struct HeadLimits:
    Py_ssize_t line_bytes
    Py_ssize_t head_bytes
    Py_ssize_t body_bytes
    int fields


cdef struct Head:
    int status  # REJECT_: the answer's status and reason
    const char* reason
    Py_ssize_t start  # of the request line: the empty lines before it
    Py_ssize_t size  # of the head from there, its empty line included
    # The request line.
    int method
    Span target
    bint old  # HTTP/1.0
    # The field lines. A span whose `at` is NULL: there was none.
    int hosts  # Host lines
    Span host
    Span origin
    Span accept  # the first; accepts counts them
    int accepts
    int forwards  # X-Forwarded-For lines
    int names  # X-Forwarded-Host lines
    Span named  # the first of them
    int tags  # If-None-Match lines
    Span tag[TAGS_MAX]
    Encodings encodings
    int handshake  # which parts of a WebSocket handshake are there
    long long content_length  # -1: none
    bint chunked  # by this value of Transfer-Encoding
    Span coding
    bint close  # what Connection lists
    bint keep
    bint expect  # 100-continue
    bint unusual  # If-Match, many If-None-Match, two Origins: Sanic's
    # What follows from them; set once the head is complete.
    bint keep_alive
    bint gzip  # the client prefers gzip
    # What the recogniser finds in its table.
    int entry  # SERVE_: row of the document
    bint stream  # a WebSocket handshake for a target that is a stream


# MORE_, REJECT_, or PASS_ for a head that is complete and well-formed; n bytes of the request have come, and a NUL stands
# behind them, as it does behind all bytes of Python's.
cdef int read_head(const char* data, Py_ssize_t n, const HeadLimits* limits, Hosts hosts, Head* h) except -1
