# Values of header fields: lists, weights, lengths, keys and addresses, read without making Python objects.

cdef struct Span:
    const char* at
    Py_ssize_t size


cdef inline bint same(const char* p, const char* lower, Py_ssize_t n) noexcept nogil:
    """Whether n bytes at p are `lower`, letter case aside."""
    cdef Py_ssize_t i
    cdef char c
    for i in range(n):
        c = p[i]
        if 65 <= c <= 90:
            c += 32
        if c != lower[i]:
            return False
    return True


cdef inline bint is_blank(char c) noexcept nogil:
    return c == 32 or c == 9


cdef inline bint next_item(Span* rest, Span* item) noexcept nogil:
    """Take the next element of a comma-separated list, blanks trimmed; False at the end."""
    cdef const char* p = rest.at
    cdef const char* end = rest.at + rest.size
    cdef const char* start
    while p < end and (is_blank(p[0]) or p[0] == 44):
        p += 1
    if p == end:
        return False
    start = p
    while p < end and p[0] != 44:
        p += 1
    rest.at = p
    rest.size = end - p
    while p > start and is_blank((p - 1)[0]):
        p -= 1
    item.at = start
    item.size = p - start
    return True


cdef struct Encodings:
    int gzip                # weights in thousandths; -1: not mentioned
    int identity
    int others              # of the star


cdef void read_connection(Span value, bint* close, bint* keep, int* handshake) noexcept nogil:
    cdef Span item
    while next_item(&value, &item):
        if item.size == 5 and same(item.at, b"close", 5):
            close[0] = True
        elif item.size == 10 and same(item.at, b"keep-alive", 10):
            keep[0] = True
        elif item.size == 7 and same(item.at, b"upgrade", 7):
            handshake[0] |= CONNECTION_NAMES_IT


cdef bint names_websocket(Span value) noexcept nogil:
    cdef Span item
    while next_item(&value, &item):
        if item.size == 9 and same(item.at, b"websocket", 9):
            return True
    return False


cdef bint is_websocket_key(Span value) noexcept nogil:
    """Whether the value is 16 bytes in base 64: 22 characters, of which the last holds two bits, and two fillers."""
    cdef Py_ssize_t i
    cdef char c
    if value.size != 24 or value.at[22] != 61 or value.at[23] != 61:
        return False
    for i in range(22):
        c = value.at[i]
        if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or c == 43 or c == 47):
            return False
    return True


cdef int weight(const char* p, const char* end) noexcept nogil:
    """The weight, in thousandths, among the parameters from p (at a ';' or a blank): section 12.4.2 of RFC 9110.

    1000 where there is none or it is malformed. Blanks around the equals sign are forgiven: whoever writes `q = 0`
    means it.
    """
    cdef const char* q
    cdef int value, scale
    while p < end:
        while p < end and (is_blank(p[0]) or p[0] == 59):
            p += 1
        q = p
        if q < end and (q[0] == 113 or q[0] == 81):
            q += 1
            while q < end and is_blank(q[0]):
                q += 1
            if q < end and q[0] == 61:
                q += 1
                while q < end and is_blank(q[0]):
                    q += 1
                if q == end or (q[0] != 48 and q[0] != 49):
                    return 1000
                value = 1000 * (q[0] - 48)
                q += 1
                if q < end and q[0] == 46:
                    q += 1
                    scale = 100
                    while q < end and 48 <= q[0] <= 57:
                        if q[0] != 48 and scale == 0 and value == 0:
                            value = 1  # too small for three digits, but not nothing
                        value += scale * (q[0] - 48)
                        scale //= 10
                        q += 1
                if q < end and not is_blank(q[0]) and q[0] != 59:
                    return 1000
                return min(value, 1000)
        while p < end and p[0] != 59:
            p += 1
    return 1000


cdef void read_encodings(Span value, Encodings* wanted) noexcept nogil:
    cdef Span item
    cdef Py_ssize_t n
    cdef int given
    while next_item(&value, &item):
        n = 0
        while n < item.size and item.at[n] != 59 and not is_blank(item.at[n]):
            n += 1
        given = weight(item.at + n, item.at + item.size)
        if (n == 4 and same(item.at, b"gzip", 4)) or (n == 6 and same(item.at, b"x-gzip", 6)):
            wanted.gzip = given
        elif n == 8 and same(item.at, b"identity", 8):
            wanted.identity = given
        elif n == 1 and item.at[0] == 42:
            wanted.others = given


cdef bint prefers_gzip(Encodings* wanted) noexcept nogil:
    """Whether gzip is acceptable and no less welcome than the plain body (section 12.5.3 of RFC 9110)."""
    cdef int gzip = wanted.gzip if wanted.gzip >= 0 else wanted.others
    return gzip > 0 and gzip >= wanted.identity


cdef long long read_length(Span value) noexcept nogil:
    """Content-Length as a number; -1 where it is not one to eighteen digits."""
    cdef long long total = 0
    cdef Py_ssize_t i
    if value.size < 1 or value.size > 18:
        return -1
    for i in range(value.size):
        if value.at[i] < 48 or value.at[i] > 57:
            return -1
        total = total * 10 + (value.at[i] - 48)
    return total


cdef bint is_ipv4(const char* p, Py_ssize_t n) noexcept nogil:
    cdef int parts = 0, digits = 0, number = 0
    cdef Py_ssize_t i
    for i in range(n):
        if 48 <= p[i] <= 57:
            digits += 1
            number = number * 10 + (p[i] - 48)
            if digits > 3 or number > 255:
                return False
        elif p[i] == 46 and digits:
            parts += 1
            digits = number = 0
            if parts > 3:
                return False
        else:
            return False
    return parts == 3 and digits > 0
