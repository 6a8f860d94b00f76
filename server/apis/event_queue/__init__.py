"""Event queue: events that wait for each device until it acknowledges them. REST and a WebSocket.

The wire contract. Times are whole milliseconds since the epoch; `?` marks what may be absent. For
accounts of this server: guests and users of other systems have no queues (403).

Events
    POST /api/events {event_type, recipient_ids | recipient_id | group_id, encrypted_payload?,
        metadata?, event_id?}
        201 {event_id, timestamp, queue_full: [user_id]}; 429 `queue_full` if nobody had room

    All who have room get it, or nobody: they are written in one transaction before the answer. Who
    had no room stands in `queue_full`; to them it can be sent later, under another id. The same id
    of the same sender is answered as the first time, and delivers nothing again; `id_conflict` if
    an event of another sender with that id waits for one of them. A group's event is for all
    members, on all devices but the sending one. `event_type` is any word of A-Z, a-z, 0-9, _ and -;
    only the server sends EVENTS_EXPIRED and MEMBER_REMOVED.
    A queue has 10,000 places, 1,000 of them for one sender, and 1,000 more for KEY_ROTATION.
    Events wait for 14 days; so does the queue of a device that was not seen.

Operators
    GET  /api/admin/event-queues            {queues, lapsed, waiting, longest, oldest, bytes}
    POST /api/admin/cleanup-expired-events  {removed}
"""

from server.apis.event_queue.routes import admin, events
from server.apis.event_queue.socket import SOCKET
from server.transports.api import NOTHING, Api

EVENT_QUEUE = Api(
    name="event queue",
    routes=(*events.ROUTES, *admin.ROUTES),
    actions=NOTHING,
    events=NOTHING,
    heard=NOTHING,
    words=NOTHING,
    socket=SOCKET,
)
