# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What the values of header fields say: lists, weights, lengths, keys, addresses and entity tags.

The sections named are those of RFC 9110. The functions for Python are for handlers beyond the gate, so that Sanic's
answers are chosen by the same reading of the same headers.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp


cdef bint names(Span value, const char* lower, Py_ssize_t n) noexcept nogil:
    """Look for an element of a list, letter case aside."""
    cdef Span item
    while next_item(&value, &item):
        if item.size == n and same(item.at, lower, n):
            return True
    return False


cdef bint is_websocket_key(Span value) noexcept nogil:
    """Recognise 16 bytes in base 64 (RFC 6455 section 4.2.1): 22 characters and two fillers."""
    cdef Py_ssize_t i
    cdef char c
    if value.size != 24 or value.at[22] != b"=" or value.at[23] != b"=":
        return False
    for i in range(22):
        c = value.at[i]
        if not (b"0" <= c <= b"9" or b"A" <= c <= b"Z" or b"a" <= c <= b"z" or c == b"+" or c == b"/"):
            return False
    return True


cdef inline const char* skip_blanks(const char* p, const char* end) noexcept nogil:
    while p < end and is_blank(p[0]):
        p += 1
    return p


cdef int weight(const char* p, const char* end) noexcept nogil:
    """Find the weight, in thousandths, among the parameters from p on (at a ';' or a blank): section 12.4.2.

    1000 where there is none or it is malformed. Blanks around the equals sign are forgiven, because a client that
    writes `q = 0` means it.
    """
    cdef const char* q
    while p < end:
        while p < end and (is_blank(p[0]) or p[0] == b";"):
            p += 1
        if p < end and (p[0] == b"q" or p[0] == b"Q"):
            q = skip_blanks(p + 1, end)
            if q < end and q[0] == b"=":
                return thousandths(skip_blanks(q + 1, end), end)
        while p < end and p[0] != b";":
            p += 1
    return 1000


cdef int thousandths(const char* p, const char* end) noexcept nogil:
    """Read a qvalue (section 12.4.2), `0.5` as 500; 1000 where it is malformed."""
    cdef int value, scale = 100
    if p == end or (p[0] != b"0" and p[0] != b"1"):
        return 1000
    value = 1000 * digit(p[0])
    p += 1
    if p < end and p[0] == b".":
        p += 1
        while p < end and is_digit(p[0]):
            if p[0] != b"0" and scale == 0 and value == 0:
                value = 1  # too small for three digits, but not nothing
            value += scale * digit(p[0])
            scale //= 10
            p += 1
    if p < end and not is_blank(p[0]) and p[0] != b";":
        return 1000
    return min(value, 1000)


cdef void read_encodings(Span value, Encodings* wanted) noexcept nogil:
    """Note the weights that one Accept-Encoding line gives (section 12.5.3)."""
    cdef Span item
    cdef Py_ssize_t n
    cdef int given
    while next_item(&value, &item):
        n = 0
        while n < item.size and item.at[n] != b";" and not is_blank(item.at[n]):
            n += 1
        given = weight(item.at + n, item.at + item.size)
        # x-gzip is an old name of gzip (section 8.4.1.3).
        if (n == 4 and same(item.at, b"gzip", 4)) or (n == 6 and same(item.at, b"x-gzip", 6)):
            wanted.gzip = given
        elif n == 8 and same(item.at, b"identity", 8):
            wanted.identity = given
        elif n == 1 and item.at[0] == b"*":
            wanted.others = given


cdef long long read_length(Span value) noexcept nogil:
    """Read a Content-Length (section 8.6); -1 where it is not one to eighteen digits, which a long long holds."""
    cdef long long total = 0
    cdef Py_ssize_t i
    if value.size < 1 or value.size > 18:
        return -1
    for i in range(value.size):
        if not is_digit(value.at[i]):
            return -1
        total = total * 10 + digit(value.at[i])
    return total


cdef bint tag_matches(Span value, bytes tag, bint gzip, bint strong=False) noexcept:
    """Look for our entity tag in an If-None-Match list (weak comparison) or, when strong, in an If-Match list.

    Sections 8.8.3.2, 13.1.1 and 13.1.2. gzip: our tag is that of the compressed form, `tag` and `-gz`. We send strong
    tags only, so a weak one never passes the strong comparison. From a mistake in the list on nothing is named.
    """
    cdef const char* p = value.at
    cdef const char* end = p + value.size
    cdef const char* start
    cdef const char* ours = PyBytes_AS_STRING(tag)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(tag), n
    cdef bint weak
    if value.size == 1 and p[0] == b"*":
        return True
    while True:
        while p < end and (is_blank(p[0]) or p[0] == b","):
            p += 1
        weak = end - p >= 2 and p[0] == b"W" and p[1] == b"/"
        if weak:
            p += 2
        if p >= end or p[0] != b"\"":
            return False
        p += 1
        start = p
        while p < end and p[0] != b"\"":
            p += 1
        if p == end:
            return False
        n = p - start
        p += 1
        while p < end and is_blank(p[0]):
            p += 1
        if p < end and p[0] != b",":  # the members of a list have commas between them (section 5.6.1)
            return False
        if weak and strong:
            continue
        if gzip:
            if n == size + 3 and memcmp(start, ours, size) == 0 and memcmp(start + size, b"-gz", 3) == 0:
                return True
        elif n == size and memcmp(start, ours, size) == 0:
            return True


def knows(list values not None, bytes tag not None, bint gzip, bint strong=False):
    """Look for `tag` (without quotes), or its gzip twin, in these If-None-Match values.

    strong: compare as If-Match asks for.
    """
    cdef Span span
    for value in values:
        stripped = (<bytes?>value).strip(b" \t")
        span.at = PyBytes_AS_STRING(stripped)
        span.size = len(stripped)
        if tag_matches(span, tag, gzip, strong):
            return True
    return False


def takes_gzip(list values not None):
    """Decide whether these Accept-Encoding values prefer gzip."""
    cdef Span span
    cdef Encodings wanted
    wanted.gzip = wanted.identity = wanted.others = -1
    for value in values:
        span.at = PyBytes_AS_STRING(<bytes?>value)
        span.size = len(value)
        read_encodings(span, &wanted)
    return prefers_gzip(&wanted)
