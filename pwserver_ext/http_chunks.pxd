"""Declare the reader of a body in chunks."""

cdef enum:  # verdicts
    BODY_MORE = 0
    BODY_DONE = 1
    BODY_BAD = 2
    BODY_LARGE = 3


cdef struct Chunks:  # all zero: before the first size
    int state
    int digits  # of the size that is being read
    Py_ssize_t left  # of the chunk
    Py_ssize_t extensions  # octets of all chunk extensions


cdef Py_ssize_t read_chunks(Chunks* chunks, const char* p, Py_ssize_t n, bytearray body, Py_ssize_t limit,
                            int* verdict) except -1
