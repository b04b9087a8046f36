# The table of documents and their replies.

cdef enum:
    WHOLE = 0
    HEAD_ONLY = 1
    NOT_MODIFIED = 2

# Accept headers remembered per document: real clients send a handful.
cdef enum:
    FORMS_KNOWN = 64
    FORMS_KNOWN_BYTES = 512

# What the reply says about the connection.
cdef enum:
    SILENT = 0          # HTTP/1.1, persistent: nothing to say
    CLOSE = 1
    KEEP_ALIVE = 2      # HTTP/1.0, persistent

CONNECTION_LINE = (b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n")


@cython.final
cdef class Document:
    """One document as this worker serves it.

    source: a SnapshotSlot, or anything with its `generation()` and `read(index)` -> (status, body, gzip or None, etag,
        epoch seconds, monotonic expiry or 0, generation) or None where nothing was published.
    fallback: what is served when there is nothing or it has expired: a body (as 200), or (status, body, gzip or None,
        etag); None hands the request to Sanic.
    counter: index of this document's hits in the counters, below 0 for none.
    """

    cdef readonly object source
    cdef SnapshotSlot slot      # the source, where it is one
    cdef readonly int index, counter
    cdef readonly bytes media_type
    cdef readonly tuple fallback
    cdef bint negotiated        # its target has another form, chosen by Accept
    # What the last reading of the source said.
    cdef bint has_gzip
    cdef unsigned long long generation
    cdef int status
    cdef bytes tag              # without quotes; the gzip twin adds -gz
    cdef double timestamp, expires, taken
    cdef long long age          # seconds, as of the second the replies are good for
    # Whose replies these are: those of another responder may look otherwise.
    cdef Responder owner
    # What was read and the replies made of it, by variant: good for one second, so that they agree with one another.
    cdef long long second
    cdef tuple fresh
    cdef list replies
    cdef Py_ssize_t kept

    def __cinit__(self, source, int index, media_type, fallback, int counter=-1):
        self.source = source
        self.slot = source if isinstance(source, SnapshotSlot) else None
        self.index = index
        self.media_type = media_type.encode("ascii")
        if isinstance(fallback, bytes):
            fallback = (200, fallback, None, blake2b(fallback, digest_size=12).hexdigest().encode())
        self.fallback = fallback
        self.counter = counter
        self.replies = []

    cdef tuple load(self, double now):
        """Read the source; (body, gzip or None) of what was read or of the fallback, or None: nothing to serve."""
        cdef SlotDocument read
        cdef tuple t
        # Before the read: a publication in between must show as a change.
        self.generation = self.current()
        try:
            self.taken = 0
            if self.slot is not None:
                read = self.slot.c_read(self.index)
                t = None if read is None else (read.status, read.body, read.gzip, read.etag, read.timestamp,
                                               read.expires, read.generation)
                if read is not None:
                    self.taken = read.taken
            else:
                t = self.source.read(self.index)
        except RuntimeError:
            # A writer without a pause; the next second tries again.
            t = None
        if t is not None:
            status, body, gzip, etag, self.timestamp, self.expires, self.generation = t
            if self.expires == 0 or now <= self.expires:
                self.status = status
                # By the monotonic clock where the writer told it: the other one can be set.
                self.age = 0
                if self.taken > 0:
                    self.age = <long long>max(0.0, now - self.taken)
                elif 0 < self.timestamp < 253402300800:
                    self.age = max(0, pw_epoch_second() - <long long>self.timestamp)
                self.has_gzip = gzip is not None
                self.tag = bare_tag(etag)
                return body, gzip
        self.expires = 0
        self.timestamp = 0
        if self.fallback is None:
            return None
        self.status, body, gzip, etag = self.fallback
        self.has_gzip = gzip is not None
        self.tag = bare_tag(etag)
        return body, gzip

    def answer(self):
        """For a handler beyond the gate: (status, body, gzip or None, ETag without quotes, epoch seconds or 0).

        None where the gate would hand the request on. The same snapshot and the same expiry as the gate's own replies.
        """
        read = self.source.read(self.index)
        if read is not None:
            status, body, gzip, etag, timestamp, expires, _ = read
            if expires == 0 or pw_monotonic() <= expires:
                return status, body, gzip, bare_tag(etag), timestamp
        if self.fallback is None:
            return None
        status, body, gzip, etag = self.fallback
        return status, body, gzip, bare_tag(etag), 0.0

    cdef inline unsigned long long current(self) except? 0:
        return self.slot.c_generation() if self.slot is not None else self.source.generation()


cdef bytes bare_tag(bytes etag):
    """The tag without quotes and weakness mark: we send strong tags only."""
    if etag.startswith(b"W/"):
        etag = etag[2:]
    return etag.strip(b'"')


@cython.final
cdef class Table:
    """Request targets and their documents; built once.

    targets: path -> Document. with_query: (path, key) -> Document served when the query has that key, e.g.
    (b"/csv", b"headers"). with_accept: path -> (wanted, Document): served instead of the path's own when wanted(value of
    the Accept header) is true. prefix: a sub-path under which every target answers as well, e.g. b"/power". streams: paths
    of WebSockets.
    """

    cdef readonly list documents
    cdef list keys              # bytes, alive for the spans
    cdef Span* spans
    cdef int* rows              # document of key i
    cdef int* query_rows        # document of key i when the query has query_keys[i], or -1
    cdef list query_keys
    cdef int* buckets           # key index + 1, open addressing
    cdef Py_ssize_t mask
    cdef frozenset streams
    cdef dict forms             # row -> (wanted, row of the other form, {Accept: row}); None: no document has two

    def __cinit__(self, targets, with_query=None, bytes prefix=b"", with_accept=None, streams=()):
        cdef Py_ssize_t i, size = 16
        cdef dict numbers = {}
        self.documents = []
        self.keys = []
        self.query_keys = []
        self.streams = frozenset([path for name in streams for path in (name, prefix + name)])
        rows, query_rows = [], []
        extra = {path: (key, document) for (path, key), document in (with_query or {}).items()}
        for path, document in targets.items():
            if not path.startswith(b"/") or path != path.strip() or b"?" in path:
                raise ValueError(f"not a path: {path!r}")
            row = self.number(document, numbers)
            key, other = extra.pop(path, (b"", None))
            query_row = -1 if other is None else self.number(other, numbers)
            for name in {path, prefix + path}:
                self.keys.append(name)
                rows.append(row)
                self.query_keys.append(key)
                query_rows.append(query_row)
        if extra:
            raise ValueError(f"query documents without a plain one: {sorted(extra)}")
        for path, (wanted, document) in (with_accept or {}).items():
            if path not in targets:
                raise ValueError(f"a second form without a first: {path!r}")
            other = self.number(document, numbers)
            for each in targets[path], document:
                (<Document>each).negotiated = True
            if self.forms is None:
                self.forms = {}
            self.forms[numbers[targets[path]]] = wanted, other, {}
        while size < 4 * len(self.keys):
            size *= 2
        self.mask = size - 1
        self.spans = <Span*>calloc(len(self.keys) + 1, sizeof(Span))
        self.rows = <int*>calloc(len(self.keys) + 1, sizeof(int))
        self.query_rows = <int*>calloc(len(self.keys) + 1, sizeof(int))
        self.buckets = <int*>calloc(size, sizeof(int))
        if self.spans is NULL or self.rows is NULL or self.query_rows is NULL or self.buckets is NULL:
            raise MemoryError()
        for i in range(len(self.keys)):
            name = self.keys[i]
            self.spans[i].at = PyBytes_AS_STRING(name)
            self.spans[i].size = len(name)
            self.rows[i] = rows[i]
            self.query_rows[i] = query_rows[i]
            slot = Table.hash(self.spans[i].at, self.spans[i].size) & self.mask
            while self.buckets[<Py_ssize_t>slot]:
                slot = (slot + 1) & self.mask
            self.buckets[<Py_ssize_t>slot] = i + 1

    def __dealloc__(self):
        free(self.spans)
        free(self.rows)
        free(self.query_rows)
        free(self.buckets)

    cdef object number(self, document, dict numbers):
        if document not in numbers:
            if not isinstance(document, Document):
                raise TypeError("a table holds Documents")
            numbers[document] = len(self.documents)
            self.documents.append(document)
        return numbers[document]

    @staticmethod
    cdef inline Py_ssize_t hash(const char* p, Py_ssize_t n) noexcept nogil:
        # FNV-1a: the keys are ours and fixed, so nobody can crowd the table.
        cdef unsigned long long h = 14695981039346656037ULL
        cdef Py_ssize_t i
        for i in range(n):
            h = (h ^ <unsigned char>p[i]) * 1099511628211ULL
        return <Py_ssize_t>((h ^ (h >> 29)) & 0x3fffffff)

    def document(self, bytes target not None):
        """The Document for a request target (path, perhaps with a query), or None."""
        cdef int row = self.find(PyBytes_AS_STRING(target), len(target))
        return None if row < 0 else self.documents[row]

    cdef int find(self, const char* p, Py_ssize_t n) except -2:
        """The document for a request target, or -1: none, or a form that only Sanic reads."""
        cdef Py_ssize_t size = 0, slot
        cdef int key
        cdef Span* span
        while size < n and p[size] != 63:
            size += 1
        slot = size
        if size > 1 and p[size - 1] == 47:
            size -= 1
        n -= slot
        p_query = p + slot
        slot = Table.hash(p, size) & self.mask
        while True:
            key = self.buckets[slot] - 1
            if key < 0:
                return -1
            span = &self.spans[key]
            if span.size == size and memcmp(span.at, p, size) == 0:
                break
            slot = (slot + 1) & self.mask
        if n > 1 and self.query_rows[key] >= 0:
            return self.choose(key, p_query + 1, n - 1)
        return self.rows[key]

    cdef bint is_stream(self, bytes target) except -1:
        """Whether a request target (path, perhaps with a query) is that of a WebSocket."""
        path = target.partition(b"?")[0]
        return path in self.streams or path.removesuffix(b"/") in self.streams

    cdef int form(self, Head* h) except -2:
        """The document of h.entry in the form that the Accept header asks for; -1 for several such headers."""
        found = self.forms.get(h.entry)
        if found is None or h.accepts == 0:
            return h.entry
        if h.accepts > 1:
            return -1
        wanted, other, known = found
        value = h.accept.at[:h.accept.size]
        row = known.get(value)
        if row is None:
            row = other if wanted(value.decode("latin-1")) else h.entry
            if len(known) >= FORMS_KNOWN:
                known.clear()
            if len(value) <= FORMS_KNOWN_BYTES:
                known[value] = row
        return row

    cdef int choose(self, int key, const char* query, Py_ssize_t n) except -2:
        """The plain document, or the other when the query has its key; -1 for escapes, which Sanic decodes."""
        text = query[:n]
        if b"%" in text or b"+" in text:
            return -1
        for pair in text.split(b"&"):
            if pair.split(b"=", 1)[0] == self.query_keys[key]:
                return self.query_rows[key]
        return self.rows[key]


cdef bint tag_matches(Span value, bytes tag, bint gzip, bint strong=False) noexcept:
    """Whether an If-None-Match list names our tag by weak comparison, or an If-Match list by strong comparison
    (RFC 9110 sections 8.8.3.2, 13.1.1 and 13.1.2). We send strong tags only. What follows a mistake names nothing."""
    cdef const char* p = value.at
    cdef const char* end = p + value.size
    cdef const char* start
    cdef const char* ours = PyBytes_AS_STRING(tag)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(tag), n
    cdef bint weak
    if value.size == 1 and p[0] == 42:
        return True
    while True:
        while p < end and (is_blank(p[0]) or p[0] == 44):
            p += 1
        weak = end - p >= 2 and p[0] == 87 and p[1] == 47
        if weak:
            p += 2
        if p >= end or p[0] != 34:
            return False
        p += 1
        start = p
        while p < end and p[0] != 34:
            p += 1
        if p == end:
            return False
        n = p - start
        p += 1
        if weak and strong:
            continue
        if gzip:
            if n == size + 3 and memcmp(start, ours, size) == 0 and memcmp(start + size, b"-gz", 3) == 0:
                return True
        elif n == size and memcmp(start, ours, size) == 0:
            return True


def knows(list values not None, bytes tag not None, bint gzip, bint strong=False):
    """Whether these If-None-Match values name `tag` (without quotes), or its gzip twin: for handlers beyond the gate.

    strong: the comparison that If-Match asks for.
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
    """Whether these Accept-Encoding values prefer gzip: for handlers beyond the gate."""
    cdef Span span
    cdef Encodings wanted
    wanted.gzip = wanted.identity = wanted.others = -1
    for value in values:
        span.at = PyBytes_AS_STRING(<bytes?>value)
        span.size = len(value)
        read_encodings(span, &wanted)
    return prefers_gzip(&wanted)


cdef void forget(Document d) noexcept:
    if d.owner is not None:
        d.owner.kept -= d.kept
    d.kept = 0
    d.fresh = None
    d.replies = []


@cython.final
cdef class Responder:
    """Makes replies and keeps them for as long as they are true.

    origins: the CORS list; ("*",) answers every origin without credentials.
    keep_limit: bytes of ready-made replies kept at most.
    """

    cdef readonly Table table
    cdef list origins           # bytes; empty for the wildcard
    cdef list cors_lines
    cdef str vary
    cdef Py_ssize_t keep_limit
    cdef readonly Py_ssize_t kept
    cdef long long date_second
    cdef bytes date_line

    def __cinit__(self, Table table not None, origins=("*",), Py_ssize_t keep_limit=8 << 20):
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
        cdef int i
        cdef bytes origin
        if h.origin.at is not NULL:
            for i in range(len(self.origins)):
                origin = self.origins[i]
                if len(origin) == h.origin.size and memcmp(PyBytes_AS_STRING(origin), h.origin.at, len(origin)) == 0:
                    return i + 1
        return 0

    cdef bytes refusal_lines(self, Head* h):
        """The field lines with which a page of a listed origin may read a refusal."""
        cdef bytes lines = self.cors_lines[0 if h is NULL else self.cors(h)]
        return lines + b"Vary: Origin\r\n" if self.origins else lines

    cdef bytes reply(self, Document d, Head* h, int connection, double now, long long second, bint* unmodified):
        """The reply's bytes, or None: there is nothing to serve and no fallback."""
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
            d.replies = [None] * (18 * len(self.cors_lines))
        made = self.make(d, kind, connection, gzip, cors)
        d.replies[i] = made
        d.kept += len(made)
        self.kept += len(made)
        if self.kept > self.keep_limit:
            for other in self.table.documents:
                forget(<Document>other)
        return made

    cdef bytes make(self, Document d, int kind, int connection, bint gzip, int cors):
        cdef bytes body = b""
        cdef bytes media_type
        cdef list parts
        if kind != NOT_MODIFIED:
            body = d.fresh[1] if gzip else d.fresh[0]
            # Errors are JSON whatever the document would have been.
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
        if 0 < d.timestamp < 253402300800:
            parts.append(b"Age: %d\r\nX-Powerwall-Timestamp: %.3f\r\n" %
                         (d.age, d.timestamp))
        parts += (self.cors_lines[cors], CONNECTION_LINE[connection], b"\r\n")
        if kind == WHOLE:
            parts.append(body)
        return b"".join(parts)

    cdef bytes date(self, long long second):
        if second != self.date_second:
            self.date_second = second
            self.date_line = b"Date: " + formatdate(second, usegmt=True).encode("ascii") + b"\r\n"
        return self.date_line


cdef bytes status_text(int status):
    """The rest of the status line, e.g. b"200 OK" and its line end."""
    try:
        return f"{status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
    except ValueError:
        return b"%d Unknown\r\n" % status


cdef bytes refusal(int status, str reason, bint head_only, bytes extra=b"", bint close=True, bint old=False):
    """A complete reply that refuses; JSON as everywhere else."""
    cdef bytes body = b'{"detail":"' + reason.encode("ascii") + b'"}'
    return b"".join((
        b"HTTP/1.1 ", status_text(status), b"Date: ", formatdate(usegmt=True).encode("ascii"),
        b"\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: ", b"%d\r\n" % len(body), extra,
        CONNECTION_LINE[CLOSE if close else KEEP_ALIVE if old else SILENT], b"\r\n", b"" if head_only else body,
    ))
