/* Sockets, WebSocket frames (RFC 6455, the client's side) and HTTP responses. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

#define EVENTS 512
#define SCRATCH_BYTES (4 << 20)
#define MAX_OUT_BYTES (64 << 10)

static char scratch[SCRATCH_BYTES];
static int epoll_fd = -1;

int unheard = 0;

/* --- sockets --- */

/* Clients come from many addresses of the loopback network: one has only 28,000 ports. */
void open_link(struct link *link, struct client *client) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)client->number % 50);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("a socket cannot be had: %s (see ulimit -n)", strerror(errno));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) ||
        connect(fd, (struct sockaddr *)&to, sizeof to))
        fail("the server cannot be reached: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *link = (struct link){.client = client, .fd = fd};
    if (epoll_fd < 0) epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = link};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted)) fail("epoll: %s", strerror(errno));
    unheard++;
}

void close_link(struct link *link) {
    if (link->fd < 0) return;
    close(link->fd);
    unheard -= !link->is_heard;
    link->fd = -1;
    free(link->kept);
    link->kept = NULL;
    link->kept_bytes = 0;
}

/* Nothing is kept here to be sent later: the workloads bound what is under way. */
void send_bytes(struct link *link, const char *bytes, size_t count) {
    ssize_t written = send(link->fd, bytes, count, MSG_NOSIGNAL);
    if (written == (ssize_t)count || (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        return; /* of a broken connection, reading tells */
    fail("the server does not read what client %d sends", link->client->number);
}

/* --- frames out --- */

static uint32_t next_mask(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static void send_frame(struct link *link, int opcode, const char *payload, size_t count) {
    static char frame[MAX_OUT_BYTES];
    unsigned char *head = (unsigned char *)frame;
    size_t at = 2;
    if (count > sizeof frame - 8) fail("a message of %zu bytes is too long", count);
    head[0] = (unsigned char)(0x80 | opcode);
    if (count < 126) {
        head[1] = (unsigned char)(0x80 | count);
    } else {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(count >> 8);
        head[3] = (unsigned char)count;
        at = 4;
    }
    uint32_t mask = next_mask();
    memcpy(frame + at, &mask, 4);
    const char *key = frame + at;
    char *body = frame + at + 4;
    for (size_t i = 0; i < count; i++) body[i] = payload[i] ^ key[i & 3];
    send_bytes(link, frame, at + 4 + count);
}

void send_text(struct link *link, const char *text, size_t count) {
    send_frame(link, TEXT, text, count);
}

void send_close(struct link *link) {
    send_frame(link, CLOSE, "\x03\xe8", 2);
}

/* --- bytes in: each take_ returns how many it used, 0 if there is more to come --- */

static size_t take_frame(struct link *link, const char *bytes, size_t count) {
    const unsigned char *head = (const unsigned char *)bytes;
    size_t at = 2, length;
    if (count < 2) return 0;
    length = head[1] & 127;
    if (length >= 126) {
        size_t digits = length == 126 ? 2 : 8;
        if (count < 2 + digits) return 0;
        for (length = 0; at < 2 + digits; at++) length = length << 8 | head[at];
    }
    if (length > SCRATCH_BYTES / 2) fail("the server sent a frame of %zu bytes", length);
    if (count < at + length) return 0;
    int opcode = head[0] & 15;
    if (!(head[0] & 0x80) || head[0] & 0x70 || head[1] & 0x80)
        fail("the server sent a frame in pieces, compressed or masked");
    if (opcode == TEXT) heard_text(link->client, bytes + at, length);
    else if (opcode == PING) send_frame(link, PONG, bytes + at, length);
    else if (opcode == CLOSE) heard_close(link, length < 2 ? 0 : head[at] << 8 | head[at + 1]);
    else if (opcode != PONG) fail("the server sent a frame of opcode %d", opcode);
    return at + length;
}

static size_t body_bytes(const char *head, const char *end) {
    static const char name[] = "\r\nContent-Length:";
    for (const char *at = head; at + sizeof name < end; at++)
        if (!strncasecmp(at, name, sizeof name - 1)) return strtoul(at + sizeof name - 1, NULL, 10);
    fail("the server's response does not tell its length");
}

static size_t take_response(struct link *link, const char *bytes, size_t count) {
    const char *end = memmem(bytes, count, "\r\n\r\n", 4);
    if (!end) return 0;
    end += 4;
    size_t head_bytes = (size_t)(end - bytes);
    int status = atoi(bytes + sizeof "HTTP/1.1");
    if (status == 101) {
        link->speaks_frames = 1;
        heard_response(link, status, "", 0);
        return head_bytes;
    }
    size_t length = body_bytes(bytes, end);
    if (count < head_bytes + length) return 0;
    heard_response(link, status, end, length);
    return head_bytes + length;
}

static void take_all(struct link *link, size_t count) {
    size_t at = 0, used = 1;
    while (at < count && used && link->fd >= 0) {
        const char *rest = scratch + at;
        used = link->speaks_frames ? take_frame(link, rest, count - at)
                                   : take_response(link, rest, count - at);
        at += used;
    }
    if (link->fd < 0) return;
    free(link->kept);
    link->kept = NULL;
    link->kept_bytes = count - at;
    if (!link->kept_bytes) return;
    link->kept = malloc(link->kept_bytes);
    if (!link->kept) fail("out of memory");
    memcpy(link->kept, scratch + at, link->kept_bytes);
}

static void read_link(struct link *link, int ends) {
    while (link->fd >= 0) {
        size_t kept = link->kept_bytes;
        if (kept) memcpy(scratch, link->kept, kept);
        ssize_t got = recv(link->fd, scratch + kept, SCRATCH_BYTES - kept, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (got <= 0) {
            heard_close(link, 0);
            return;
        }
        unheard -= !link->is_heard;
        link->is_heard = 1;
        take_all(link, kept + (size_t)got);
        /* Less than there was room for: all is read, and more would be told by epoll. An end
         * that is there already would not be told again. */
        if (kept + (size_t)got < SCRATCH_BYTES && !ends) return;
    }
}

/* Wait for what the servers send, at most so long, and let the clients hear it. */
void poll_links(int limit_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, limit_ms);
    for (int i = 0; i < count; i++)
        read_link(events[i].data.ptr, (events[i].events & (EPOLLRDHUP | EPOLLHUP)) != 0);
}
