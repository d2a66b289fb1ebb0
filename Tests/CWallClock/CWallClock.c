// The wall clock of a test process, in the test's hand.
//
// A program's own definition goes before the C library's, for the libraries that the program loads as well: whoever
// asks for the time of day in this process, Foundation included, asks here. Linux only.

#define _GNU_SOURCE 1

#include "CWallClock.h"

#include <stdatomic.h>

static _Atomic long long skew = 0;

void wall_clock_be_off_by(long long seconds) { atomic_store(&skew, seconds); }

#if defined(__linux__)
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

bool wall_clock_can_be_off(void) { return true; }

int clock_gettime(clockid_t clock, struct timespec *result) {
    int status = (int)syscall(SYS_clock_gettime, clock, result);
    // 0 and 5: CLOCK_REALTIME and its coarse sibling.
    if (status == 0 && (clock == 0 || clock == 5)) result->tv_sec += atomic_load(&skew);
    return status;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int status = clock_gettime(0, &now);
    if (status == 0) {
        result->tv_sec = now.tv_sec;
        result->tv_usec = now.tv_nsec / 1000;
    }
    return status;
}

time_t time(time_t *result) {
    struct timespec now;
    if (clock_gettime(0, &now) != 0) return (time_t)-1;
    if (result != NULL) *result = now.tv_sec;
    return now.tv_sec;
}
#else
bool wall_clock_can_be_off(void) { return false; }
#endif
