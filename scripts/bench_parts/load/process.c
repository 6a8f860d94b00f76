/* Clocks, and what the server costs: CPU time of all its threads, resident memory. */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now)) fail("a clock cannot be read");
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t own_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The same account as /proc/<pid>/stat, user and system time of all threads, living or ended,
 * but in nanoseconds: that file counts in hundredths of a second. */
static int64_t cpu_ns(int pid) {
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock)) fail("there is no process %d", pid);
    return read_clock(clock);
}

int64_t server_cpu_ns(void) {
    return cpu_ns(options.pid);
}

int64_t store_cpu_ns(void) {
    return options.store_pid ? cpu_ns(options.store_pid) : 0;
}

long server_rss_kb(void) {
    char name[64], line[256];
    long kb = -1;
    snprintf(name, sizeof name, "/proc/%d/status", options.pid);
    FILE *file = fopen(name, "r");
    if (!file) fail("%s cannot be read", name);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld kB", &kb) == 1) break;
    fclose(file);
    if (kb < 0) fail("%s does not tell the resident memory", name);
    return kb;
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}
