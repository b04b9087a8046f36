# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One request head, read from left to right: bytes -> head, refusal, or "more bytes are needed".

No input or output and no Python objects. The functions stand in the order of the bytes that they read, and each names
its section: sections of RFC 9112 unless another RFC is named. What holds for all of them:

*  What is said about a prefix is said about every extension of that prefix: a verdict other than MORE_ is final. Hence
   the same bytes, split anywhere by the network, give the same verdict.
*  Whatever two parsers could read in two ways is refused, because a proxy before us may read it in the other way.
"""

from libc.string cimport memcmp

from pwserver_ext.http_hosts cimport HOST_EMPTY, HOST_FOREIGN, HOST_MALFORMED, HOST_OURS, Hosts
from pwserver_ext.http_values cimport (
    Span,
    is_blank,
    is_digit,
    is_websocket_key,
    names,
    next_item,
    prefers_gzip,
    read_encodings,
    read_length,
    same,
)

cdef enum:
    EMPTY_LINES_MAX = 4
    METHOD_BYTES_MAX = 32
    VERSION_LINE_BYTES = 10  # HTTP/1.1 CR LF

# Classes of octets, one bit each.
cdef enum:
    TOKEN = 1  # RFC 9110 section 5.6.2: names of methods and fields
    TARGET = 2  # visible ASCII but '#', because a fragment is never sent (RFC 3986 section 3.5)
    VALUE = 4  # RFC 9110 section 5.5: HTAB, SP, visible ASCII, obs-text; not NUL, CR, LF and other controls

cdef unsigned char CLASS[256]


cdef void fill_classes() noexcept:
    cdef int octet
    for octet in range(256):
        CLASS[octet] = 0
        if octet == 9 or (32 <= octet and octet != 127):
            CLASS[octet] |= VALUE
        if 33 <= octet <= 126 and octet != 35:
            CLASS[octet] |= TARGET
        if 48 <= octet <= 57 or 65 <= octet <= 90 or 97 <= octet <= 122:
            CLASS[octet] |= TOKEN
    for octet in b"!#$%&'*+-.^_`|~":
        CLASS[octet] |= TOKEN


fill_classes()


cdef struct Input:
    const char* start  # of the request line
    const char* at  # the next octet to read
    const char* end  # of what has come


cdef inline const char* skip(const char* p, const char* stop, int octets) noexcept nogil:
    """Skip the octets of a class, up to `stop`.

    Reading beyond `stop` takes fewer instructions than looking for it at each octet. It ends at the NUL that stands
    behind the bytes at the latest, because NUL is in no class.
    """
    while CLASS[<unsigned char>p[0]] & octets:
        p += 1
    return min(p, stop)


cdef inline const char* limit_of(Input* text, Py_ssize_t size) noexcept nogil:
    """Find the end of what has come, or of the first `size` bytes where that is earlier."""
    return text.start + min(text.end - text.start, size)


cdef inline int reject(Head* h, int status, const char* reason) noexcept nogil:
    h.status = status
    h.reason = reason
    return REJECT_


cdef int read_head(const char* data, Py_ssize_t n, const HeadLimits* limits, Hosts hosts, Head* h) except -1:
    """Read a whole request head: request line, field lines, empty line (section 2.1)."""
    cdef Input text
    cdef int verdict
    clear(h)
    if n and data[0] <= 13:  # only CR and LF may come before a request line, and both are that small
        verdict = skip_empty_lines(data, n, h)
        if verdict != PASS_:
            return verdict
    text.start = text.at = data + h.start
    text.end = data + n
    verdict = read_request_line(&text, limits.line_bytes, h)
    if verdict == PASS_:
        verdict = judge_target(h, hosts)
    if verdict == PASS_:
        verdict = read_field_lines(&text, limits, h)
    if verdict == PASS_:
        verdict = judge_head(h, hosts, limits)
    return verdict


cdef inline void clear(Head* h) noexcept nogil:
    """Set what the field lines may leave unset. One by one, which takes half the time of clearing the whole struct."""
    h.start = 0
    h.method = OTHER_METHOD
    h.hosts = h.accepts = h.forwards = h.names = h.tags = h.handshake = 0
    h.origin.at = h.accept.at = NULL
    h.encodings.gzip = h.encodings.identity = h.encodings.others = -1
    h.content_length = h.entry = -1
    h.old = h.chunked = h.close = h.keep = h.expect = h.unusual = h.stream = h.gzip = h.keep_alive = False


cdef int skip_empty_lines(const char* data, Py_ssize_t n, Head* h) noexcept nogil:
    """Skip the empty lines before a request line (section 2.2): old clients send one after a body.

    A bare LF counts as a line end here and nowhere else. MORE_ while there is nothing but empty lines.
    """
    cdef int lines = 0
    while h.start < n:
        if data[h.start] == b"\n":
            h.start += 1
        elif data[h.start] != b"\r":
            return PASS_
        elif h.start + 1 == n:
            h.start += 1
            return MORE_
        elif data[h.start + 1] == b"\n":
            h.start += 2
        else:
            return reject(h, 400, b"Bad request line")
        lines += 1
        if lines > EMPTY_LINES_MAX:
            return reject(h, 400, b"Too many empty lines")
    return MORE_


# --- the request line (section 3) ------------------------------------------------------------------------------------


cdef int read_request_line(Input* text, Py_ssize_t line_bytes, Head* h) noexcept nogil:
    """Read `method SP request-target SP HTTP-version CRLF`."""
    cdef const char* stop = limit_of(text, line_bytes)
    cdef Span method
    cdef int verdict = read_method(text, stop, &method, h)
    if verdict == PASS_:
        verdict = read_target(text, stop, line_bytes, h)
    if verdict == PASS_:
        verdict = read_version(text, h)
    if verdict == PASS_:
        verdict = judge_method(method, h)
    return verdict


cdef int read_method(Input* text, const char* stop, Span* method, Head* h) noexcept nogil:
    """Read the method (section 3.1) and the space after it."""
    cdef const char* p = skip(text.at, stop, TOKEN)
    if p - text.start > METHOD_BYTES_MAX:
        return reject(h, 400, b"Bad request line")
    if p == stop:
        return MORE_
    if p[0] != b" " or p == text.start:
        return reject(h, 400, b"Bad request line")
    method.at = text.start
    method.size = p - text.start
    text.at = p + 1
    return PASS_


cdef int read_target(Input* text, const char* stop, Py_ssize_t line_bytes, Head* h) noexcept nogil:
    """Read the request target (section 3.2) and the space after it; 414 where the line is too long for it."""
    cdef const char* p = skip(text.at, stop, TARGET)
    if p == stop:
        return reject(h, 414, b"Request line too long") if stop - text.start == line_bytes else MORE_
    h.target.at = text.at
    h.target.size = p - text.at
    if p[0] != b" " or h.target.size == 0:
        return reject(h, 400, b"Bad request target")
    text.at = p + 1
    return PASS_


cdef int read_version(Input* text, Head* h) noexcept nogil:
    """Read `HTTP/DIGIT.DIGIT` (section 2.3) and the line end. Only HTTP/1.1 and HTTP/1.0 are known: else 505.

    These ten bytes may exceed the limit of the line, which the target has met.
    """
    cdef const char* p = text.at
    cdef const char* pattern = b"HTTP/d.d\r\n"  # d: a digit
    cdef int i
    if text.end - p >= VERSION_LINE_BYTES and memcmp(p, b"HTTP/1.1\r\n", VERSION_LINE_BYTES) == 0:
        text.at = p + VERSION_LINE_BYTES  # as nearly always: one comparison instead of ten
        return PASS_
    for i in range(VERSION_LINE_BYTES):
        if p + i == text.end:
            return MORE_
        if not (is_digit(p[i]) if pattern[i] == b"d" else p[i] == pattern[i]):
            return reject(h, 400, b"Bad HTTP version" if i < 8 else b"Bad request line")
    if p[5] != b"1" or p[7] > b"1":
        return reject(h, 505, b"HTTP version not supported")
    h.old = p[7] == b"0"
    text.at = p + VERSION_LINE_BYTES
    return PASS_


cdef inline bint is_method(Span method, const char* name, Py_ssize_t n) noexcept nogil:
    return method.size == n and memcmp(method.at, name, n) == 0


cdef int judge_method(Span method, Head* h) noexcept nogil:
    """Recognise the methods that anything here has: RFC 9110 section 9.3 and PATCH (RFC 5789). Any other: 501."""
    if is_method(method, b"GET", 3):
        h.method = GET
    elif is_method(method, b"HEAD", 4):
        h.method = HEAD
    elif is_method(method, b"OPTIONS", 7):
        h.method = OPTIONS
    elif not (
        is_method(method, b"POST", 4)
        or is_method(method, b"PUT", 3)
        or is_method(method, b"PATCH", 5)
        or is_method(method, b"DELETE", 6)
    ):
        return reject(h, 501, b"Method not implemented")
    return PASS_


cdef int judge_target(Head* h, Hosts hosts) except -1:
    """Accept the origin form (section 3.2.1), the absolute form (3.2.2), and the asterisk of OPTIONS (3.2.4)."""
    cdef const char* p = h.target.at
    cdef const char* end = p + h.target.size
    cdef Span host
    if p[0] == b"/":
        return PASS_
    if p[0] == b"*" and h.target.size == 1 and h.method == OPTIONS:
        return PASS_
    if h.target.size > 7 and same(p, b"http://", 7):
        p += 7
    elif h.target.size > 8 and same(p, b"https://", 8):
        p += 8
    else:
        return reject(h, 400, b"Bad request target")
    host.at = p
    while p < end and p[0] != b"/" and p[0] != b"?":
        p += 1
    if p == end or p[0] != b"/":
        # A missing path means "/" to RFC 9110 (section 4.2.3) and an error to Sanic; no client leaves it out.
        return reject(h, 400, b"Bad request target")
    host.size = p - host.at
    return judge_host(h, host, hosts)


cdef int judge_host(Head* h, Span host, Hosts hosts) except -1:
    """Refuse a host that is malformed (400, section 3.2) or not ours (421, RFC 9110 section 7.4)."""
    cdef int verdict = hosts.judge(host)
    if verdict == HOST_EMPTY:
        return reject(h, 400, b"Empty host")
    if verdict == HOST_MALFORMED:
        return reject(h, 400, b"Bad host")
    if verdict == HOST_FOREIGN:
        h.host = host
        return reject(h, 421, b"This server does not answer for that host name")
    return PASS_


# --- the field lines (section 5) --------------------------------------------------------------------------------------


cdef int read_field_lines(Input* text, const HeadLimits* limits, Head* h) noexcept nogil:
    """Read field lines up to and including the empty line that ends the head; 431 beyond a limit (RFC 6585)."""
    cdef const char* stop = limit_of(text, limits.head_bytes)
    cdef int fields = 0, verdict = PASS_
    while text.at < stop and text.at[0] != b"\r":
        fields += 1
        if fields > limits.fields:
            return reject(h, 431, b"Too many header fields")
        verdict = read_field_line(text, stop, h)
        if verdict != PASS_:
            break
    if verdict == PASS_:
        verdict = read_line_end(text, stop, b"Bad field line", h)
    if verdict == MORE_ and stop - text.start == limits.head_bytes:
        return reject(h, 431, b"Request head too large")
    h.size = text.at - text.start
    return verdict


cdef inline int read_line_end(Input* text, const char* stop, const char* reason, Head* h) noexcept nogil:
    """Read CR LF (section 2.2). No other line end is known: a bare LF is one to some parsers and not to others."""
    if text.at < stop and text.at[0] != b"\r":
        return reject(h, 400, reason)
    if text.at + 1 >= stop:
        return MORE_
    if text.at[1] != b"\n":
        return reject(h, 400, reason)
    text.at += 2
    return PASS_


cdef int read_field_line(Input* text, const char* stop, Head* h) noexcept nogil:
    """Read `field-name ":" OWS field-value OWS CRLF` (section 5.1) and note what the field says.

    A line starts with a name and the colon follows at once. So there is neither a blank before the colon, which 5.1
    has a server refuse, nor a folded line (5.2).
    """
    cdef const char* name = text.at
    cdef const char* p = skip(name, stop, TOKEN)
    cdef Py_ssize_t name_size = p - name
    cdef Span value
    cdef int verdict
    if p == stop:
        return MORE_
    if p[0] != b":" or name_size == 0:
        return reject(h, 400, b"Bad field line")
    p += 1
    while p < stop and is_blank(p[0]):
        p += 1
    value.at = p
    p = text.at = skip(p, stop, VALUE)
    verdict = read_line_end(text, stop, b"Bad field value", h)
    if verdict != PASS_:
        return verdict
    while p > value.at and is_blank((p - 1)[0]):
        p -= 1
    value.size = p - value.at
    return note_field(name, name_size, value, h)


# --- the fields that mean something here ------------------------------------------------------------------------------

ctypedef int (*FieldReader)(Head* h, Span value) noexcept nogil


cdef int note_host(Head* h, Span value) noexcept nogil:
    """Take the one Host line (section 3.2). Two are refused: a proxy may route by the other."""
    h.hosts += 1
    if h.hosts > 1:
        return reject(h, 400, b"More than one Host")
    h.host = value
    return PASS_


cdef int note_origin(Head* h, Span value) noexcept nogil:
    """Note who asks across origins (RFC 6454 section 7)."""
    h.unusual |= h.origin.at is not NULL
    h.origin = value
    return PASS_


cdef int note_expect(Head* h, Span value) noexcept nogil:
    """Note `100-continue`, the only expectation there is; any other: 417 (RFC 9110 section 10.1.1)."""
    if value.size != 12 or not same(value.at, b"100-continue", 12):
        return reject(h, 417, b"Expectation failed")
    h.expect = True
    return PASS_


cdef int note_accept(Head* h, Span value) noexcept nogil:
    """Note the first Accept line and how many there are (RFC 9110 section 12.5.1)."""
    if not h.accepts:
        h.accept = value
    h.accepts += 1
    return PASS_


cdef int note_accept_encoding(Head* h, Span value) noexcept nogil:
    read_encodings(value, &h.encodings)
    return PASS_


cdef int note_forwarded_for(Head* h, Span value) noexcept nogil:
    """Count the lines of a proxy; whoever trusts the proxy reads them (http_recogniser.forwarded_of)."""
    h.forwards += 1
    return PASS_


cdef int note_forwarded_host(Head* h, Span value) noexcept nogil:
    """Note the first X-Forwarded-Host line and how many there are."""
    if not h.names:
        h.named = value
    h.names += 1
    return PASS_


cdef int note_if_match(Head* h, Span value) noexcept nogil:
    """Leave If-Match (RFC 9110 section 13.1.1) to Sanic: it belongs to writes, which documents do not have."""
    h.unusual = True
    return PASS_


cdef int note_if_none_match(Head* h, Span value) noexcept nogil:
    """Keep If-None-Match (RFC 9110 section 13.1.2) until the document and its tag are known."""
    if h.tags == TAGS_MAX:
        h.unusual = True
    else:
        h.tag[h.tags] = value
        h.tags += 1
    return PASS_


cdef int note_connection(Head* h, Span value) noexcept nogil:
    """Note the options of a connection (RFC 9110 section 7.6.1)."""
    cdef Span item
    while next_item(&value, &item):
        if item.size == 5 and same(item.at, b"close", 5):
            h.close = True
        elif item.size == 10 and same(item.at, b"keep-alive", 10):
            h.keep = True
        elif item.size == 7 and same(item.at, b"upgrade", 7):
            h.handshake |= CONNECTION_NAMES_IT
    return PASS_


cdef int note_content_length(Head* h, Span value) noexcept nogil:
    """Take the one length of the body (section 6.2). Two, or one beside chunks, are how requests are smuggled (6.3)."""
    if h.content_length >= 0 or h.chunked:
        return reject(h, 400, b"Body framed twice")
    h.content_length = read_length(value)
    if h.content_length < 0:
        return reject(h, 400, b"Bad Content-Length")
    return PASS_


cdef int note_transfer_encoding(Head* h, Span value) noexcept nogil:
    """Recognise `chunked` (section 6.1), the only coding there is.

    HTTP/1.0 does not have it (6.1), and a coding that is unknown is 501 (6.1).
    """
    if h.content_length >= 0 or h.chunked or h.old:
        return reject(h, 400, b"Body framed twice")
    if value.size != 7 or not same(value.at, b"chunked", 7):
        return reject(h, 501, b"Transfer coding not implemented")
    h.chunked = True
    h.coding = value
    return PASS_


cdef int note_upgrade(Head* h, Span value) noexcept nogil:
    """Note `websocket`; any other protocol may be ignored (RFC 9110 section 7.8): Java's client offers h2c to all."""
    if names(value, b"websocket", 9):
        h.handshake |= UPGRADE_NAMES_IT
    return PASS_


