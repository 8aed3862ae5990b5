/* Turns the wall clock of one process: a library that is loaded before all others and adds to
 * CLOCK_REALTIME as many nanoseconds as a shared file says. Timers go by CLOCK_MONOTONIC and are
 * left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void prepare(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CLOCK_AHEAD");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0)
        return;
    void *shared = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED)
        ahead = shared;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real)
        prepare();
    int failed = real(clock, now);
    if (!failed && clock == CLOCK_REALTIME && ahead) {
        int64_t sum = now->tv_nsec + *ahead;
        now->tv_sec += sum / 1000000000;
        now->tv_nsec = sum % 1000000000;
    }
    return failed;
}
