from cpython.buffer cimport Py_buffer
from libc.stdint cimport uint32_t, uint64_t, uint8_t


cdef struct Meta:  # the head of an image; eight words
    uint64_t timestamp  # bits of a double, epoch seconds
    uint64_t expires  # bits of a double, monotonic seconds, 0 = never
    uint64_t taken  # bits of a double, monotonic seconds at ``timestamp``, 0 = not known
    uint64_t generation
    uint64_t size  # of the whole image in bytes, a multiple of 8
    uint64_t checksum  # over the five words above and everything after this head
    uint64_t reserved[2]


cdef struct Entry:  # one document; offsets count bytes from the start of the image, 0 = not there
    uint32_t status  # 0 = no such document in this snapshot
    uint32_t flags
    uint32_t body_offset
    uint32_t body_size
    uint32_t gzip_offset
    uint32_t gzip_size
    uint32_t etag_offset
    uint32_t etag_size


cdef struct View:  # the buffer that is current, while it is read
    uint64_t *guard  # its sequence
    uint8_t *image
    uint64_t sequence  # as it must stay


cdef class StoredDocument:
    """One document as read: private memory, valid for ever. The compiled gate reads the fields directly."""
    cdef readonly int status
    cdef readonly uint32_t flags
    cdef readonly bytes body
    cdef readonly bytes gzip  # or None
    cdef readonly bytes etag
    cdef readonly double timestamp  # epoch seconds
    cdef readonly double expires  # monotonic seconds, 0 = never
    cdef readonly double taken  # monotonic seconds at ``timestamp``, 0 = not known
    cdef readonly uint64_t generation


cdef class SnapshotSlot:
    cdef Py_buffer _buffer
    cdef bint _held
    cdef uint8_t *_base
    cdef uint64_t *_current
    cdef readonly Py_ssize_t documents
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t max_document
    cdef size_t _image_limit
    cdef size_t _stride

    cdef uint64_t *_sequence(self, uint64_t which) noexcept nogil
    cdef uint8_t *_image(self, uint64_t which) noexcept nogil
    cdef bint _holds(self, size_t offset, size_t size) noexcept nogil
    cdef int _open(self, View *view) noexcept nogil
    # The generation that a read would give now, 0 before the first publication: one acquire load.
    cdef uint64_t c_generation(self) noexcept nogil
    # A document, or None when nothing is published or the snapshot does not have it.
    cdef StoredDocument c_read(self, Py_ssize_t index)
    cdef uint64_t _begin(self, uint64_t *which) noexcept nogil
    cdef void _commit(self, uint64_t generation, uint64_t which, const uint8_t *image, size_t size) noexcept nogil
