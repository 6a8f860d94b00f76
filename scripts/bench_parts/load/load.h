/* The load generator: many Socket.IO clients in one thread, which cost little.
 *
 * main.c       options, the course of a run, the line of JSON
 * clients.c    one client: handshakes, joining, what it hears
 * frames.c     sockets, WebSocket frames, HTTP responses
 * workloads.c  who sends when, and what is counted
 * process.c    clocks, and CPU time and memory of the server
 */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

/* Handshakes and joins under way at a time. By upgrade more: they wait for a timer of Node's
 * server, and it shall be busy meanwhile. */
#define AT_A_TIME (options.by_upgrade ? 300 : 50)

/* Of these, connections that the server may not have seen yet. Every server's queue holds them. */
#define MAX_UNHEARD 50

struct client;

/* One TCP connection of a client. */
struct link {
    struct client *client;
    int fd; /* -1 when closed */
    int is_heard; /* something came */
    int speaks_frames; /* else HTTP responses are expected */
    char *kept; /* the beginning of what has not come in whole */
    size_t kept_bytes;
};

enum step {
    ABSENT,
    OPENING, /* waits for the Engine.IO handshake */
    POSTING, /* by polling: the CONNECT packet is on its way */
    CONNECTING, /* waits for the CONNECT answer */
    UPGRADING, /* a WebSocket is being opened beside the polling */
    PROBING, /* the WebSocket is open, the server's answer to the probe is missing */
    RELEASING, /* waits for the end of the pending poll */
    JOINING,
    READY,
    CLOSING, /* waits for the server to close as well */
    GONE /* the workload may use it anew */
};

struct client {
    struct link websocket, polling;
    enum step step;
    int number; /* from 0; clients of one room are neighbours */
    int poll_is_over;
    char sid[80];
    uint64_t sent, heard;
};

struct options {
    int port, pid, store_pid, rooms, members, window, payload;
    int by_upgrade, acks_only, connects;
    double rate, warmup_s, seconds;
};

/* Of the measured window, but for `sent` and `heard`, which are of the whole run. */
struct figures {
    uint64_t sent, heard, deliveries, messages, connects;
    double window_s, server_cpu_s, store_cpu_s, generator_cpu_s, p50_ms, p99_ms, max_ms;
    long rss_before_kb, rss_after_kb;
};

extern struct options options;
extern struct figures figures;

/* frames.c */
extern int unheard; /* open connections on which nothing came yet */
void open_link(struct link *link, struct client *client);
void close_link(struct link *link);
void send_bytes(struct link *link, const char *bytes, size_t count);
void send_text(struct link *link, const char *text, size_t count);
void send_close(struct link *link);
void poll_links(int limit_ms);

/* clients.c */
void start_client(struct client *client);
void drop_client(struct client *client);
void heard_text(struct client *client, const char *text, size_t count);
void heard_response(struct link *link, int status, const char *body, size_t count);
void heard_close(struct link *link, int code);

/* workloads.c */
void became_ready(void);
void heard_message(struct client *client, const char *text, size_t count);
void heard_answer(struct client *client);
void heard_sent(void);
void heard_other(void);
void run_rooms(void);
void run_connects(void);

/* process.c */
int64_t now_ns(void);
int64_t server_cpu_ns(void);
int64_t store_cpu_ns(void);
int64_t own_cpu_ns(void);
long server_rss_kb(void);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
