/* The clocks of compiled code: exact ones for what processes share, cheap ones for the hot path. */
#ifndef PWSERVER_CLOCKS_H
#define PWSERVER_CLOCKS_H

#include <stdint.h>
#include <time.h>

/* A coarse clock is read from a page of memory that the kernel updates at each tick: a few milliseconds behind, and
 * several times cheaper. Systems other than Linux have none. */
#ifdef CLOCK_MONOTONIC_COARSE
#define PW_MONOTONIC CLOCK_MONOTONIC_COARSE
#else
#define PW_MONOTONIC CLOCK_MONOTONIC
#endif

#ifdef CLOCK_REALTIME_COARSE
#define PW_REALTIME CLOCK_REALTIME_COARSE
#else
#define PW_REALTIME CLOCK_REALTIME
#endif

/* CLOCK_MONOTONIC in nanoseconds: the clock of time.monotonic(), the same in every process of the machine. */
static inline uint64_t pw_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The same clock in seconds, coarse. */
static inline double pw_monotonic(void) {
    struct timespec now;
    clock_gettime(PW_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Whole seconds since 1970, coarse; a long has 32 bits on a 32-bit system and ends in 2038. */
static inline long long pw_epoch_second(void) {
    struct timespec now;
    clock_gettime(PW_REALTIME, &now);
    return (long long)now.tv_sec;
}

#endif
