# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The names of this server: which values of Host it answers to (RFC 9110 section 7.2).

A page on the Internet can have its own name resolve to a private address (DNS rebinding) and would then be a page of
this server to the browser. So a name that such a page could have must be one that the owner has listed.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp, memcpy

from pwserver_ext.http_values cimport Span, digit, is_digit


cdef inline bint is_name_octet(char c) noexcept nogil:
    """Recognise what host names consist of: letters, digits, and `-._`."""
    return is_digit(c) or b"a" <= c <= b"z" or b"A" <= c <= b"Z" or c == b"-" or c == b"." or c == b"_"


cdef inline bint is_ipv6_octet(char c) noexcept nogil:
    return b"0" <= c <= b":" or b"A" <= c <= b"F" or b"a" <= c <= b"f" or c == b"."


cdef const char* end_of_name(const char* p, const char* end, Py_ssize_t* size) noexcept nogil:
    """Find where the host ends and its port begins (RFC 3986 section 3.2.2); NULL where it is malformed.

    size: of the name; 0 for an IPv6 address, which stands in brackets.
    """
    cdef const char* start = p
    cdef int colons = 0
    size[0] = 0
    if p[0] == b"[":
        p += 1
        while p < end and is_ipv6_octet(p[0]):
            colons += p[0] == b":"
            p += 1
        return p + 1 if p < end and p[0] == b"]" and colons >= 2 else NULL
    while p < end and is_name_octet(p[0]):
        p += 1
    size[0] = p - start
    return p if p > start else NULL


cdef bint is_port(const char* p, const char* end) noexcept nogil:
    """Recognise nothing, or a colon and up to five digits that are a port (RFC 3986 section 3.2.3)."""
    cdef int port = 0
    if p == end:
        return True
    if p[0] != b":" or end - p > 6:
        return False
    p += 1
    while p < end:
        if not is_digit(p[0]):
            return False
        port = port * 10 + digit(p[0])
        p += 1
    return port <= 65535


cdef bint is_ipv4(const char* p, Py_ssize_t n) noexcept nogil:
    """Recognise an IPv4 address in dotted decimal (RFC 3986 section 3.2.2)."""
    cdef int parts = 0, digits = 0, number = 0
    cdef Py_ssize_t i
    for i in range(n):
        if is_digit(p[i]):
            digits += 1
            number = number * 10 + digit(p[i])
            if digits > 3 or number > 255:
                return False
        elif p[i] == b"." and digits:
            parts += 1
            digits = number = 0
            if parts > 3:
                return False
        else:
            return False
    return parts == 3 and digits > 0


cdef bint has_dot(const char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if p[i] == b".":
            return True
    return False


cdef class Hosts:
    """Which Host values we answer to.

    IP addresses and names of one label need no entry: no page on the open Internet can be given such a name.
    names: host names, or `*.suffix` for everything below a suffix. None: every well-formed host.
    """

    def __init__(self, names=None):
        self.known_size = 0
        self.every = names is None
        names = [name.strip().lower().rstrip(".") for name in names or ()]
        self.names = tuple(name.encode("ascii") for name in names if not name.startswith("*."))
        self.suffixes = [name[1:].encode("ascii") for name in names if name.startswith("*.")]

    def knows(self, bytes host not None):
        """Tell whether this value of a Host line, which may come from anybody, is one that we answer to."""
        cdef Span value
        value.at = PyBytes_AS_STRING(host)
        value.size = len(host)
        return self.judge(value) == HOST_OURS

    cdef int judge(self, Span host) except -1:
        """Judge `name[:port]`. Clients repeat theirs with each request, so the last one that was ours is remembered."""
        cdef int verdict
        if 0 < host.size == self.known_size and memcmp(host.at, self.known, host.size) == 0:
            return HOST_OURS
        verdict = self.judge_unknown(host)
        if verdict == HOST_OURS and host.size <= KNOWN_BYTES_MAX:
            memcpy(self.known, host.at, host.size)
            self.known_size = host.size
        return verdict

    cdef int judge_unknown(self, Span host) except -1:
        """Judge `name[:port]` by its parts."""
        cdef const char* end = host.at + host.size
        cdef const char* port
        cdef Py_ssize_t size
        if host.size == 0:
            return HOST_EMPTY
        port = end_of_name(host.at, end, &size)
        if port is NULL or not is_port(port, end):
            return HOST_MALFORMED
        if size == 0 or self.every or is_ipv4(host.at, size):
            return HOST_OURS
        if size > 1 and host.at[size - 1] == b".":
            size -= 1  # a name that ends in a dot is the same name, spelled in full
        if not has_dot(host.at, size):
            return HOST_OURS
        lowered = host.at[:size].lower()
        if lowered in self.names:
            return HOST_OURS
        for suffix in self.suffixes:
            if len(lowered) > len(suffix) and lowered.endswith(suffix):
                return HOST_OURS
        return HOST_FOREIGN
