from libc.stdint cimport uint64_t

cdef extern from "clocks.h" nogil:
    uint64_t pw_monotonic_ns()
    double pw_monotonic()
    long long pw_epoch_second()
