/* Options, one run, one line of JSON on standard output; what went wrong on standard error. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {.members = 2, .rooms = 1, .window = 1, .payload = 256, .warmup_s = 1};

static const struct {
    const char *name;
    int *whole;
    double *real;
} table[] = {
    {"--port", &options.port, NULL}, /* of the server, on 127.0.0.1 */
    {"--pid", &options.pid, NULL}, /* of the server, for its CPU time and memory */
    {"--store-pid", &options.store_pid, NULL}, /* of its store, for that one's CPU time */
    {"--rooms", &options.rooms, NULL},
    {"--members", &options.members, NULL}, /* of each room */
    {"--window", &options.window, NULL}, /* messages of a room under way at a time */
    {"--rate", NULL, &options.rate}, /* or so many messages a second in all */
    {"--payload", &options.payload, NULL}, /* bytes */
    {"--acks-only", &options.acks_only, NULL}, /* 1: under way until acknowledged */
    {"--by-upgrade", &options.by_upgrade, NULL}, /* 1: polling first, else WebSocket at once */
    {"--connects", &options.connects, NULL}, /* 1: handshakes instead of rooms */
    {"--warmup", NULL, &options.warmup_s},
    {"--seconds", NULL, &options.seconds}, /* measured; 0: join, settle, and tell the memory */
};

static void set_option(const char *name, const char *value) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(name, table[i].name)) continue;
        if (table[i].whole) *table[i].whole = atoi(value);
        else *table[i].real = atof(value);
        return;
    }
    fail("there is no option %s", name);
}

int main(int count, char **words) {
    for (int i = 1; i < count; i += 2) {
        if (i + 1 == count) fail("%s needs a value", words[i]);
        set_option(words[i], words[i + 1]);
    }
    if (!options.port || !options.pid) fail("--port and --pid are needed");
    if (options.members < 2 || options.rooms < 1 || options.payload < 16 ||
        options.payload > 16 << 10)
        fail("2 members, 1 room and 16 to 16384 bytes at least");
    signal(SIGPIPE, SIG_IGN);
    if (options.connects) run_connects();
    else run_rooms();
    printf("{\"sent\": %llu, \"heard\": %llu, \"deliveries\": %llu, \"messages\": %llu, "
           "\"connects\": %llu, \"window_s\": %.6f, \"server_cpu_s\": %.6f, \"store_cpu_s\": %.6f, "
           "\"generator_cpu_s\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
           "\"rss_before_kb\": %ld, \"rss_after_kb\": %ld}\n",
        (unsigned long long)figures.sent, (unsigned long long)figures.heard,
        (unsigned long long)figures.deliveries, (unsigned long long)figures.messages,
        (unsigned long long)figures.connects, figures.window_s, figures.server_cpu_s, figures.store_cpu_s,
        figures.generator_cpu_s, figures.p50_ms, figures.p99_ms, figures.max_ms,
        figures.rss_before_kb, figures.rss_after_kb);
    return 0;
}
