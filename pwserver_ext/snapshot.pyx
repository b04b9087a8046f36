"""Keep a snapshot slot: all documents of one gateway, published together or not at all, read by any process.

One writer, many readers, no locks. The slot holds two buffers, each with a sequence lock (seqlock.pxd). The writer
always fills the one that is not current and then makes it current with one store, so a writer that is killed at any
point leaves the last snapshot readable, and a reader starts again only if two publications overtook it:

    writer   sequence of the other buffer := 2g-1; words of the image; sequence := 2g;
             current := g and which buffer (release)
    reader   current (acquire); sequence of that buffer, must be 2g; words; sequence, must still be 2g

A generation number g is never used twice, not even after a writer died between its last two stores. All state of the
writer lives in the slot: the next process that publishes carries on, which is all the repair there is.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdint cimport uint32_t, uint64_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from pwserver_ext.atomics cimport (
    pw_bits,
    pw_copy_in,
    pw_copy_out,
    pw_double,
    pw_give_way,
    pw_load_acquire,
    pw_load_relaxed,
    pw_mix,
    pw_store_relaxed,
    pw_store_release,
)
from pwserver_ext.seqlock cimport begin_read, begin_write, end_write, is_unchanged

# The slot: a head of two cache lines, then per buffer one line for the sequence and the image.
cdef enum:
    HEAD = 128
    LINE = 64
    CURRENT_AT = 64  # generation * 2 + buffer, alone on its line
    OVERFLOWS_AT = 32
    DROPPED_TWINS_AT = 40
    ERROR_ROOM = 96  # per document, beside the capacity: the 503 body always fits
    ATTEMPTS = 4096
    ATTEMPTS_WITHOUT_REST = 16
    READS_LIMIT = 1000000

cdef enum Opened:
    EMPTY = 0  # nothing was published yet
    BUSY = 1  # overtaken: try again
    OPEN = 2

# 2 GiB, or what two buffers of a slot can have where addresses have 32 bits.
cdef uint64_t CAPACITY_LIMIT = min(<uint64_t>0x7FFFFFFF, (<uint64_t>PY_SSIZE_T_MAX >> 1) - (1 << 24))
cdef uint64_t MAGIC = 0x3253534650775000  # changes with the layout
cdef uint64_t MIX_START = 0xcbf29ce484222325


class SnapshotBusy(RuntimeError):
    """Says that a reader was overtaken at every one of thousands of attempts: the writer publishes without a pause."""


cdef inline size_t _padded(size_t size) noexcept nogil:
    return (size + 7) & ~(<size_t>7)


cdef inline size_t _lines(size_t size) noexcept nogil:
    return (size + LINE - 1) & ~(<size_t>(LINE - 1))


cdef uint64_t _checksum(const uint8_t *image, size_t size) noexcept nogil:
    return pw_mix(pw_mix(MIX_START, image, 40), image + sizeof(Meta), size - sizeof(Meta))


cdef class StoredDocument:
    def as_tuple(self) -> tuple:
        return (self.status, self.body, self.gzip, self.etag, self.timestamp, self.expires, self.generation)


cdef class SnapshotSlot:
    """Gives a view of one slot. Make the first view before any fork; views in other processes share the memory.

    ``buffer``: writable, 8-byte aligned, at least ``SnapshotSlot.size(documents, capacity)`` bytes, zero-filled when
    the slot is new. ``capacity``: bytes for bodies, twins and ETags of one snapshot. ``max_document``: the longest
    body accepted, in bytes; 0 means no limit but the capacity. Raises ``ValueError`` when the buffer is too small,
    misaligned or holds a slot of another shape, ``TypeError`` / ``BufferError`` when it is no writable buffer.
    """

    def __cinit__(self, buffer, documents, capacity, Py_ssize_t max_document=0):
        cdef uint64_t *head
        self._held = False
        if max_document < 0:
            raise ValueError(f"max_document must not be negative, got {max_document}")
        needed = SnapshotSlot.size(documents, capacity)
        PyObject_GetBuffer(buffer, &self._buffer, PyBUF_SIMPLE | PyBUF_WRITABLE)
        self._held = True
        if self._buffer.len < needed:
            raise ValueError(
                f"a slot for {documents} documents and {capacity} bytes needs {needed} bytes, "
                f"the buffer has {self._buffer.len}"
            )
        if <uintptr_t>self._buffer.buf & 7:
            raise ValueError("the buffer of a slot must be aligned to 8 bytes")
        self.documents = documents
        self.capacity = capacity
        self.max_document = max_document
        self._base = <uint8_t *>self._buffer.buf
        self._current = <uint64_t *>(self._base + CURRENT_AT)
        self._image_limit = _image_limit(self.documents, self.capacity)
        self._stride = LINE + _lines(self._image_limit)
        head = <uint64_t *>self._base
        if pw_load_acquire(head) == 0:
            pw_store_relaxed(head + 1, <uint64_t>self.documents)
            pw_store_relaxed(head + 2, <uint64_t>self.capacity)
            pw_store_release(head, MAGIC)
        elif pw_load_relaxed(head) != MAGIC:
            raise ValueError("the buffer holds something that is not a snapshot slot")
        elif (pw_load_relaxed(head + 1) != <uint64_t>self.documents
              or pw_load_relaxed(head + 2) != <uint64_t>self.capacity):
            raise ValueError(
                f"the buffer holds a slot for {pw_load_relaxed(head + 1)} documents and "
                f"{pw_load_relaxed(head + 2)} bytes, not for {self.documents} and {self.capacity}"
            )

    def __dealloc__(self):
        if self._held:
            PyBuffer_Release(&self._buffer)

    @staticmethod
    def size(documents, capacity) -> int:
        """Return how many bytes a slot takes. ``ValueError`` for a shape that cannot be."""
        if documents <= 0:
            raise ValueError(f"a slot needs at least one document, got {documents}")
        if capacity <= 0:
            raise ValueError(f"a slot needs a positive capacity in bytes, got {capacity}")
        if documents > 0xFFFF or capacity > CAPACITY_LIMIT:
            raise ValueError(f"a slot holds at most 65535 documents and {CAPACITY_LIMIT} bytes")
        return HEAD + 2 * (LINE + _lines(_image_limit(documents, capacity)))

    cdef uint64_t *_sequence(self, uint64_t which) noexcept nogil:
        return <uint64_t *>(self._base + HEAD + which * self._stride)

    cdef uint8_t *_image(self, uint64_t which) noexcept nogil:
        return self._base + HEAD + which * self._stride + LINE

    cdef bint _holds(self, size_t offset, size_t size) noexcept nogil:
        """Whether bytes that an entry names lie inside of the image, padded to whole words."""
        return offset <= self._image_limit and _padded(size) <= self._image_limit - offset

    # ---- writing -------------------------------------------------------------------------------------------------

    cdef uint64_t _begin(self, uint64_t *which) noexcept nogil:
        """Choose the buffer that is not current and a generation above every one that was ever begun."""
        cdef uint64_t current = pw_load_relaxed(self._current)
        cdef uint64_t generation = current >> 1
        cdef uint64_t begun
        cdef int buffer
        for buffer in range(2):
            begun = (pw_load_relaxed(self._sequence(buffer)) + 1) >> 1
            if begun > generation:
                generation = begun
        which[0] = (current & 1) ^ 1
        return generation + 1

    cdef void _commit(self, uint64_t generation, uint64_t which, const uint8_t *image, size_t size) noexcept nogil:
        begin_write(self._sequence(which), 2 * generation - 1)
        pw_copy_in(self._image(which), image, size)
        end_write(self._sequence(which), 2 * generation)
        pw_store_release(self._current, generation * 2 + which)

    def publish(self, documents, double timestamp, double expires=0.0, double taken=0.0) -> tuple:
        """Publish all documents at once; return ``(generation, indexes of the documents that did not fit)``.

        Each document is ``(status, body, gzip or None, etag)``, with an integer of flags as an optional fifth, or
        ``None`` for "not in this snapshot". ``taken``: the monotonic clock at ``timestamp``, so that an age does not
        depend on a clock that can be set. Equal bodies, twins and ETags are stored once. What does not fit becomes
        a 503 JSON error and is counted; when there is too little room, the largest bodies go first. A gzip twin
        never displaces a body: twins that find no room are left out. Wrong shapes raise ``TypeError`` or
        ``ValueError`` before anything is written.
        """
        cdef Py_ssize_t index, count = self.documents
        cdef size_t room = <size_t>self.capacity
        cdef size_t total = 0, cost, size
        cdef size_t cursor = sizeof(Meta) + count * sizeof(Entry)
        cdef Entry *entries
        cdef Entry *entry
        cdef Meta *meta
        cdef uint8_t *image
        cdef uint64_t generation, which
        cdef dict placed = {}
        cdef list blobs = []
        cdef list overflowed = []
        cdef list wanted
        cdef bytes body, etag, gzip, blob

        wanted = _checked(documents, count)
        for blob in {blob for document in wanted if document is not None for blob in (document[1], document[3])}:
            total += _padded(len(blob))
        order = range(count)
        if total > room:
            order = sorted(order, key=lambda place: 0 if wanted[place] is None else len(wanted[place][1]))

        entries = <Entry *>calloc(count, sizeof(Entry))
        if entries is NULL:
            raise MemoryError
        try:
            for index in order:
                if wanted[index] is None:
                    continue
                entry = entries + index
                status, body, gzip, etag, flags = wanted[index]
                entry.flags = flags
                cost = 0 if body in placed else _padded(len(body))
                if etag not in placed and etag != body:
                    cost += _padded(len(etag))
                if self.max_document and len(body) > self.max_document:
                    limit = self.max_document
                elif cost > room:
                    limit = room
                else:
                    limit = None
                if limit is not None:
                    overflowed.append(index)
                    body = b'{"error":"document too large","bytes":%d,"limit":%d}' % (len(body), limit)
                    entry.status = 503
                    entry.body_size = <uint32_t>len(body)
                    entry.body_offset = <uint32_t>cursor
                    entry.etag_offset = <uint32_t>cursor
                    blobs.append((cursor, body))
                    cursor += _padded(len(body))
                    continue
                room -= cost
                entry.status = status
                entry.body_size = <uint32_t>len(body)
                entry.body_offset = <uint32_t>_place(body, placed, blobs, &cursor)
                entry.etag_size = <uint32_t>len(etag)
                entry.etag_offset = <uint32_t>_place(etag, placed, blobs, &cursor)
            dropped = 0
            for index in range(count):
                entry = entries + index
                if wanted[index] is None or wanted[index][2] is None or entry.status == 503 and index in overflowed:
                    continue
                gzip = wanted[index][2]
                cost = 0 if gzip in placed else _padded(len(gzip))
                if cost > room:
                    dropped += 1
                    continue
                room -= cost
                entry.gzip_size = <uint32_t>len(gzip)
                entry.gzip_offset = <uint32_t>_place(gzip, placed, blobs, &cursor)

            # The image is made in private memory, so that the shared words are written in one go.
            image = <uint8_t *>malloc(cursor)
            if image is NULL:
                raise MemoryError
            try:
                memcpy(image + sizeof(Meta), entries, count * sizeof(Entry))
                for place, blob in blobs:
                    cost = place
                    size = len(blob)
                    memcpy(image + cost, <const char *>PyBytes_AS_STRING(blob), size)
                    for cost in range(cost + size, cost + _padded(size)):
                        image[cost] = 0
                # From here on nothing can fail or let another thread in.
                generation = self._begin(&which)
                meta = <Meta *>image
                meta.timestamp = pw_bits(timestamp)
                meta.expires = pw_bits(expires)
                meta.taken = pw_bits(taken)
                meta.generation = generation
                meta.size = cursor
                meta.reserved[0] = meta.reserved[1] = 0
                meta.checksum = _checksum(image, cursor)
                self._commit(generation, which, image, cursor)
            finally:
                free(image)
        finally:
            free(entries)
        _count(self._base + OVERFLOWS_AT, len(overflowed))
        _count(self._base + DROPPED_TWINS_AT, dropped)
        overflowed.sort()
        return generation, overflowed

    # ---- reading -------------------------------------------------------------------------------------------------

    cdef int _open(self, View* view) noexcept nogil:
        """Find the current buffer and begin to read it."""
        cdef uint64_t current = pw_load_acquire(self._current)
        if current == 0:
            return EMPTY
        view.guard = self._sequence(current & 1)
        view.image = self._image(current & 1)
        view.sequence = (current >> 1) * 2
        return OPEN if begin_read(view.guard) == view.sequence else BUSY

    cdef uint64_t c_generation(self) noexcept nogil:
        return pw_load_acquire(self._current) >> 1

    def generation(self) -> int:
        """Return the number of the current snapshot, which grows with each publication; 0 before the first. One load."""
        return self.c_generation()

    @property
    def overflows(self) -> int:
        """Return how many documents were replaced by an error since the slot was made."""
        return pw_load_relaxed(<uint64_t *>(self._base + OVERFLOWS_AT))

    @property
    def dropped_twins(self) -> int:
        """Return how many gzip twins were left out for want of room since the slot was made."""
        return pw_load_relaxed(<uint64_t *>(self._base + DROPPED_TWINS_AT))

    def head(self) -> tuple | None:
        """Return ``(timestamp, expires, generation)`` of the current snapshot, ``None`` before the first."""
        cdef Meta meta
        cdef View view
        cdef int attempt, opened
        for attempt in range(ATTEMPTS):
            opened = self._open(&view)
            if opened == EMPTY:
                return None
            if opened == OPEN:
                pw_copy_out(&meta, view.image, sizeof(Meta))
                if is_unchanged(view.guard, view.sequence):
                    return pw_double(meta.timestamp), pw_double(meta.expires), meta.generation
            if attempt > ATTEMPTS_WITHOUT_REST:
                pw_give_way()
        raise SnapshotBusy(f"no quiet moment in {ATTEMPTS} attempts")

    cdef StoredDocument c_read(self, Py_ssize_t index):
        cdef Meta meta
        cdef Entry entry
        cdef StoredDocument document
        cdef View view
        cdef int attempt, opened
        if index < 0 or index >= self.documents:
            raise IndexError(f"the slot has documents 0 to {self.documents - 1}, not {index}")
        for attempt in range(ATTEMPTS):
            if attempt > ATTEMPTS_WITHOUT_REST:
                pw_give_way()
            opened = self._open(&view)
            if opened == EMPTY:
                return None
            if opened == BUSY:
                continue
            pw_copy_out(&meta, view.image, sizeof(Meta))
            pw_copy_out(&entry, view.image + sizeof(Meta) + index * sizeof(Entry), sizeof(Entry))
            if not is_unchanged(view.guard, view.sequence):  # before its sizes are believed
                continue
            if entry.status == 0:
                return None
            if not (self._holds(entry.body_offset, entry.body_size) and self._holds(entry.etag_offset, entry.etag_size)
                    and self._holds(entry.gzip_offset, entry.gzip_size)):
                raise RuntimeError(f"document {index} does not lie inside of its slot")
            document = StoredDocument.__new__(StoredDocument)
            document.status = entry.status
            document.flags = entry.flags
            document.timestamp = pw_double(meta.timestamp)
            document.expires = pw_double(meta.expires)
            document.taken = pw_double(meta.taken)
            document.generation = meta.generation
            document.body = _copied(view.image + entry.body_offset, entry.body_size)
            document.etag = _copied(view.image + entry.etag_offset, entry.etag_size)
            document.gzip = _copied(view.image + entry.gzip_offset, entry.gzip_size) if entry.gzip_offset else None
            if is_unchanged(view.guard, view.sequence):
                return document
        raise SnapshotBusy(f"no quiet moment in {ATTEMPTS} attempts")

    def read(self, index) -> tuple | None:
        """Return ``(status, body, gzip, etag, timestamp, expires, generation)``, or ``None`` when it is not published.

        ``IndexError`` for an index the slot does not have, ``SnapshotBusy`` when the writer never pauses.
        """
        cdef StoredDocument document = self.c_read(_index(index, self.documents))
        return None if document is None else document.as_tuple()

    def document(self, index) -> StoredDocument | None:
        """Read a document as ``read`` does, but as an object with named fields, flags among them."""
        return self.c_read(_index(index, self.documents))

    def verify(self, uint64_t reads) -> tuple:
        """Read the whole snapshot ``reads`` times and check each against its checksum.

        Returns ``(torn, retried, generations)``: copies that passed the sequence check and failed the checksum (must be
        0), attempts that the sequence check refused, and how many different generations were seen. Releases the GIL.
        ``ValueError`` for more than a million reads: nothing could interrupt them.
        """
        cdef uint64_t torn = 0, retried = 0, generations = 0, last = 0, done = 0
        cdef View view
        cdef int opened
        cdef Meta *meta
        cdef uint8_t *copy
        if reads > READS_LIMIT:
            raise ValueError(f"at most {READS_LIMIT} reads at once, not {reads}")
        copy = <uint8_t *>malloc(self._image_limit)
        if copy is NULL:
            raise MemoryError
        meta = <Meta *>copy
        with nogil:
            while done < reads:
                opened = self._open(&view)
                if opened == EMPTY:
                    break
                if opened == BUSY:
                    retried += 1
                    continue
                pw_copy_out(copy, view.image, sizeof(Meta))
                if meta.size < sizeof(Meta) or meta.size > self._image_limit:
                    meta.size = sizeof(Meta)
                else:
                    pw_copy_out(copy + sizeof(Meta), view.image + sizeof(Meta), meta.size - sizeof(Meta))
                if not is_unchanged(view.guard, view.sequence):
                    retried += 1
                    continue
                done += 1
                if meta.generation * 2 != view.sequence or meta.checksum != _checksum(copy, meta.size):
                    torn += 1
                if meta.generation != last:
                    last = meta.generation
                    generations += 1
        free(copy)
        if done < reads:
            raise ValueError("nothing was published yet")
        return torn, retried, generations


cdef Py_ssize_t _index(index, Py_ssize_t documents) except? -1:
    """Return the index as C has it; what is too large for that is no document either."""
    try:
        return index
    except OverflowError:
        raise IndexError(f"the slot has documents 0 to {documents - 1}, not {index}") from None


cdef size_t _image_limit(Py_ssize_t documents, Py_ssize_t capacity) noexcept:
    return sizeof(Meta) + documents * (sizeof(Entry) + ERROR_ROOM) + _padded(capacity)


cdef size_t _place(bytes blob, dict placed, list blobs, size_t *cursor):
    """Give a blob its place in the image; the same bytes get the same place."""
    known = placed.get(blob)
    if known is not None:
        return known
    cdef size_t place = cursor[0]
    placed[blob] = place
    blobs.append((place, blob))
    cursor[0] = place + _padded(len(blob))
    return place


cdef bytes _copied(const uint8_t *shared, Py_ssize_t size):
    cdef bytes copy
    if size == 0:
        return b""
    copy = PyBytes_FromStringAndSize(NULL, size)
    pw_copy_out(<void *>PyBytes_AS_STRING(copy), shared, size)
    return copy


cdef void _count(uint8_t *cell, uint64_t more) noexcept:
    if more:
        pw_store_relaxed(<uint64_t *>cell, pw_load_relaxed(<uint64_t *>cell) + more)


cdef list _checked(documents, Py_ssize_t count):
    """Return the documents as five-tuples of exact types, or raise an error that names the place."""
    cdef list checked = []
    if len(documents) != count:
        raise ValueError(f"the slot holds {count} documents, got {len(documents)}")
    for index, document in enumerate(documents):
        if document is None:
            checked.append(None)
            continue
        if not isinstance(document, (tuple, list)) or not 4 <= len(document) <= 5:
            raise TypeError(f"document {index} must be (status, body, gzip, etag) or None")
        status, body, gzip, etag = document[:4]
        flags = document[4] if len(document) == 5 else 0
        if not isinstance(status, int) or not isinstance(flags, int):
            raise TypeError(f"document {index}: status and flags must be integers")
        if not 100 <= status <= 599:
            raise ValueError(f"document {index}: {status} is not an HTTP status")
        if not 0 <= flags <= 0xFFFFFFFF:
            raise ValueError(f"document {index}: flags must fit 32 bits")
        if type(body) is not bytes or type(etag) is not bytes or not (gzip is None or type(gzip) is bytes):
            raise TypeError(f"document {index}: body, gzip and etag must be bytes (gzip may be None)")
        checked.append((status, body, gzip, etag, flags))
    return checked
