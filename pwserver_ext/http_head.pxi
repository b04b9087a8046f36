# The recogniser: one left-to-right pass over a request head (RFC 9112), no I/O, no Python objects.
#
# Facts it holds to:
#  - What it says about a prefix it says about every extension of that prefix: a verdict other than MORE is final.
#    Hence "the same bytes, split anywhere, give the same verdicts".
#  - Line ends are CRLF and nothing else. A field line starts with a token character: so no obs-fold (section 5.2)
#    and no space before the colon (5.1).
#  - A few empty lines before the request line are skipped (2.2): old clients send one after a body. A bare LF counts
#    as one there and nowhere else.
#  - Field values hold HTAB, SP, visible ASCII and obs-text. NUL, bare CR, bare LF and other controls are refused.
#  - A body is counted by one Content-Length of plain digits, or there is none. Chunked bodies are refused: no client
#    of ours sends them, and they are where parsers disagree (section 6).
#  - HTTP/1.0 persists only when it asks to; HTTP/1.1 unless it asks not to (9.3).

MORE = MORE_
SERVE = SERVE_
PASS = PASS_
REJECT = REJECT_

cdef enum:
    MORE_ = 0
    SERVE_ = 1
    PASS_ = 2
    REJECT_ = 3

cdef enum:
    GET = 0
    HEAD = 1
    OPTIONS = 2
    OTHER_METHOD = 3

# Classes of bytes.
cdef enum:
    TOKEN = 1       # section 5.6.2 of RFC 9110
    TARGET = 2      # visible ASCII but '#': a fragment is never sent
    VALUE = 4
    NAME = 8        # what we take in a host name

cdef enum:
    TAGS_MAX = 4
    EMPTY_LINES_MAX = 4     # before a request line

# Parts of a WebSocket handshake (RFC 6455 section 4.2.1), one bit each.
cdef enum:
    UPGRADE_NAMES_IT = 1
    CONNECTION_NAMES_IT = 2
    KEY_IS_GOOD = 4
    VERSION_IS_13 = 8
    HANDSHAKE_ = 15

cdef struct Head:
    int status              # REJECT: the answer's status and reason
    const char* reason
    int method
    int entry               # SERVE: row of the table
    bint old                # HTTP/1.0
    bint keep_alive
    bint gzip               # the client prefers gzip
    bint stream             # a WebSocket handshake for a target that is a stream
    bint expect             # 100-continue
    bint unusual            # If-Match, many If-None-Match, two Origins: Sanic's
    int handshake           # which parts of a WebSocket handshake are there
    long long content_length    # -1: none
    Py_ssize_t start        # of the request line: the empty lines before it
    Py_ssize_t size         # of the head from there, its empty line included
    Span target
    Span host
    Span origin             # at is NULL: none
    int forwards            # X-Forwarded-For lines
    Span accept             # the first; accepts counts them
    int accepts
    int tags                # If-None-Match lines
    Span tag[TAGS_MAX]

cdef unsigned char CLASS[256]


cdef void _fill_classes() noexcept:
    cdef int c
    for c in range(256):
        CLASS[c] = 0
        if c == 9 or (32 <= c and c != 127):
            CLASS[c] |= VALUE
        if 33 <= c <= 126 and c != 35:
            CLASS[c] |= TARGET
        if 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122:
            CLASS[c] |= TOKEN | NAME
    for c in b"!#$%&'*+-.^_`|~":
        CLASS[c] |= TOKEN
    for c in b"-._":
        CLASS[c] |= NAME


_fill_classes()


cdef inline int reject(Head* h, int status, const char* reason) noexcept nogil:
    h.status = status
    h.reason = reason
    return REJECT_


