/* Two clocks for the hot path: cheap where the system has a cheap one. */
#ifndef PWSERVER_HTTP_CLOCK_H
#define PWSERVER_HTTP_CLOCK_H

#include <time.h>

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

/* Same epoch as time.monotonic(); a few milliseconds behind at most. */
static inline double pw_monotonic(void) {
    struct timespec t;
    clock_gettime(PW_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Whole seconds since 1970; a long has 32 bits on a 32-bit system and ends in 2038. */
static inline long long pw_epoch_second(void) {
    struct timespec t;
    clock_gettime(PW_REALTIME, &t);
    return (long long)t.tv_sec;
}

#endif
