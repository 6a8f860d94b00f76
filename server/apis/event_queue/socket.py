"""The WebSocket of the event queue.

The wire contract. Frames are JSON objects in text. A client opens `/ws/{user_id}` with the access
token of that user as Bearer, as the subprotocols `bearer, <token>`, as `?token=`, or, in browsers,
with the cookie that POST /api/register has set; else it is closed at once (4401; 4403 if the token
is another user's). It is told all that waits for its device, in order, and then what comes:

    {event_id, recipient_id, sender_id, event_type, sequence, timestamp, metadata,
    encrypted_payload}

`sequence` counts the queue of the device from 1 without gaps. `sender_id` is null if it is the
server's own. At most 256 events are told that were not acknowledged. What was not comes again on
the next connection: clients drop what they know by its `event_id`.

    KEY_ROTATION    metadata {group_id, epoch, members, reason: created | member_added |
                    member_removed | member_left | key_changed}
    MEMBER_REMOVED  metadata {group_id, reason: member_removed | member_left | group_deleted}: the
                    recipient is no member any more
    EVENTS_EXPIRED  metadata {from, to, reason: expired | queue_full | device_unseen | superseded}:
                    events with these sequences were lost; it is acknowledged like the others.
                    `superseded` is no loss: KEY_ROTATION or MEMBER_REMOVED, of which a newer one on
                    the same group comes; such a place may have the `event_id` of what it was

From clients
    {type: "ACK", event_id, recipient_id?}  lets the event go; one that is not there does nothing.
    {type: "ping"}                          {type: "pong"}
    {type: "auth", token}                   {type: "auth_ok", expires_at}: go on with a newer token

A frame may carry `ref`; its answer repeats it, and an ACK with one is answered `{type: "ack_ok",
ref, removed}`. A failure is `{type: "error", code, message, ref?}`.

When the token runs out, `error` says `token_expired`, as does the answer to whatever is said then
but `auth`; nothing is told until it came, and without it the socket is closed (4401) after a
minute. Other close codes: 1012 come back at once; 1013 it was read too slowly; 1008 too much was
sent; 4401 sign in again.
"""

from operator import attrgetter

from server.apis.event_queue import shapes
from server.apis.event_queue.handlers import frames
from server.apis.event_queue.render import frames as render
from server.apis.event_queue.render.users import SOCKET_COOKIE
from server.apis.event_queue.requests.frames import Ack, Ping
from server.core.durable import ConversationChanged, ConversationEnded
from server.core.errors import Code
from server.core.queued import EVENTS_EXPIRED, KEY_ROTATION, MEMBER_REMOVED, EventsQueued
from server.transports.api import NOTHING, Frame, RawSocket

SOCKET = RawSocket(
    path="/ws/{user_id}",
    frames={
        "ACK": Frame(
            Ack,
            frames.acknowledge,
            render.acknowledged,
            "Let an event go that has come to this device; answered if it has a `ref`",
            refusals=(Code.FORBIDDEN,),
            acknowledges=attrgetter("event_id"),
            example={"event_id": "event-1"},
        ),
        "ping": Frame(Ping, frames.ping, render.pong, "Be answered"),
    },
    events=NOTHING,
    queued=render.event,
    own={
        KEY_ROTATION: shapes.KeyRotation,
        MEMBER_REMOVED: shapes.MemberRemoved,
        EVENTS_EXPIRED: shapes.EventsExpired,
    },
    wakes=(EventsQueued, ConversationChanged, ConversationEnded),
    cookie=SOCKET_COOKIE,
    is_for_accounts=True,
    renewed=render.renewed,
)
