/* The workloads: who sends when, what is counted, and whether the counts are right. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETUP_LIMIT_S 120
#define DRAIN_LIMIT_S 20
#define QUIET_S 0.3
#define SETTLE_S 2.0

/* Under saturation, between two looks at what came: whoever is asleep at every single delivery
 * has to be woken at every single one, which costs both sides more than the delivery. */
#define NAP_US 300

struct room {
    uint64_t sent, heard, answered;
    int next; /* the member that sends next */
};

struct figures figures;

static struct client *clients;
static struct room *rooms;
static int ready = 0, is_sending = 0, is_measuring = 0;
static uint64_t heard_in_all, others, sent_back;

static int64_t *latencies;
static size_t latency_count, latency_room;

static int64_t in_ns(double seconds) {
    return (int64_t)(seconds * 1e9);
}

static void make_clients(int count) {
    clients = calloc((size_t)count, sizeof *clients);
    rooms = calloc((size_t)options.rooms + 1, sizeof *rooms);
    if (!clients || !rooms) fail("out of memory");
    for (int i = 0; i < count; i++) {
        clients[i].number = i;
        clients[i].websocket.fd = clients[i].polling.fd = -1;
    }
}

/* --- sending --- */

static void send_message(int number) {
    static char text[32 << 10];
    struct room *room = &rooms[number];
    struct client *sender = &clients[number * options.members + room->next];
    int head = snprintf(text, sizeof text,
        "42%llu[\"send-message\",{\"sessionId\":\"bench-%d\",\"to\":\"all\",\"type\":\"text\","
        "\"id\":\"%d-%llu\",\"encrypted\":\"%016llx",
        (unsigned long long)++sender->sent, number, number, (unsigned long long)room->sent,
        (unsigned long long)now_ns());
    memset(text + head, 'x', (size_t)options.payload - 16);
    size_t count = (size_t)head + (size_t)options.payload - 16;
    memcpy(text + count, "\"}]", 3);
    room->sent++;
    figures.sent++;
    if (!options.acks_only) room->next = (room->next + 1) % options.members;
    send_text(&sender->websocket, text, count + 3);
}

/* A message is under way until its sender has the acknowledgement and, unless only that
 * counts, all others have heard it: so no server can take in more than it gives out. */
static void fill_window(int number) {
    struct room *room = &rooms[number];
    uint64_t done = room->heard / (uint64_t)(options.members - 1);
    if (options.acks_only || room->answered < done) done = room->answered;
    while (is_sending && !options.rate && room->sent < done + (uint64_t)options.window)
        send_message(number);
}

/* Send what is due at the fixed rate, room after room.
 * Returns: nanoseconds until the next is due. */
static int64_t send_due(void) {
    static int64_t due;
    static int number;
    int64_t now = now_ns();
    if (!due) due = now;
    for (; due <= now; due += in_ns(1 / options.rate)) {
        send_message(number);
        number = (number + 1) % options.rooms;
    }
    return due - now;
}

/* --- what clients hear --- */

void became_ready(void) {
    ready++;
    figures.connects += (uint64_t)is_measuring;
}

void heard_other(void) {
    others++;
}

void heard_sent(void) {
    sent_back++;
}

void heard_answer(struct client *client) {
    int number = client->number / options.members;
    rooms[number].answered++;
    figures.messages += (uint64_t)is_measuring;
    fill_window(number);
}

static void note_latency(const char *text, size_t count) {
    static const char name[] = "\"encrypted\":\"";
    const char *at = memmem(text, count, name, sizeof name - 1);
    unsigned long long sent_ns;
    if (!at || sscanf(at + sizeof name - 1, "%16llx", &sent_ns) != 1)
        fail("a message came without its time: %.*s", (int)count, text);
    if (latency_count == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 1 << 16;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) fail("out of memory");
    }
    latencies[latency_count++] = now_ns() - (int64_t)sent_ns;
}

void heard_message(struct client *client, const char *text, size_t count) {
    int number = client->number / options.members;
    client->heard++;
    heard_in_all++;
    rooms[number].heard++;
    figures.deliveries += (uint64_t)is_measuring;
    if (is_measuring && options.rate) note_latency(text, count);
    fill_window(number);
}

