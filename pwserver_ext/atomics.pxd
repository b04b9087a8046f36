from libc.stdint cimport uint64_t

cdef extern from "atomics.h" nogil:
    uint64_t pw_load_acquire(const uint64_t *cell)
    uint64_t pw_load_relaxed(const uint64_t *cell)
    void pw_store_release(uint64_t *cell, uint64_t value)
    void pw_store_relaxed(uint64_t *cell, uint64_t value)
    void pw_fetch_add_relaxed(uint64_t *cell, uint64_t value)
    void pw_fence_acquire()
    void pw_fence_release()
    void pw_copy_in(void *shared, const void *source, size_t size)
    void pw_copy_out(void *target, const void *shared, size_t size)
    uint64_t pw_mix(uint64_t total, const void *data, size_t size)
    uint64_t pw_bits(double value)
    double pw_double(uint64_t bits)
    void pw_give_way()