cdef int note_websocket_key(Head* h, Span value) noexcept nogil:
    if is_websocket_key(value):
        h.handshake |= KEY_IS_GOOD
    return PASS_


cdef int note_websocket_version(Head* h, Span value) noexcept nogil:
    if value.size == 2 and memcmp(value.at, b"13", 2) == 0:
        h.handshake |= VERSION_IS_13
    return PASS_


cdef struct Field:
    const char* name  # lower case
    Py_ssize_t size
    FieldReader note

# In the order of their sizes: a name is compared with those of its own size only.
cdef Field[15] FIELDS = [
    Field(b"host", 4, note_host),
    Field(b"origin", 6, note_origin),
    Field(b"expect", 6, note_expect),
    Field(b"accept", 6, note_accept),
    Field(b"upgrade", 7, note_upgrade),
    Field(b"if-match", 8, note_if_match),
    Field(b"connection", 10, note_connection),
    Field(b"if-none-match", 13, note_if_none_match),
    Field(b"content-length", 14, note_content_length),
    Field(b"accept-encoding", 15, note_accept_encoding),
    Field(b"x-forwarded-for", 15, note_forwarded_for),
    Field(b"x-forwarded-host", 16, note_forwarded_host),
    Field(b"transfer-encoding", 17, note_transfer_encoding),
    Field(b"sec-websocket-key", 17, note_websocket_key),
    Field(b"sec-websocket-version", 21, note_websocket_version),
]
cdef enum:
    LONGEST_NAME = 21

