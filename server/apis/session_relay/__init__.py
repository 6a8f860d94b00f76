"""The session relay: rooms by link and key, gone after 30 idle minutes. Socket.IO and REST.

The wire contract. Times are integer milliseconds; `?` marks what may be absent.

Routes
    POST /api/reserve-session {sessionId, authKey?}
        201 {success, sessionId, expiresAt}; 200 for the same key again; 409 for another
    GET /sessions?after&limit   (operators)
        {success, sessions: [{sessionId, members, messages, bytes, createdAt, lastActivityAt,
        locked, hasKey}], next}
    GET /health, /ready, /      (see server/transports/health.py)

From clients; every event may ask for an acknowledgement, {success, …} or
{success: false, error, message, retryAfterMs?}. Errors also arrive as `session-error`.
    join-session        {sessionId, userId, displayName?, publicKey?, isCreator?, authKey?,
                         memberToken?, newMemberToken?, since?}
        ack {sessionId, seq, truncated, locked, isCreator, memberToken, limits, members, messages}
        limits {ciphertextBytes, publicKeyBytes, historyMessages, historyBytes, idleMinutes}
    save-public-key     {sessionId, userId?, publicKey, displayName?}     ack {members}
    get-public-keys     {sessionId, userId?}                              ack {members}
    send-message        {sessionId, from?, to?, encrypted, type?,
                         id? | messageId? | clientMessageId?, originalContent?}
        ack {id, from, to, encrypted, timestamp, type, seq, messageId}
    send-signal         {sessionId, from?, to?, encrypted}
    typing-start, typing-stop       {sessionId, userId?}
    file-downloaded     {sessionId, userId?, fileName, to?}   (also as download-notification)
    lock-session        {sessionId, locked?}                   (creator)
    remove-member       {sessionId, userId}                    (creator)
    leave-session       {sessionId, userId?}

To clients
    public-keys-updated     [{userId, publicKey, displayName, joinedAt}]
    messages-history        [{id, from, to, encrypted, timestamp, type, originalContent: null, seq}]
    new-message             {id, from, to, encrypted, timestamp, type, seq}
    message-sent            {id, from, to, encrypted, timestamp, type, seq}
    signal                  {from, to, encrypted, timestamp}
    user-joined             {userId, displayName, timestamp, seq}
    user-left               {userId, timestamp, reason: left | lost | removed, seq}
    user-typing             {userId, isTyping}
    download-notification   {downloadedBy, fileName, timestamp}
    session-locked          {locked, timestamp}
    session-error           {error, message, retryAfterMs?}

`userId` (but of remove-member), `from` and `senderId`, where given, must be the caller.
`sessionId` may be written `id:key`. A user id that came as a number goes out as a number.
`to` null, absent, '' or 'all' is everybody, unless a member has that very id.
A `signal` is for who is connected now: it has no seq and no id, stands in no history, and
does not keep the session alive. Of one for another member the sender's own tabs hear nothing.
Whoever joins for the first time may choose its `memberToken`: 43 or more random characters of
base64url, as `newMemberToken`. If the answer was lost, the same again proves who it is.
`originalContent` could let the server read along: it is accepted and dropped at the door.
"""

from server.apis.session_relay.events import ACTIONS
from server.apis.session_relay.render import EVENTS, HEARD, WORDS
from server.apis.session_relay.routes import ROUTES
from server.core.kinds import Kind
from server.transports.api import Api

SESSION_RELAY = Api(
    name="session relay",
    kind=Kind.SESSION,
    routes=ROUTES,
    actions=ACTIONS,
    events=EVENTS,
    heard=HEARD,
    words=WORDS,
    error_event="session-error",
)
