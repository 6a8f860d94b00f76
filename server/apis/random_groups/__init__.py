"""Random groups: one click into a conversation with 2 to 9 strangers. Socket.IO and REST.

The wire contract. Times are ISO 8601 in UTC; `?` marks what may be absent. All events and
routes need a token (see server/apis/identity), in the handshake or as Bearer, but for the stats.

From clients; each may ask for an acknowledgement, {success: true, …} or
{success: false, error, message, retryAfterMs?}.
    join_random_group   {publicKey}                     ack {group, message}
    next_group          {publicKey?}                    ack {group, message}
    leave_group         {groupId}                       ack {message}
    send_group_message  {groupId, encryptedMessage, messageType? text | key_exchange, to?,
                         id? | messageId? | clientMessageId?}
                                                        ack {messageId, timestamp, seq}
    get_group_messages  {groupId, limit? 50, before?}   ack {messages: [message], hasMore}
    typing_start, typing_stop   {groupId}
    block_member        {userId, groupId?}              ack {message}
    unblock_member      {userId}                        ack {message}
    report_member       {groupId, userId, reason, evidence?}    ack {message, removed}

    group       {id, name, currentMembers, maxMembers, members: [member], epoch, seq}
    member      {userId, login, publicKey, joinedAt}
    message     {id, groupId, senderId, senderLogin, encryptedContent, messageType, timestamp,
                 to, seq}

To clients
    joined_group        {group}     who comes into the user's group without having asked: a
                                    connection of a member, or one while another asks
    user_joined         {groupId, userId, login, publicKey, joinedAt, timestamp, seq}
    user_left           {groupId, userId, login, reason: left | lost | removed, timestamp, seq}
    new_message         message     to all connections of all members, the sender's too
    user_typing         {groupId, userId, login, isTyping}
    system_message      {groupId, message, timestamp}
    key_rotation_needed {groupId, epoch, members: [member]}
    group_closed        {groupId, reason: expired | removed | signed_out}

Routes; the bodies answered are those of the acknowledgements
    POST /api/groups/join-random {publicKey}        POST /api/groups/next {publicKey?}
    GET  /api/groups/current  {group | null}        POST /api/groups/{groupId}/leave
    GET  /api/groups/{groupId}/messages?limit&before
    POST /api/groups/{groupId}/typing {isTyping}
    POST /api/messages, /api/group-messages         as send_group_message; 201
    POST /api/groups/{groupId}/block {userId}       POST /api/groups/{groupId}/report
    POST /api/users/{userId}/block, /api/users/{userId}/unblock
    GET  /api/users/{userId}/public-key     {userId, login, publicKey, updatedAt,
        user_id, public_key}: the one that an account shows, else the last one in a group
    POST /api/users/{userId}/sessions       {userId, login, bundle: {publicKey, updatedAt}}
    GET  /api/groups/stats  (open)
        {stats: {totalGroups, activeGroups, totalMembers, averageGroupSize}}
    GET  /api/groups?page&limit  (operators)
        {groups: [{id, name, currentMembers, maxMembers, messages, bytes, createdAt,
        lastActivityAt}], pagination: {page, limit, total, pages}}
    POST /api/groups/cleanup  (operators)           {cleaned}
    GET  /api/admin/reports?after&limit  (operators)
        {reports: [{id, groupId, reporterId, userId, reason, evidence, createdAt}], next}

A user is in one group at a time; joining again answers that group, with a new key if the key
differs. The epoch rises by one with each join, leave and new key, and everybody else is told by
`key_rotation_needed`; whoever joined has epoch and members in the acknowledgement. `to` null,
absent, '' or 'all' is everybody; a message for one member is in the history of those two only.
`encryptedMessage`, `publicKey` and `evidence` are any JSON value, over Socket.IO with binary,
which REST shows as base64. A user without a connection leaves after the grace; whoever joined
by REST has a minute to connect. A group ends with its last member, or when it is idle.
"""

from server.apis.random_groups.events import ACTIONS
from server.apis.random_groups.render import EVENTS, HEARD
from server.apis.random_groups.routes import ROUTES
from server.core.kinds import Kind
from server.transports.api import Api

RANDOM_GROUPS = Api(
    name="random groups",
    kind=Kind.RANDOM,
    routes=ROUTES,
    actions=ACTIONS,
    events=EVENTS,
    heard=HEARD,
    words={},
)