cdef class Hosts:
    """Which Host values we answer to. IP addresses and names of one label need no entry: no page on the open
    Internet can be given such a name, so they cannot be rebound.

    names: lower-case host names, or `*.suffix` for everything below a suffix. None: every well-formed host.
    """

    cdef bint every
    cdef tuple names        # bytes, kept alive for the spans below
    cdef list suffixes

    def __init__(self, names=None):
        self.every = names is None
        names = [name.strip().lower().rstrip(".") for name in names or ()]
        self.names = tuple(name.encode("ascii") for name in names if not name.startswith("*."))
        self.suffixes = [name[1:].encode("ascii") for name in names if name.startswith("*.")]

    cdef int judge(self, Span host, Head* h) except -1:
        """PASS_ or REJECT_ for `name[:port]`: 400 where it is malformed, 421 where it is not ours."""
        cdef const char* p = host.at
        cdef const char* end = p + host.size
        cdef const char* name = p
        cdef Py_ssize_t size, i
        cdef int colons = 0, port = 0
        cdef bint dot = False
        if host.size == 0:
            return reject(h, 400, b"Empty host")
        if p[0] == 91:
            p += 1
            while p < end and (48 <= p[0] <= 58 or 65 <= p[0] <= 70 or 97 <= p[0] <= 102 or p[0] == 46):
                colons += p[0] == 58
                p += 1
            if p == end or p[0] != 93 or colons < 2:
                return reject(h, 400, b"Bad host")
            p += 1
            size = 0
        else:
            while p < end and CLASS[<unsigned char>p[0]] & NAME:
                p += 1
            size = p - name
            if size == 0:
                return reject(h, 400, b"Bad host")
        if p < end:
            if p[0] != 58 or end - p > 6:
                return reject(h, 400, b"Bad host")
            p += 1
            while p < end:
                if p[0] < 48 or p[0] > 57:
                    return reject(h, 400, b"Bad host")
                port = port * 10 + (p[0] - 48)
                p += 1
            if port > 65535:
                return reject(h, 400, b"Bad host")
        if size == 0 or self.every or is_ipv4(name, size):
            return PASS_
        if size > 1 and name[size - 1] == 46:
            size -= 1
        for i in range(size):
            dot |= name[i] == 46
        if not dot:
            return PASS_
        lowered = name[:size].lower()
        if lowered in self.names:
            return PASS_
        for suffix in self.suffixes:
            if len(lowered) > len(suffix) and lowered.endswith(suffix):
                return PASS_
        return reject(h, 421, b"This server does not answer for that host name")


cdef str forwarded_of(Head* h, const char* data):
    """All X-Forwarded-For lines of the complete head at data, joined as one list (section 5.2 of RFC 9110)."""
    if not h.forwards:
        return ""
    fields = (line.partition(b":") for line in data[:h.size].split(b"\r\n"))
    values = [value for name, _, value in fields if name.lower() == b"x-forwarded-for"]
    return b",".join(values).decode("latin-1")


cdef int skip_empty_lines(const char* data, Py_ssize_t n, Head* h) noexcept nogil:
    """Set h.start to where the request line starts. MORE_ while there is nothing but empty lines."""
    cdef int lines = 0
    while h.start < n:
        if data[h.start] == 10:
            h.start += 1
        elif data[h.start] != 13:
            return PASS_
        elif h.start + 1 == n:
            h.start += 1
            return MORE_
        elif data[h.start + 1] == 10:
            h.start += 2
        else:
            return reject(h, 400, b"Bad request line")
        lines += 1
        if lines > EMPTY_LINES_MAX:
            return reject(h, 400, b"Too many empty lines")
    return MORE_


