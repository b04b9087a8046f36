/* What the history rings need from C: ordered loads and stores between processes, and CRC-32. */
#ifndef PWSERVER_RING_ATOMICS_H
#define PWSERVER_RING_ATOMICS_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

static inline uint64_t ring_load_acquire(const uint64_t *where) {
    return atomic_load_explicit((const _Atomic uint64_t *)where, memory_order_acquire);
}

static inline uint64_t ring_load_relaxed(const uint64_t *where) {
    return atomic_load_explicit((const _Atomic uint64_t *)where, memory_order_relaxed);
}

static inline void ring_store_relaxed(uint64_t *where, uint64_t value) {
    atomic_store_explicit((_Atomic uint64_t *)where, value, memory_order_relaxed);
}

static inline void ring_store_release(uint64_t *where, uint64_t value) {
    atomic_store_explicit((_Atomic uint64_t *)where, value, memory_order_release);
}

static inline void ring_store_number(uint32_t *where, uint32_t value) {
    atomic_store_explicit((_Atomic uint32_t *)where, value, memory_order_release);
}

static inline void ring_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
static inline void ring_fence_release(void) { atomic_thread_fence(memory_order_release); }

/* The writer holds a ring for about a microsecond; a reader that meets it gives way, then naps. */
static inline void ring_wait(int turn) {
    if (turn < 16) {
        sched_yield();
    } else {
        struct timespec nap = {0, 50000};
        nanosleep(&nap, NULL);
    }
}

/* Whether a row may carry this time: not NaN, not beyond the year 9999, which no date can be written for, and not before
 * 1970 but for the local day that had begun when 1970 did (a clock that starts at 0 is in it). */
#define RING_EARLIEST_SECONDS (-86400.0)
#define RING_END_SECONDS 253402300800.0
static inline int ring_can_hold(double timestamp) {
    return timestamp >= RING_EARLIEST_SECONDS && timestamp < RING_END_SECONDS;
}

/* CRC-32 as zlib counts it, eight bytes a step, so that any tool can check a file. */
static uint32_t ring_crc_table[8][256];
static int ring_crc_ready = 0;

static void ring_crc_prepare(void) {
    if (ring_crc_ready) return;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (0xEDB88320u & (0u - (value & 1u)));
        ring_crc_table[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int step = 1; step < 8; step++)
            ring_crc_table[step][byte] =
                (ring_crc_table[step - 1][byte] >> 8) ^ ring_crc_table[0][ring_crc_table[step - 1][byte] & 0xFFu];
    ring_crc_ready = 1;
}

/* Rows are whole 8-byte words from `data` on; `length` may leave a tail. */
static uint32_t ring_crc(const unsigned char *data, size_t length) {
    uint32_t crc = 0xFFFFFFFFu;
    while (length >= 8) {
        uint32_t low, high;
        low = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
        high = (uint32_t)data[4] | (uint32_t)data[5] << 8 | (uint32_t)data[6] << 16 | (uint32_t)data[7] << 24;
        low ^= crc;
        crc = ring_crc_table[7][low & 0xFFu] ^ ring_crc_table[6][(low >> 8) & 0xFFu] ^
              ring_crc_table[5][(low >> 16) & 0xFFu] ^ ring_crc_table[4][low >> 24] ^
              ring_crc_table[3][high & 0xFFu] ^ ring_crc_table[2][(high >> 8) & 0xFFu] ^
              ring_crc_table[1][(high >> 16) & 0xFFu] ^ ring_crc_table[0][high >> 24];
        data += 8;
        length -= 8;
    }
    while (length--) crc = (crc >> 8) ^ ring_crc_table[0][(crc ^ *data++) & 0xFFu];
    return crc ^ 0xFFFFFFFFu;
}

#endif