/* --- the course of a run --- */

static void pass(double seconds) {
    int64_t until = now_ns() + in_ns(seconds), left;
    while ((left = until - now_ns()) > 0) {
        if (is_sending && options.rate) {
            int64_t due = send_due();
            if (due < left) left = due;
        }
        poll_links((int)((left + 999999) / 1000000));
        if (is_sending && !options.rate) usleep(NAP_US);
    }
}

/* Start each client when another is ready, until all are. */
static void set_up(int count) {
    int64_t until = now_ns() + in_ns(SETUP_LIMIT_S);
    for (int started = 0; ready < count; poll_links(100)) {
        while (started < count && started < ready + AT_A_TIME && unheard < MAX_UNHEARD)
            start_client(&clients[started++]);
        if (now_ns() > until) fail("%d of %d clients are inside, too late", ready, count);
    }
    uint64_t before;
    do {
        before = others;
        pass(QUIET_S);
    } while (others != before && now_ns() < until);
}

static void measure(void (*work)(double seconds)) {
    int64_t cpu = server_cpu_ns(), store = store_cpu_ns(), own = own_cpu_ns(), started = now_ns();
    is_measuring = 1;
    work(options.seconds);
    is_measuring = 0;
    figures.window_s = (double)(now_ns() - started) / 1e9;
    figures.server_cpu_s = (double)(server_cpu_ns() - cpu) / 1e9;
    figures.store_cpu_s = (double)(store_cpu_ns() - store) / 1e9;
    figures.generator_cpu_s = (double)(own_cpu_ns() - own) / 1e9;
}

static int by_size(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static double latency_ms(double share) {
    return (double)latencies[(size_t)(share * (double)(latency_count - 1))] / 1e6;
}

static void sum_up_latencies(void) {
    if (!latency_count) return;
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    figures.p50_ms = latency_ms(0.50);
    figures.p99_ms = latency_ms(0.99);
    figures.max_ms = latency_ms(1);
}

/* Everybody has heard every message of the others, once; senders were told of each. */
static void check_counts(void) {
    uint64_t expected = figures.sent * (uint64_t)(options.members - 1), answered = 0;
    int64_t until = now_ns() + in_ns(DRAIN_LIMIT_S);
    while (heard_in_all < expected && now_ns() < until) poll_links(100);
    pass(QUIET_S); /* what comes twice comes late */
    for (int i = 0; i < options.rooms * options.members; i++) {
        uint64_t due = rooms[i / options.members].sent - clients[i].sent;
        if (clients[i].heard != due)
            fail("client %d heard %llu messages, not %llu", i, (unsigned long long)clients[i].heard,
                (unsigned long long)due);
    }
    for (int i = 0; i < options.rooms; i++) answered += rooms[i].answered;
    if (answered != figures.sent || sent_back != figures.sent)
        fail("%llu messages sent, %llu acknowledged, %llu confirmed",
            (unsigned long long)figures.sent, (unsigned long long)answered,
            (unsigned long long)sent_back);
    figures.heard = heard_in_all;
}

void run_rooms(void) {
    int count = options.rooms * options.members;
    make_clients(count);
    figures.rss_before_kb = server_rss_kb();
    set_up(count);
    if (!options.seconds) pass(SETTLE_S);
    figures.rss_after_kb = server_rss_kb();
    if (!options.seconds) return;
    is_sending = 1;
    for (int i = 0; i < options.rooms; i++) fill_window(i);
    pass(options.warmup_s);
    measure(pass);
    is_sending = 0;
    sum_up_latencies();
    check_counts();
}

static void connect_again(double seconds) {
    int64_t until = now_ns() + in_ns(seconds);
    while (now_ns() < until) {
        for (int i = 0; i < AT_A_TIME && unheard < MAX_UNHEARD; i++)
            if (clients[i].step == ABSENT || clients[i].step == GONE) start_client(&clients[i]);
        poll_links(1);
    }
}

void run_connects(void) {
    make_clients(AT_A_TIME);
    figures.rss_before_kb = server_rss_kb();
    connect_again(options.warmup_s);
    measure(connect_again);
    figures.rss_after_kb = server_rss_kb();
}