cdef int FIRST_OF_SIZE[LONGEST_NAME + 2]  # index of the first field with a name of at least that size


cdef void fill_first_of_size() noexcept:
    cdef int size, index = 0
    for size in range(LONGEST_NAME + 2):
        while index < 15 and FIELDS[index].size < size:
            index += 1
        FIRST_OF_SIZE[size] = index


fill_first_of_size()


cdef inline int note_field(const char* name, Py_ssize_t size, Span value, Head* h) noexcept nogil:
    """Note what a field says, if it is one of ours; all others are of no interest to the gate."""
    cdef int i
    if size <= LONGEST_NAME:
        for i in range(FIRST_OF_SIZE[size], FIRST_OF_SIZE[size + 1]):
            if same(name, FIELDS[i].name, size):
                return FIELDS[i].note(h, value)
    return PASS_


# --- the head as a whole ----------------------------------------------------------------------------------------------


cdef int judge_head(Head* h, Hosts hosts, const HeadLimits* limits) except -1:
    """Judge a head that is complete and whose lines are well-formed: its host, its body, its persistence."""
    if h.hosts:
        if judge_host(h, h.host, hosts) == REJECT_:
            return REJECT_
    elif not h.old:
        return reject(h, 400, b"Host missing")  # section 3.2
    if h.names and not hosts.every and (h.names > 1 or hosts.judge(h.named) != HOST_OURS):
        h.unusual = True  # Sanic knows which proxies are believed, and which elements of the list count
    if h.content_length > limits.body_bytes:
        return reject(h, 413, b"Body too large")
    # Section 9.3: HTTP/1.1 persists unless it asks not to, HTTP/1.0 only when it asks to.
    h.keep_alive = not h.close and (h.keep or not h.old)
    h.gzip = prefers_gzip(&h.encodings)
    return PASS_
