"""What the values of header fields say: lists, weights, lengths, keys and addresses, read without Python objects."""


cdef struct Span:  # bytes of somebody else's memory, not ended by NUL
    const char* at
    Py_ssize_t size


cdef struct Encodings:  # weights of Accept-Encoding in thousandths; -1: not mentioned
    int gzip
    int identity
    int others  # of the star


cdef inline bint same(const char* p, const char* lower, Py_ssize_t n) noexcept nogil:
    """Compare n bytes at p with `lower`, letter case aside."""
    cdef Py_ssize_t i
    cdef char c
    for i in range(n):
        c = p[i]
        if b"A" <= c <= b"Z":
            c += 32
        if c != lower[i]:
            return False
    return True


cdef inline bint is_blank(char c) noexcept nogil:
    """Recognise optional white space (RFC 9110 section 5.6.3): SP or HTAB."""
    return c == b" " or c == b"\t"


cdef inline bint is_digit(char c) noexcept nogil:
    return b"0" <= c <= b"9"


cdef inline int digit(char c) noexcept nogil:
    return c - 48


cdef inline bint next_item(Span* rest, Span* item) noexcept nogil:
    """Take the next element of a comma-separated list, blanks trimmed; return False at the end.

    Empty elements are passed over, as section 5.6.1.2 asks of a recipient.
    """
    cdef const char* p = rest.at
    cdef const char* end = rest.at + rest.size
    cdef const char* start
    while p < end and (is_blank(p[0]) or p[0] == b","):
        p += 1
    if p == end:
        return False
    start = p
    while p < end and p[0] != b",":
        p += 1
    rest.at = p
    rest.size = end - p
    while p > start and is_blank((p - 1)[0]):
        p -= 1
    item.at = start
    item.size = p - start
    return True


cdef inline bint prefers_gzip(Encodings* wanted) noexcept nogil:
    """Decide whether gzip is acceptable and no less welcome than the plain body (section 12.5.3)."""
    cdef int gzip = wanted.gzip if wanted.gzip >= 0 else wanted.others
    return gzip > 0 and gzip >= wanted.identity


cdef bint names(Span value, const char* lower, Py_ssize_t n) noexcept nogil
cdef bint is_websocket_key(Span value) noexcept nogil
cdef void read_encodings(Span value, Encodings* wanted) noexcept nogil
cdef long long read_length(Span value) noexcept nogil
cdef bint tag_matches(Span value, bytes tag, bint gzip, bint strong=*) noexcept
