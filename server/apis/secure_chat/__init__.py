"""Secure chat: accounts and devices, their keys, and messages that wait. REST and a WebSocket.

All but guests' and other systems' users can use it: those have no keys here, could not be answered
nor blocked, and get 403.

The wire contract. Times are ISO 8601 in UTC, with milliseconds and a `Z`; `?` marks what may be
absent. Every good answer is {success: true, data, message?}; below, what is answered is `data`.

Accounts
    POST   /api/auth/signup     {username, email, password, displayName?}
        201 {userId, username, email, displayName}; 409 account_exists
    POST   /api/auth/login      {email | username, password, deviceId?, deviceName?, deviceType?}
        A known device: {userId, username, deviceId, requiresKeyRegistration: false, accessToken,
        refreshToken, expiresAt, passwordChangeRequired?}
        Another one: {userId, username, deviceId, requiresKeyRegistration: true,
        registrationToken, passwordChangeRequired?}, and the cookie `hushwire-registration`
        401 invalid_credentials; 403 if the account is banned, or the device revoked
    POST   /api/auth/refresh    {refreshToken | refresh_token}
        {accessToken, refreshToken, expiresAt}
    POST   /api/auth/logout     {refreshToken?, all?}   with a token as Bearer, or the refresh token
    GET    /api/auth/me         see server/apis/identity
    POST   /api/auth/password   {currentPassword?, newPassword}     signs all other devices out
    DELETE /api/auth/account    {password | idToken}
    GET    /api/auth/devices    {devices: [{deviceId, deviceName, deviceType, createdAt,
                                lastSeenAt, current}]}
    DELETE /api/auth/devices/{deviceId}     {deviceId}
    GET    /api/users/blocks    {blocks: [{userId, blockedAt}]}
    POST   /api/users/blocks    {userId}    201 {userId}
    DELETE /api/users/blocks/{userId}       {userId}

    A name has 3 to 32 letters, digits and . _ -; names and addresses are the same whatever their
    case. A password has 10 to 1024 characters. Without a `deviceId` one is made. An access token
    is good for 15 minutes, or until its sign-in has ended; a refresh token for 30 days and once:
    one that comes again ends its sign-in. A login of a device without keys waits five minutes
    for POST /api/keys/register. A device that was revoked never comes back under its id.
    A password that an operator gave signs in once: a login that is not completed does not use it
    up. POST /api/auth/password then needs no `currentPassword`.
    Who has registered by an identity token (see server/apis/event_queue) has no password, and none
    to change (403): DELETE /api/auth/account takes an identity token of the same user of the
    issuer, who has signed in there within the last five minutes.

Keys; all but the first need the access token of a device. They are 32 bytes, signatures 64, in
base64.
    POST   /api/keys/register
        {deviceId, publicKey, identityPublicKey, identityKeyType? ed25519 | x25519,
        signedPreKey: {keyId, publicKey, signature}, preKeys?: [{keyId, publicKey}],
        registrationToken?}
        201 {success, deviceId, userId, publicKey, accessToken, refreshToken, expiresAt}
    GET    /api/keys/user/{userId}
        {userId, identityPublicKey, identityKeyType, identityKeySince, verified, devices:
        [{deviceId, publicKey, keyVersion, verified, signedPreKey: {keyId, publicKey, signature,
        timestamp}, oneTimePreKey: {keyId, publicKey} | null}]}
    POST   /api/keys/rotate     {publicKey?, signedPreKey, preKeys?}
        {publicKey, keyVersion, accepted, skipped: [keyId], available}
    POST   /api/keys/prekeys    {preKeys}       {accepted, skipped: [keyId], available}
    GET    /api/keys/prekeys/stats              {total, available, used, expired}
    DELETE /api/keys/prekeys/cleanup            {removed}

    The identity key is the account's, the same on all devices, and signs the 32 bytes of each
    signed prekey. A signature that is no Ed25519 signature of that key is refused
    (`invalid_signature`) if `identityKeyType` says ed25519 or if one was verified before; else it
    is kept with `verified: false`. Another identity key is refused (`identity_mismatch`) for as
    long as a device of the account has keys. When the last one is revoked, which operators can do
    for whoever has lost all devices, the next login brings a new one: others see that by
    `identityKeySince`, and are told `identity_changed` on the WebSocket. A login is proved by
    `registrationToken`, the same as Bearer, or the cookie; the first device of an account may do
    without, from the address that has just logged in.
    One-time prekeys are handed out in the order in which they came, each once; an id that was
    handed out is never again, and stands in `skipped` if it is sent anew. `preKeys` of a rotation
    take the place of all that are unclaimed. A device keeps at most 1000, for 90 days. Whoever
    fetches the keys of one user more than five times an hour gets them without one-time prekeys;
    so does everybody if all together claim too many of one user, whose devices then are told
    `prekeys_low`.

Messages
    POST /api/messages/send {encryptedContent, recipientId | roomId, messageId?, messageType?,
        encryptionMetadata? {encryptedKeys? [{recipientId, recipientDeviceId, …}], …}}
        201 {messageId, senderId, recipientId | roomId, messageType, encryptedContent,
        deliveryStatus, createdAt}; 409 `device_mismatch` {missing, stale: [{userId, deviceId}]}
        unless encryptedKeys are for just the devices that the others have now. Without
        encryptedKeys none of them may have more than one. `id_conflict`: another's message.
    GET  /api/messages/direct/{userId}?limit&before&after   {messages: [message], hasMore}
    GET  /api/messages/room/{roomId}?limit&before&after     the same; `before` and `after` are
        sequences, and messages come oldest first. A page of large messages, here and below,
        has fewer than `limit`, at most 4 MiB and one message, and says that there are more
    GET  /api/messages/offline?limit&after  {messages, hasMore, next}: what this device has neither
        sent nor acknowledged, room by room, each in order; `after` is `next` of the page before
    GET  /api/messages/conversations?limit&before
        {conversations: [{roomId, type: direct | group, name, participants, lastMessage,
        unreadCount, updatedAt}], next}; at most 1000 unread messages are counted
    PUT  /api/messages/{messageId}/status {status: delivered | read, roomId?, senderId?}
        {messageId, deliveryStatus}
    POST /api/messages/status/bulk {messageIds, status, roomId?} or {updates: [{messageId, status,
        roomId?, senderId?}]}  {updated, notFound}; at most 500
    POST /api/messages/search {participantId?, senderId?, roomId?, messageType?, from?, to?,
        limit?, before?}  {messages, hasMore, next}, the newest first; a page looks at only
        so many messages, so it may be empty where `hasMore` says that `next`, as `before`, goes
        on. 422 `unsearchable` for a `query`: the server cannot read
    DELETE /api/messages/{messageId} {roomId?, senderId?}   {messageId, roomId, deletedAt}

    message     {messageId, roomId, seq, senderId, senderDeviceId, recipientId, messageType,
                encryptedContent, encryptionMetadata, deliveryStatus: sent | delivered | read,
                deliveredTo, readBy, createdAt, expiresAt, deleted, deletedAt?}

    A message id is unique in its room; where several messages have one id, `roomId` or `senderId`
    say which is meant (else `id_conflict`). `deliveryStatus` of one's own messages is that of whom
    they have come to last, and `deliveredTo` and `readBy` are counts of others; of others'
    messages it is one's own. What was deleted has neither content nor metadata.

Rooms
    POST /api/rooms {name, description?, participants?: [userId], messageTtlSeconds?}   201 room
    GET  /api/rooms?limit&before    {rooms: [room with unreadCount], next}
    GET, PUT /api/rooms/{roomId}    room;  PUT takes {name?, description?, messageTtlSeconds?}
    DELETE /api/rooms/{roomId}      {roomId}
    POST /api/rooms/{roomId}/participants {userId, role?}       room
    PUT  /api/rooms/{roomId}/participants/{userId} {role}       room
    DELETE /api/rooms/{roomId}/participants/{userId}            {roomId, userId}

    room        {roomId, name, description, type, createdBy, role, participants, messageTtlSeconds,
                seq, createdAt, updatedAt}
    participant {userId, username, displayName, role: owner | admin | member, joinedAt}

    Admins add and remove members and change what the room is called; the owner alone gives roles,
    removes admins and ends the room. Who makes another the owner is an admin then. For whoever is
    not in a room there is none (`not_found`). Who takes part in no room with an admin can be put
    into 10 rooms by that one, and into 100 by all of whom that is true (`limit_reached`); whoever
    was put somewhere so takes part once it has written there. Leaving always works. Of those who
    take part in no room with somebody 200 within 30 days can begin a conversation that it has not
    answered; one more is refused (`limit_reached`).

Operators
    GET  /api/admin/accounts?after&limit&name
        {accounts: [{userId, username, email, displayName, createdAt, bannedAt, operator}], next}
    POST /api/admin/accounts/{userId}/ban, /unban       {userId}
    POST /api/admin/accounts/{userId}/promote, /demote  {userId}: an operator, or no more
    POST /api/admin/accounts/{userId}/reset-password    {userId, temporaryPassword}: `forbidden`
        of an account that only an issuer signs in
    POST /api/admin/accounts/{userId}/revoke-devices    {deviceId?}
        {userId, revoked: [deviceId]}: all of them if none is named
"""

from server.apis.secure_chat.frames import SOCKET
from server.apis.secure_chat.routes import admin, auth, keys, messages, rooms
from server.transports.api import NOTHING, Api

SECURE_CHAT = Api(
    name="secure chat",
    routes=(
        *auth.ROUTES,
        *keys.ROUTES,
        *messages.ROUTES,
        *rooms.ROUTES,
        *admin.ROUTES,
    ),
    actions=NOTHING,
    events=NOTHING,
    heard=NOTHING,
    words=NOTHING,
    socket=SOCKET,
)
