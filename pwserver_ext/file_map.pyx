"""Map a file into memory without keeping it open: the map of the standard library holds a second descriptor.

The history of one gateway has about thirty files, and each process that reads them has a limit of open files.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_SetFromErrno

import os

cdef extern from "<sys/mman.h>" nogil:
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED
        MS_SYNC
        MADV_RANDOM
        MADV_DONTNEED
    void *MAP_FAILED
    void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset)
    int munmap(void *address, size_t length)
    int madvise(void *address, size_t length, int advice)
    int msync(void *address, size_t length, int flags)


cdef class FileMap:
    """Shares the first ``size`` bytes of an open file with every process that maps it; a writable buffer of them.

    It lives as long as any view of it. ``OSError`` when the system refuses, ``ValueError`` for a size below 1, or above
    that of the file: touching what it does not have would end the process.
    """

    cdef void *_at
    cdef readonly Py_ssize_t size

    def __cinit__(self, int descriptor, Py_ssize_t size):
        self._at = NULL
        self.size = size
        if size < 1:
            raise ValueError(f"a map of a file has at least one byte, not {size}")
        there = os.fstat(descriptor).st_size
        if size > there:
            raise ValueError(f"a file of {there} bytes has no {size} to map")
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        if at == MAP_FAILED:
            PyErr_SetFromErrno(OSError)
        self._at = at

    def __dealloc__(self):
        if self._at is not NULL:
            munmap(self._at, self.size)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self._at, self.size, 0, flags)

    def read_nothing_ahead(self) -> None:
        """Have the system read only the pages that are touched; it may take no notice."""
        madvise(self._at, self.size, MADV_RANDOM)

    def forget(self) -> None:
        """Give the pages back that this process has touched; they stay in the file."""
        madvise(self._at, self.size, MADV_DONTNEED)

    def flush(self) -> None:
        """Bring changed pages to the disk. ``OSError`` when that fails."""
        cdef int failed
        with nogil:
            failed = msync(self._at, self.size, MS_SYNC)
        if failed:
            PyErr_SetFromErrno(OSError)
