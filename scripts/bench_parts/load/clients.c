/* One Socket.IO client: its handshakes, its joining, and what it hears.
 *
 * By WebSocket: 101, Engine.IO open, CONNECT, its answer. By upgrade it does as the default
 * clients do: open, CONNECT and its answer by polling; then, with a poll pending, a WebSocket,
 * probe, the answer, the end of the poll, and the upgrade packet. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>

#define BEGINS(text, count, with) \
    ((count) >= sizeof(with) - 1 && !memcmp(text, with, sizeof(with) - 1))

/* --- requests --- */

static void send_request(struct link *link, const char *method, const char *rest) {
    struct client *client = link->client;
    char request[512];
    int is_polling = link == &client->polling;
    int count = snprintf(request, sizeof request,
        "%s /socket.io/?EIO=4&transport=%s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", method,
        is_polling ? "polling" : "websocket", *client->sid ? "&sid=" : "", client->sid,
        options.port, rest);
    send_bytes(link, request, (size_t)count);
}

static void open_websocket(struct client *client) {
    open_link(&client->websocket, client);
    send_request(&client->websocket, "GET",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: aHVzaHdpcmUtYmVuY2ghIQ==\r\n\r\n");
}

static void poll_once(struct client *client) {
    send_request(&client->polling, "GET", "\r\n");
}

static void say(struct client *client, const char *text) {
    send_text(&client->websocket, text, strlen(text));
}

/* --- the course of a client --- */

void start_client(struct client *client) {
    int number = client->number;
    *client = (struct client){.number = number, .step = OPENING};
    client->websocket.fd = client->polling.fd = -1;
    if (!options.by_upgrade) {
        open_websocket(client);
        return;
    }
    open_link(&client->polling, client);
    poll_once(client);
}

void drop_client(struct client *client) {
    close_link(&client->websocket);
    close_link(&client->polling);
    client->step = GONE;
}

static void join(struct client *client) {
    char text[400];
    int room = client->number / options.members;
    client->step = JOINING;
    snprintf(text, sizeof text,
        "420[\"join-session\",{\"sessionId\":\"bench-%d\",\"userId\":\"user-%d\","
        "\"displayName\":\"User %d\",\"isCreator\":true,"
        "\"publicKey\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE%012d\"}]",
        room, client->number, client->number, client->number);
    say(client, text);
}

static void is_connected(struct client *client) {
    if (!options.connects) {
        join(client);
        return;
    }
    client->step = CLOSING;
    send_close(&client->websocket);
    became_ready();
}

static void finish_upgrade(struct client *client) {
    close_link(&client->polling);
    say(client, "5");
    is_connected(client);
}

/* --- what comes over the WebSocket --- */

static void heard_ack(struct client *client, const char *text, size_t count) {
    size_t shown = count < 300 ? count : 300;
    if (!memmem(text, shown, "\"success\":true", 14))
        fail("client %d was refused: %.*s", client->number, (int)shown, text);
    if (client->step != JOINING) {
        heard_answer(client);
        return;
    }
    client->step = READY;
    became_ready();
}

void heard_text(struct client *client, const char *text, size_t count) {
    if (BEGINS(text, count, "42[\"new-message\"")) heard_message(client, text, count);
    else if (BEGINS(text, count, "42[\"message-sent\"")) heard_sent();
    else if (BEGINS(text, count, "43")) heard_ack(client, text, count);
    else if (BEGINS(text, count, "42[\"session-error\"") || BEGINS(text, count, "44"))
        fail("client %d was refused: %.*s", client->number, (int)(count < 300 ? count : 300), text);
    else if (BEGINS(text, count, "42")) heard_other(); /* who joined, and the like */
    else if (client->step == PROBING && BEGINS(text, count, "3probe")) {
        client->step = RELEASING;
        if (client->poll_is_over) finish_upgrade(client);
    } else if (BEGINS(text, count, "2")) say(client, "3");
    else if (client->step == OPENING && BEGINS(text, count, "0")) {
        client->step = CONNECTING;
        say(client, "40");
    } else if (client->step == CONNECTING && BEGINS(text, count, "40")) is_connected(client);
    else if (client->step != CLOSING && !BEGINS(text, count, "6"))
        fail("client %d heard %.*s", client->number, (int)(count < 80 ? count : 80), text);
}

/* A close frame with this code; 0 if it had none, or if the connection just ended. */
void heard_close(struct link *link, int code) {
    struct client *client = link->client;
    if (client->step != CLOSING)
        fail("the server closed client %d, with code %d", client->number, code);
    drop_client(client);
}

/* --- what comes over HTTP --- */

/* Whatever stands between the quotes: it can go into a URL as it is. */
static void read_sid(struct client *client, const char *body, size_t count) {
    static const char name[] = "\"sid\":\"";
    const char *at = memmem(body, count, name, sizeof name - 1);
    if (!at || sscanf(at + sizeof name - 1, "%79[^\"]", client->sid) != 1)
        fail("the handshake has no sid: %.*s", (int)count, body);
}

static void heard_poll(struct client *client, const char *body, size_t count) {
    if (client->step == OPENING) {
        read_sid(client, body, count);
        client->step = POSTING;
        send_request(&client->polling, "POST",
            "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\n40");
    } else if (client->step == POSTING) {
        client->step = CONNECTING;
        poll_once(client);
    } else if (client->step == CONNECTING) {
        if (memmem(body, count, "40{", 3)) {
            client->step = UPGRADING;
            open_websocket(client);
        }
        poll_once(client);
    } else {
        client->poll_is_over = 1;
        if (client->step == RELEASING) finish_upgrade(client);
    }
}

void heard_response(struct link *link, int status, const char *body, size_t count) {
    struct client *client = link->client;
    if (status != 101 && status != 200)
        fail("HTTP status %d: %.*s", status, (int)(count < 300 ? count : 300), body);
    if (link == &client->polling) {
        heard_poll(client, body, count);
    } else if (client->step == UPGRADING) {
        client->step = PROBING;
        say(client, "2probe");
    }
}
