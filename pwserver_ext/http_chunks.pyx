# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Read a body in chunks (RFC 9112 section 7.1), one octet after another: bytes -> body, refusal, or "more are needed".

Where the section allows a choice, the strict reading is taken: CR LF ends every line, a size has at most eight digits,
extensions are skipped within a bound, and there are no trailers, which would be fields that the gate has not judged.
"""

cdef enum:  # states
    SIZE = 0
    EXTENSION = 1
    SIZE_LF = 2
    DATA = 3
    DATA_CR = 4
    DATA_LF = 5
    END_CR = 6
    END_LF = 7

cdef enum:
    DIGITS_MAX = 8
    EXTENSIONS_MAX = 256


cdef inline int hex_digit(unsigned char c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    if 65 <= c <= 70:
        return c - 55
    if 97 <= c <= 102:
        return c - 87
    return -1


cdef inline bint is_extension_octet(unsigned char c) noexcept nogil:
    """Whether it may stand in an extension: a tab, or anything that is not a control character."""
    return c == 9 or (32 <= c and c != 127)


cdef Py_ssize_t read_chunks(Chunks* chunks, const char* p, Py_ssize_t n, bytearray body, Py_ssize_t limit,
                            int* verdict) except -1:
    """Read on and append to the body, which may have `limit` octets; return how many octets belong to this body."""
    cdef Py_ssize_t i = 0, size
    cdef unsigned char c
    verdict[0] = BODY_MORE
    while i < n:
        if chunks.state == DATA:
            size = min(chunks.left, n - i)
            body += p[i:i + size]
            i += size
            chunks.left -= size
            if chunks.left == 0:
                chunks.state = DATA_CR
            continue
        c = <unsigned char>p[i]
        i += 1
        if chunks.state == SIZE and hex_digit(c) >= 0 and chunks.digits < DIGITS_MAX:
            chunks.digits += 1
            chunks.left = chunks.left * 16 + hex_digit(c)
            if chunks.left > limit - len(body):
                verdict[0] = BODY_LARGE
                return i
        elif chunks.state == SIZE and chunks.digits and c == b";":
            chunks.state = EXTENSION
        elif (chunks.state == SIZE and chunks.digits or chunks.state == EXTENSION) and c == b"\r":
            chunks.state = SIZE_LF
        elif chunks.state == EXTENSION and chunks.extensions < EXTENSIONS_MAX and is_extension_octet(c):
            chunks.extensions += 1
        elif chunks.state == SIZE_LF and c == b"\n":
            chunks.state = DATA if chunks.left else END_CR
        elif chunks.state == DATA_CR and c == b"\r":
            chunks.state = DATA_LF
        elif chunks.state == DATA_LF and c == b"\n":
            chunks.state = SIZE
            chunks.digits = 0
        elif chunks.state == END_CR and c == b"\r":
            chunks.state = END_LF
        elif chunks.state == END_LF and c == b"\n":
            verdict[0] = BODY_DONE
            return i
        else:
            verdict[0] = BODY_BAD
            return i
    return n
