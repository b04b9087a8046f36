/* C11 atomics over shared memory, as small functions that Cython can call.
 *
 * Everything here must be lock-free: a lock inside one process would protect nothing from another. That holds for
 * 64-bit cells on x86-64, aarch64 and armv7-a; a target where it does not hold must not build.
 */
#ifndef PWSERVER_ATOMICS_H
#define PWSERVER_ATOMICS_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free to work between processes");
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2, "word-sized atomics must be lock-free to work between processes");
_Static_assert(sizeof(_Atomic(uint64_t)) == 8 && sizeof(_Atomic(uint32_t)) == 4 && sizeof(_Atomic(uintptr_t)) == sizeof(uintptr_t),
               "an atomic must be as large as the plain integer it is laid over");

static inline uint64_t pw_load_acquire(const uint64_t *cell) {
    return atomic_load_explicit((const _Atomic(uint64_t) *)cell, memory_order_acquire);
}

static inline uint64_t pw_load_relaxed(const uint64_t *cell) {
    return atomic_load_explicit((const _Atomic(uint64_t) *)cell, memory_order_relaxed);
}

static inline void pw_store_release(uint64_t *cell, uint64_t value) {
    atomic_store_explicit((_Atomic(uint64_t) *)cell, value, memory_order_release);
}

static inline void pw_store_relaxed(uint64_t *cell, uint64_t value) {
    atomic_store_explicit((_Atomic(uint64_t) *)cell, value, memory_order_relaxed);
}

static inline uint32_t pw_load_relaxed_32(const uint32_t *cell) {
    return atomic_load_explicit((const _Atomic(uint32_t) *)cell, memory_order_relaxed);
}

static inline void pw_store_relaxed_32(uint32_t *cell, uint32_t value) {
    atomic_store_explicit((_Atomic(uint32_t) *)cell, value, memory_order_relaxed);
}

static inline void pw_store_release_32(uint32_t *cell, uint32_t value) {
    atomic_store_explicit((_Atomic(uint32_t) *)cell, value, memory_order_release);
}

static inline void pw_fetch_add_relaxed(uint64_t *cell, uint64_t value) {
    (void)atomic_fetch_add_explicit((_Atomic(uint64_t) *)cell, value, memory_order_relaxed);
}

static inline void pw_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }

static inline void pw_fence_release(void) { atomic_thread_fence(memory_order_release); }

/* Copy between private memory (any alignment) and shared memory (aligned to 8), one relaxed atomic machine word at a
 * time. The shared side is always read and written in whole words, so its blocks are padded to 8 bytes. These are the
 * accesses to what a sequence lock guards, see seqlock.pxd: a reader may get any mix, and finds out afterwards. */
static inline void pw_copy_in(void *shared, const void *source, size_t size) {
    _Atomic(uintptr_t) *to = (_Atomic(uintptr_t) *)shared;
    const unsigned char *from = (const unsigned char *)source;
    uintptr_t word;
    while (size >= sizeof word) {
        memcpy(&word, from, sizeof word);
        atomic_store_explicit(to++, word, memory_order_relaxed);
        from += sizeof word;
        size -= sizeof word;
    }
    if (size) {
        word = 0;
        memcpy(&word, from, size);
        atomic_store_explicit(to, word, memory_order_relaxed);
    }
}

static inline void pw_copy_out(void *target, const void *shared, size_t size) {
    const _Atomic(uintptr_t) *from = (const _Atomic(uintptr_t) *)shared;
    unsigned char *to = (unsigned char *)target;
    uintptr_t word;
    while (size >= sizeof word) {
        word = atomic_load_explicit(from++, memory_order_relaxed);
        memcpy(to, &word, sizeof word);
        to += sizeof word;
        size -= sizeof word;
    }
    if (size) {
        word = atomic_load_explicit(from, memory_order_relaxed);
        memcpy(to, &word, size);
    }
}

/* Make whole words of shared memory zero (size a multiple of 8). */
static inline void pw_clear(void *shared, size_t size) {
    _Atomic(uintptr_t) *to = (_Atomic(uintptr_t) *)shared;
    for (; size >= sizeof(uintptr_t); size -= sizeof(uintptr_t)) atomic_store_explicit(to++, 0, memory_order_relaxed);
}

/* FNV-1a over 64-bit words of private memory (size a multiple of 8): position matters, so a swap is seen too. */
static inline uint64_t pw_mix(uint64_t sum, const void *data, size_t size) {
    const unsigned char *from = (const unsigned char *)data;
    uint64_t word;
    for (; size >= 8; size -= 8, from += 8) {
        memcpy(&word, from, 8);
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 32;
    }
    return sum;
}

static inline uint64_t pw_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double pw_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float pw_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void pw_give_way(void) { (void)sched_yield(); }

/* Sleep for 50 microseconds: some tens of the writes that a reader waits for. */
static inline void pw_nap(void) {
    struct timespec nap = {0, 50000};
    (void)nanosleep(&nap, NULL);
}

#endif
