# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Hold the documents that one worker serves, and the table that finds them by request target.

Nothing here knows what a document means.
"""

from hashlib import blake2b

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from pwserver_ext.clocks cimport pw_epoch_second, pw_monotonic
from pwserver_ext.http_values cimport Span
from pwserver_ext.snapshot cimport SnapshotSlot, StoredDocument

# Accept headers remembered per document: real clients send a handful, and what is kept for others is bounded.
cdef enum:
    FORMS_KNOWN = 64
    FORMS_KNOWN_BYTES = 512

cdef double YEAR_10000 = 253402300800.0  # epoch seconds; no HTTP date can be written from there on


@cython.final
cdef class ServedDocument:
    """Holds one document as this worker serves it.

    source: a SnapshotSlot, or anything with its `generation()` and `read(index)` -> (status, body, gzip or None, etag,
        epoch seconds, monotonic expiry or 0, generation) or None where nothing was published.
    fallback: what is served when there is nothing or it has expired: a body (as 200), or (status, body, gzip or None,
        etag); None hands the request to Sanic.
    counter: index of this document's hits in the counters, below 0 for none.
    """

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
        """Read the source; return (body, gzip or None) of what was read or of the fallback, or None: nothing to serve."""
        cdef StoredDocument read
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
            # The writer publishes without a pause; the next second tries again.
            t = None
        if t is not None:
            status, body, gzip, etag, self.timestamp, self.expires, self.generation = t
            if self.expires == 0 or now <= self.expires:
                self.status = status
                # By the monotonic clock where the writer told it: the other one can be set.
                self.age = 0
                if self.taken > 0:
                    self.age = <long long>max(0.0, now - self.taken)
                elif 0 < self.timestamp < YEAR_10000:
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
        """Read for a handler beyond the gate: (status, body, gzip or None, ETag without quotes, epoch seconds or 0).

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

    cdef unsigned long long current(self) except? 0:
        """Ask the source for its generation: one load where it is a slot."""
        return self.slot.c_generation() if self.slot is not None else self.source.generation()


cdef bytes bare_tag(bytes etag):
    """Remove quotes and weakness mark from an entity tag: we send strong tags only."""
    if etag.startswith(b"W/"):
        etag = etag[2:]
    return etag.strip(b'"')


cdef inline Py_ssize_t hash_of(const char* p, Py_ssize_t n) noexcept nogil:
    """Hash by FNV-1a. The keys are fixed, so no client can crowd the table with names of one hash."""
    cdef unsigned long long h = 14695981039346656037ULL
    cdef Py_ssize_t i
    for i in range(n):
        h = (h ^ <unsigned char>p[i]) * 1099511628211ULL
    return <Py_ssize_t>((h ^ (h >> 29)) & 0x3fffffff)


@cython.final
cdef class TargetTable:
    """Request targets and their documents; built once.

    targets: path -> ServedDocument. with_query: (path, key) -> ServedDocument served when the query has that key, e.g.
    (b"/csv", b"headers"). with_accept: path -> (wanted, ServedDocument): served instead of the path's own when
    wanted(value of the Accept header) is true. prefix: a sub-path under which every target answers as well, e.g.
    b"/power". streams: paths of WebSockets.
    """

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
                (<ServedDocument>each).negotiated = True
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
            self.add_key(i, self.keys[i], rows[i], query_rows[i])

    def __dealloc__(self):
        free(self.spans)
        free(self.rows)
        free(self.query_rows)
        free(self.buckets)

    cdef int number(self, document, dict numbers) except -1:
        """Give a document its row, the same one each time."""
        if document not in numbers:
            if not isinstance(document, ServedDocument):
                raise TypeError("a table holds ServedDocuments")
            numbers[document] = len(self.documents)
            self.documents.append(document)
        return numbers[document]

    cdef void add_key(self, Py_ssize_t i, bytes name, int row, int query_row) noexcept:
        cdef Py_ssize_t slot
        self.spans[i].at = PyBytes_AS_STRING(name)
        self.spans[i].size = len(name)
        self.rows[i] = row
        self.query_rows[i] = query_row
        slot = hash_of(self.spans[i].at, self.spans[i].size) & self.mask
        while self.buckets[slot]:
            slot = (slot + 1) & self.mask
        self.buckets[slot] = <int>i + 1

    def document(self, bytes target not None):
        """Find the ServedDocument for a request target (path, perhaps with a query), or None."""
        cdef int row = self.find(PyBytes_AS_STRING(target), len(target))
        return None if row < 0 else self.documents[row]

    cdef int find(self, const char* p, Py_ssize_t n) except -2:
        """Find the row for a request target; -1: there is none, or the target has a form that only Sanic reads."""
        cdef Py_ssize_t size = 0, slot
        cdef const char* query
        cdef int key
        cdef Span* span
        while size < n and p[size] != b"?":
            size += 1
        query = p + size
        n -= size
        if size > 1 and p[size - 1] == b"/":
            size -= 1
        slot = hash_of(p, size) & self.mask
        while True:
            key = self.buckets[slot] - 1
            if key < 0:
                return -1
            span = &self.spans[key]
            if span.size == size and memcmp(span.at, p, size) == 0:
                break
            slot = (slot + 1) & self.mask
        if n > 1:
            return self.choose(key, query + 1, n - 1)
        return self.rows[key]

    cdef bint is_stream(self, bytes target) except -1:
        """Look whether a request target (path, perhaps with a query) is that of a WebSocket."""
        path = target.partition(b"?")[0]
        return path in self.streams or path.removesuffix(b"/") in self.streams

    cdef int form(self, int row, Span accept, int accepts) except -2:
        """Find the form of a document that the Accept header asks for; -1 for several such headers."""
        found = self.forms.get(row)
        if found is None or accepts == 0:
            return row
        if accepts > 1:
            return -1
        wanted, other, known = found
        value = accept.at[:accept.size]
        chosen = known.get(value)
        if chosen is None:
            chosen = other if wanted(value.decode("latin-1")) else row
            if len(known) >= FORMS_KNOWN:
                known.clear()
            if len(value) <= FORMS_KNOWN_BYTES:
                known[value] = chosen
        return chosen

    cdef int choose(self, int key, const char* query, Py_ssize_t n) except -2:
        """Find the plain document, or the other when the query has its key.

        -1 for escapes in a name, which Sanic decodes, and for a name of a gateway, whose document Sanic finds.
        """
        cdef int row = self.rows[key]
        for pair in query[:n].split(b"&"):
            name = pair.split(b"=", 1)[0]
            if name == b"gateway" or b"%" in name or b"+" in name:
                return -1
            if self.query_rows[key] >= 0 and name == self.query_keys[key]:
                row = self.query_rows[key]
        return row
