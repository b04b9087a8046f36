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


cdef bint next_item(Span* rest, Span* item) noexcept nogil
cdef bint names(Span value, const char* lower, Py_ssize_t n) noexcept nogil
cdef bint is_websocket_key(Span value) noexcept nogil
cdef void read_encodings(Span value, Encodings* wanted) noexcept nogil
cdef bint prefers_gzip(Encodings* wanted) noexcept nogil
cdef long long read_length(Span value) noexcept nogil
cdef bint is_ipv4(const char* p, Py_ssize_t n) noexcept nogil
cdef bint tag_matches(Span value, bytes tag, bint gzip, bint strong=*) noexcept
