"""Event queue: events that wait for each device until it acknowledges them. REST and a WebSocket.

The wire contract. Times are whole milliseconds since the epoch; `?` marks what may be absent. For
accounts of this server: guests and users of other systems have no queues (403).

People
    POST /api/register {id_token, public_key, display_name?, nonce?, device_id?, device_name?}
        201 the first time, 200 after that: {user, access_token, refresh_token, token_type,
        expires_at}, and the cookie `hushwire-socket`
    GET  /api/users/me                      user
    GET  /api/users/{user_id}/public-key    see server/apis/random_groups
    POST /api/users/public-keys {user_ids}  {public_keys: {user_id: public_key}, not_found}
    GET  /api/users/search?q                {users: [{user_id, display_name}]}, at most 20: the
        first letters of a name, at least 3, or a whole e-mail address that an issuer has verified

    user    {user_id, email, display_name, public_key, key_version, created_at}

    A `public_key` is any JSON value but null and empty text.
    An identity token is one of the issuer that the operators have set up, such as Google, made
    for their client. Whoever has registered may also show it as Bearer, for the device
    `default`, unless that sign-in has ended since. An account belongs to the issuer's user alone:
    it is never one that signed up with the same e-mail address, which nobody has verified.
    Another `public_key` than before takes its place, and gives all groups of the user another
    key epoch, the first at once and the others within seconds; five changes at once, then one
    every twelve minutes. POST /api/auth/refresh, /logout and all else of accounts hold here, too.

Events
    POST /api/events {event_type, recipient_ids | recipient_id | group_id, encrypted_payload?,
        metadata?, event_id?}
        201 {event_id, timestamp, queue_full: [user_id]}; 429 `queue_full` if nobody had room,
        without Retry-After: there is room again when they acknowledge something;
        404 `recipient_not_found` {not_found: [user_id]} of recipients without an account

    All who have room get it, or nobody: they are written in one transaction before the answer. Who
    had no room stands in `queue_full`; to them it can be sent later, under another id. The same id
    of the same sender is answered as the first time, and delivers nothing again; `id_conflict` if
    an event of another sender with that id waits for one of them. A group's event is for all
    members, on all devices but the sending one. `event_type` is any word of A-Z, a-z, 0-9, _ and -;
    only the server sends EVENTS_EXPIRED and MEMBER_REMOVED.
    Half a surrogate pair, which is no text, is read as U+FFFD wherever it stands: base64, or
    whole characters, come as they were sent.
    A queue has 10,000 places, and 1,000 more for what is about the keys of groups: what the server
    says, and what members send to a group as KEY_ROTATION. Of both, 1,000 are for one sender.
    Events wait for 14 days; so does the queue of a device that was not seen, but for that of the
    user's devices which was seen last.

Groups
    POST   /api/groups {name, member_ids?}      201 group
    GET    /api/groups?before                   {groups: [group], next}; `before` is `next` of the
        page before. With `page` or `limit` it is the operators' list of random groups.
    GET    /api/groups/{group_id}               group
    DELETE /api/groups/{group_id}               {group_id}
    POST   /api/groups/{group_id}/members {user_id, role?}      group
    DELETE /api/groups/{group_id}/members/{user_id}             {group_id, user_id}

    group   {group_id, name, created_by, created_at, updated_at, key_epoch, role, members:
            [{user_id, display_name, role: owner | admin | member, joined_at}]}

    They are the rooms of secure chat, with the same rules: admins add and remove members, the
    owner all else, and everybody may leave. Each who comes or goes raises `key_epoch`, and puts a
    KEY_ROTATION into the queues of all members, and MEMBER_REMOVED into those of whoever goes. Such
    an event takes the place of those on the same group that wait; but a KEY_ROTATION of which the
    reason is `key_changed` waits until another of that reason. They count as events of whoever has
    caused them: who has caused too many that wait has the queue say `queue_full`.

Operators
    GET  /api/admin/event-queues            {queues, lapsed, waiting, longest, longest_queues:
        [{user_id, device_id, waiting}], oldest, bytes}; of `longest_queues` there are ten at most
    POST /api/admin/cleanup-expired-events  {removed}
"""

from server.apis.event_queue.routes import admin, events, groups, users
from server.apis.event_queue.socket import SOCKET
from server.transports.api import NOTHING, Api

EVENT_QUEUE = Api(
    name="event queue",
    routes=(*users.ROUTES, *events.ROUTES, *groups.ROUTES, *admin.ROUTES),
    actions=NOTHING,
    events=NOTHING,
    heard=NOTHING,
    words=NOTHING,
    socket=SOCKET,
)