cdef class Recogniser:
    """Judges request heads by the limits given (bytes; fields is a count) and by the table, if any.

    look(data) is for tests and tools; the connections call the same code through `judge`.
    """

    cdef readonly Py_ssize_t line_limit, head_limit, body_limit
    cdef readonly int field_limit
    cdef Hosts hosts
    cdef Table table

    def __cinit__(self):
        self.hosts = Hosts()

    def __init__(self, Table table=None, Hosts hosts=None, *, line_limit=8192, head_limit=16384, field_limit=100,
                 body_limit=4096):
        if min(line_limit, head_limit, field_limit) < 1 or body_limit < 0:
            raise ValueError("limits of a request must be positive")
        self.table = table
        if hosts is not None:
            self.hosts = hosts
        self.line_limit = line_limit
        self.head_limit = head_limit
        self.field_limit = field_limit
        self.body_limit = body_limit

    cdef int judge(self, const char* data, Py_ssize_t n, Head* h) except -1:
        """The verdict on the request that starts at data; n bytes of it have come."""
        cdef const char* p
        cdef const char* end
        cdef const char* stop
        cdef const char* name
        cdef const char* value
        cdef const char* last
        cdef int hosts = 0, fields = 0, verdict
        cdef bint close = False, keep = False, chunked = False
        cdef Py_ssize_t size, i
        cdef Span span
        cdef Encodings encodings
        cdef const char* version = b"HTTP/"

        h.method = OTHER_METHOD
        h.content_length = -1
        h.entry = -1
        h.stream = h.expect = h.unusual = h.gzip = h.keep_alive = h.old = False
        h.handshake = 0
        h.start = 0
        encodings.gzip = encodings.identity = encodings.others = -1
        h.origin.at = h.accept.at = NULL
        h.accepts = h.tags = h.forwards = 0

        if n and data[0] <= 13:
            verdict = skip_empty_lines(data, n, h)
            if verdict != PASS_:
                return verdict
            data += h.start
            n -= h.start
        p = data
        end = data + n
        stop = data + min(n, self.line_limit)

        # method SP
        while p < stop and CLASS[<unsigned char>p[0]] & TOKEN:
            p += 1
        if p - data > 32:
            return reject(h, 400, b"Bad request line")
        if p == stop:
            return MORE_
        if p[0] != 32 or p == data:
            return reject(h, 400, b"Bad request line")
        size = p - data
        if size == 3 and memcmp(data, b"GET", 3) == 0:
            h.method = GET
        elif size == 4 and memcmp(data, b"HEAD", 4) == 0:
            h.method = HEAD
        elif size == 7 and memcmp(data, b"OPTIONS", 7) == 0:
            h.method = OPTIONS
        p += 1

        # request-target SP
        h.target.at = p
        while p < stop and CLASS[<unsigned char>p[0]] & TARGET:
            p += 1
        if p == stop:
            return reject(h, 414, b"Request line too long") if n >= self.line_limit else MORE_
        h.target.size = p - h.target.at
        if p[0] != 32 or h.target.size == 0:
            return reject(h, 400, b"Bad request target")
        p += 1

        # HTTP-version CRLF; the line limit has been met, but for these ten bytes
        for i in range(10):
            if p == end:
                return MORE_
            if i < 5:
                if p[0] != version[i]:
                    return reject(h, 400, b"Bad HTTP version")
            elif i == 6:
                if p[0] != 46:
                    return reject(h, 400, b"Bad HTTP version")
            elif i < 8:
                if p[0] < 48 or p[0] > 57:
                    return reject(h, 400, b"Bad HTTP version")
            elif p[0] != (13 if i == 8 else 10):
                return reject(h, 400, b"Bad request line")
            p += 1
        if (p - 5)[0] != 49 or (p - 3)[0] > 49:
            return reject(h, 505, b"HTTP version not supported")
        h.old = (p - 3)[0] == 48
        if h.method == OTHER_METHOD and not (
            (size == 4 and memcmp(data, b"POST", 4) == 0)
            or (size == 3 and memcmp(data, b"PUT", 3) == 0)
            or (size == 5 and memcmp(data, b"PATCH", 5) == 0)
            or (size == 6 and memcmp(data, b"DELETE", 6) == 0)
        ):
            return reject(h, 501, b"Method not implemented")
        verdict = self.judge_target(h)
        if verdict == REJECT_:
            return verdict

        # field lines
        stop = data + min(n, self.head_limit)
        while True:
            if p >= stop:
                break
            if p[0] == 13:
                if p + 1 >= stop:
                    break
                if p[1] != 10:
                    return reject(h, 400, b"Bad field line")
                p += 2
                h.size = p - data
                return self.conclude(h, hosts, chunked, close, keep, prefers_gzip(&encodings))
            fields += 1
            if fields > self.field_limit:
                return reject(h, 431, b"Too many header fields")
            name = p
            while p < stop and CLASS[<unsigned char>p[0]] & TOKEN:
                p += 1
            if p == stop:
                break
            if p[0] != 58 or p == name:
                return reject(h, 400, b"Bad field line")
            size = p - name
            p += 1
            while p < stop and is_blank(p[0]):
                p += 1
            value = p
            while p < stop and CLASS[<unsigned char>p[0]] & VALUE:
                p += 1
            if p == stop:
                break
            if p[0] != 13:
                return reject(h, 400, b"Bad field value")
            if p + 1 >= stop:
                break
            if p[1] != 10:
                return reject(h, 400, b"Bad field value")
            last = p
            while last > value and is_blank((last - 1)[0]):
                last -= 1
            p += 2
            span.at = value
            span.size = last - value

            if size == 4:
                if same(name, b"host", 4):
                    hosts += 1
                    if hosts > 1:
                        return reject(h, 400, b"More than one Host")
                    h.host = span
            elif size == 6:
                if same(name, b"origin", 6):
                    h.unusual |= h.origin.at is not NULL
                    h.origin = span
                elif same(name, b"expect", 6):
                    if span.size != 12 or not same(value, b"100-continue", 12):
                        return reject(h, 417, b"Expectation failed")
                    h.expect = True
                elif same(name, b"accept", 6):
                    if not h.accepts:
                        h.accept = span
                    h.accepts += 1
            elif size == 7:
                if same(name, b"upgrade", 7) and names_websocket(span):
                    h.handshake |= UPGRADE_NAMES_IT
            elif size == 8:
                if same(name, b"if-match", 8):
                    h.unusual = True
            elif size == 10:
                if same(name, b"connection", 10):
                    read_connection(span, &close, &keep, &h.handshake)
            elif size == 13:
                if same(name, b"if-none-match", 13):
                    if h.tags < TAGS_MAX:
                        h.tag[h.tags] = span
                        h.tags += 1
                    else:
                        h.unusual = True
            elif size == 14:
                if same(name, b"content-length", 14):
                    if h.content_length >= 0 or chunked:
                        return reject(h, 400, b"Body framed twice")
                    h.content_length = read_length(span)
                    if h.content_length < 0:
                        return reject(h, 400, b"Bad Content-Length")
            elif size == 15:
                if same(name, b"accept-encoding", 15):
                    read_encodings(span, &encodings)
                elif same(name, b"x-forwarded-for", 15):
                    h.forwards += 1
            elif size == 17:
                if same(name, b"transfer-encoding", 17):
                    if h.content_length >= 0 or chunked or h.old:
                        return reject(h, 400, b"Body framed twice")
                    if span.size != 7 or not same(value, b"chunked", 7):
                        return reject(h, 501, b"Transfer coding not implemented")
                    chunked = True
                elif same(name, b"sec-websocket-key", 17) and is_websocket_key(span):
                    h.handshake |= KEY_IS_GOOD
            elif size == 21:
                if same(name, b"sec-websocket-version", 21) and span.size == 2 and memcmp(value, b"13", 2) == 0:
                    h.handshake |= VERSION_IS_13
        return reject(h, 431, b"Request head too large") if n >= self.head_limit else MORE_

    cdef int judge_target(self, Head* h) except -1:
        """Origin form, absolute form, or the star of OPTIONS (RFC 9112 section 3.2); else 400."""
        cdef const char* p = h.target.at
        cdef Py_ssize_t n = h.target.size, i, start
        cdef Span host
        if p[0] == 47:
            return PASS_
        if p[0] == 42 and n == 1 and h.method == OPTIONS:
            return PASS_
        start = 7 if n > 7 and same(p, b"http://", 7) else 8 if n > 8 and same(p, b"https://", 8) else 0
        if not start:
            return reject(h, 400, b"Bad request target")
        i = start
        while i < n and p[i] != 47 and p[i] != 63:
            i += 1
        if i == n or p[i] != 47:
            # A missing path means "/" to the RFC and an error to Sanic; no client leaves it out.
            return reject(h, 400, b"Bad request target")
        host.at = p + start
        host.size = i - start
        return self.hosts.judge(host, h)

    cdef int conclude(self, Head* h, int hosts, bint chunked, bint close, bint keep, bint gzip) except -1:
        """The verdict on a head that is complete and whose lines are well-formed."""
        if hosts:
            if self.hosts.judge(h.host, h) == REJECT_:
                return REJECT_
        elif not h.old:
            return reject(h, 400, b"Host missing")
        if chunked:
            return reject(h, 411, b"Length required")
        if h.content_length > self.body_limit:
            return reject(h, 413, b"Body too large")
        h.keep_alive = keep and not close if h.old else not close
        h.gzip = gzip
        if self.table is None:
            return PASS_
        if h.handshake == HANDSHAKE_ and h.method == GET and not h.old:
            h.stream = self.table.is_stream(h.target.at[:h.target.size])
        # Any other Upgrade is ignored (RFC 9110 section 7.8): Java's client offers h2c to everybody.
        if h.method <= HEAD and h.content_length <= 0 and not h.unusual:
            h.entry = self.table.find(h.target.at, h.target.size)
            if h.entry >= 0 and self.table.forms is not None:
                h.entry = self.table.form(h)
            if h.entry >= 0:
                return SERVE_
        return PASS_

    def look(self, bytes data not None):
        """The verdict on the first request in data, as a Seen."""
        cdef Head h
        cdef int verdict = self.judge(PyBytes_AS_STRING(data), len(data), &h)
        if verdict == MORE_:
            return Seen(MORE, 0, "", 0, 0, b"", False, False, -1)
        if verdict == REJECT_:
            return Seen(REJECT, h.status, (<bytes>h.reason).decode(), 0, 0, b"", False, False, -1)
        return Seen(verdict, 0, "", h.start + h.size, max(0, h.content_length), h.target.at[:h.target.size],
                    h.keep_alive, h.gzip, h.entry, forwarded_of(&h, PyBytes_AS_STRING(data) + h.start), h.stream)


Seen = namedtuple("Seen", "verdict status reason head_size body_size target keep_alive gzip entry forwarded stream",
                  defaults=("", False))
