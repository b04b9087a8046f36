# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Make replies: from a document of the table to bytes, made once a second and kept; and the bytes of refusals."""

from email.utils import formatdate
from http import HTTPStatus

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp

from pwserver_ext.http_documents cimport ServedDocument, TargetTable
from pwserver_ext.http_head cimport HEAD, Head
from pwserver_ext.http_values cimport tag_matches

cdef enum:  # kinds of replies
    WHOLE = 0
    HEAD_ONLY = 1
    NOT_MODIFIED = 2

cdef enum:
    # Kinds times what is said about the connection times plain or compressed; each once for every listed origin.
    VARIANTS = 18

cdef double YEAR_10000 = 253402300800.0  # epoch seconds; no HTTP date can be written from there on
CONNECTION_LINE = (b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n")  # by SILENT, CLOSE, KEEP_ALIVE


cdef void forget(ServedDocument d) noexcept:
    """Drop what is kept of a document."""
    if d.owner is not None:
        (<Responder>d.owner).kept -= d.kept
    d.kept = 0
    d.fresh = None
    d.replies = []


@cython.final
cdef class Responder:
    """Makes replies and keeps them for as long as they are true.

    origins: the CORS list; ("*",) answers every origin without credentials.
    keep_limit: bytes of ready-made replies kept at most.
    """

    def __cinit__(self, TargetTable table not None, origins=("*",), Py_ssize_t keep_limit=8 << 20):
        self.table = table
        self.keep_limit = keep_limit
        self.date_second = -1
        if "*" in origins:
            self.origins = []
            self.cors_lines = [b"Access-Control-Allow-Origin: *\r\n"]
            self.vary = "Accept-Encoding"
        else:
            self.origins = [origin.encode("ascii") for origin in origins]
            self.cors_lines = [b""]
            for origin in self.origins:
                self.cors_lines.append(b"Access-Control-Allow-Origin: " + origin +
                                       b"\r\nAccess-Control-Allow-Credentials: true\r\n")
            self.vary = "Accept-Encoding, Origin"

    cdef int cors(self, Head* h) except -1:
        """Find the CORS lines for the Origin of a request; 0: those of no listed origin."""
        cdef int i
        cdef bytes origin
        if h.origin.at is not NULL:
            for i in range(len(self.origins)):
                origin = self.origins[i]
                if len(origin) == h.origin.size and memcmp(PyBytes_AS_STRING(origin), h.origin.at, len(origin)) == 0:
                    return i + 1
        return 0

    cdef bytes refusal_lines(self, Head* h):
        """Choose the field lines with which a page of a listed origin may read a refusal; h is NULL: of none."""
        cdef bytes lines = self.cors_lines[0 if h is NULL else self.cors(h)]
        return lines + b"Vary: Origin\r\n" if self.origins else lines

    cdef bytes reply(
        self, ServedDocument d, Head* h, int connection, double now, long long second, bint* unmodified
    ):
        """Find or make the reply; None: there is nothing to serve and no fallback."""
        cdef int kind, cors, i
        cdef bint gzip
        cdef bytes made
        cdef unsigned long long generation = d.current()
        if (
            generation != d.generation or d.second != second or d.owner is not self or d.fresh is None
            or (0 < d.expires < now)
        ):
            forget(d)
            d.owner = self
            d.second = second
            d.fresh = d.load(now)
            if d.fresh is None:
                return None
            d.kept = len(d.fresh[0]) + (len(d.fresh[1]) if d.has_gzip else 0)
            self.kept += d.kept
        gzip = h.gzip and d.has_gzip
        kind = HEAD_ONLY if h.method == HEAD else WHOLE
        if d.status == 200 and d.tag:
            for i in range(h.tags):
                if tag_matches(h.tag[i], d.tag, gzip):
                    kind = NOT_MODIFIED
                    break
        unmodified[0] = kind == NOT_MODIFIED
        cors = self.cors(h) if self.origins else 0
        i = ((kind * 3 + connection) * 2 + gzip) * <int>len(self.cors_lines) + cors
        if i < len(d.replies):
            made = d.replies[i]
            if made is not None:
                return made
        else:
            d.replies = [None] * (VARIANTS * len(self.cors_lines))
        made = self.make(d, kind, connection, gzip, cors)
        d.replies[i] = made
        d.kept += len(made)
        self.kept += len(made)
        if self.kept > self.keep_limit:
            for other in self.table.documents:
                forget(<ServedDocument>other)
        return made

    cdef bytes make(self, ServedDocument d, int kind, int connection, bint gzip, int cors):
        """Write a reply."""
        cdef bytes body = b""
        cdef bytes media_type
        cdef list parts
        if kind != NOT_MODIFIED:
            body = d.fresh[1] if gzip else d.fresh[0]
            # Errors are JSON even where the document itself would be CSV or HTML.
            media_type = d.media_type if d.status < 400 else b"application/json"
            parts = [b"HTTP/1.1 ", status_text(d.status), self.date(d.second), b"Content-Type: ", media_type,
                     b"\r\nContent-Length: ", b"%d" % len(body), b"\r\n"]
            if gzip:
                parts.append(b"Content-Encoding: gzip\r\n")
        else:
            parts = [b"HTTP/1.1 304 Not Modified\r\n", self.date(d.second)]
        if d.tag:
            parts += (b'ETag: "', d.tag, b'-gz"\r\n' if gzip else b'"\r\n')
        vary = "Accept, " + self.vary if d.negotiated else self.vary
        parts.append(f"Cache-Control: no-cache\r\nVary: {vary}\r\n".encode("ascii"))
        if 0 < d.timestamp < YEAR_10000:
            parts.append(b"Age: %d\r\nX-Powerwall-Timestamp: %.3f\r\n" %
                         (d.age, d.timestamp))
        parts += (self.cors_lines[cors], CONNECTION_LINE[connection], b"\r\n")
        if kind == WHOLE:
            parts.append(body)
        return b"".join(parts)

    cdef bytes date(self, long long second):
        """Write the Date line (RFC 9110 section 6.6.1), once a second."""
        if second != self.date_second:
            self.date_second = second
            self.date_line = b"Date: " + formatdate(second, usegmt=True).encode("ascii") + b"\r\n"
        return self.date_line


cdef bytes status_text(int status):
    """Write the rest of the status line, e.g. b"200 OK" and its line end."""
    try:
        return f"{status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
    except ValueError:
        return b"%d Unknown\r\n" % status


cdef bytes refusal(int status, str reason, bint head_only, bytes extra=b"", bint close=True, bint old=False):
    """Write a complete reply that refuses; JSON as everywhere else."""
    cdef bytes body = b'{"detail":"' + reason.encode("ascii") + b'"}'
    return b"".join((
        b"HTTP/1.1 ", status_text(status), b"Date: ", formatdate(usegmt=True).encode("ascii"),
        b"\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: ", b"%d\r\n" % len(body), extra,
        CONNECTION_LINE[CLOSE if close else KEEP_ALIVE if old else SILENT], b"\r\n", b"" if head_only else body,
    ))
