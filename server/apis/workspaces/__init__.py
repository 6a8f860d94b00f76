"""Workspaces: channels, direct messages, document chats, presence and files. REST and Socket.IO.

All but guests can use it: users of other systems too, who come into the workspaces that their
tokens name (`workspaceId`, `workspaceIds`). A removal here outranks what a token names.

The wire contract. Times are ISO 8601 in UTC, with milliseconds and a `Z`; `?` marks what may be
absent. Ids are texts, those of users too whose tokens have a number. Every good answer is
{success: true, …}; below, what comes besides. A message that is not end-to-end encrypted
(`isEncrypted` of its conversation) is encrypted at rest by the server.

Workspaces
    POST   /chat/workspaces {name}                          201 {workspace}
    GET    /chat/workspaces                                 {workspaces}
    GET    /chat/workspaces/{id}/members?limit&cursor       {members, nextCursor}
    POST   /chat/workspaces/{id}/members {userId, role? OWNER | ADMIN | MEMBER}     {member}
    DELETE /chat/workspaces/{id}/members/{userId}           {workspaceId, userId}
    GET    /chat/workspaces/{id}/unread-count               {total, conversations: {id: count}}

    workspace   {id, name, createdById, role: OWNER | ADMIN | MEMBER, memberCount, createdAt,
                updatedAt}
    member      {userId, name, role, joinedAt}

    Admins add and remove members; owners do all else, and the last of them stays. For whoever is
    not in a workspace there is none (`not_found`). Who is removed leaves its conversations. Of
    each conversation at most 1000 unread messages are counted.

Conversations
    POST   /chat/conversations {type: DM | GROUP | DOCUMENT, workspaceId, name?, description?,
        icon?, documentId?, memberIds?, isEncrypted?}       201 {conversation}
    GET    /chat/conversations?workspaceId&type&limit&cursor        {conversations, nextCursor}
    GET, PUT /chat/conversations/{id}   {conversation};  PUT takes {name?, description?, icon?}
    DELETE /chat/conversations/{id}                         {conversationId}
    POST   /chat/conversations/{id}/members {userId, role? ADMIN | MEMBER}  {conversation}
    DELETE /chat/conversations/{id}/members/{userId}        {conversationId, userId}
    PUT    /chat/conversations/{id}/members/{userId}/role {role}    {conversation}
    POST   /chat/conversations/{id}/read {messageId?}
        {conversationId, lastReadAt, unreadCount}

    conversation        {id, workspaceId, type, name, description, icon, createdById, documentId,
                        isEncrypted, encryptionKey: null, keyEpoch, createdAt, updatedAt, role,
                        members: [conversationMember], memberCount?, unreadCount?, lastMessage?};
                        in a list `members` are the 20 who joined first, and oneself
    conversationMember  {id, conversationId, userId, name, role, joinedAt, lastReadAt}

    A DM has one other in `memberIds`, a DOCUMENT a `documentId`, a GROUP a `name`. There is one DM
    of two people and one DOCUMENT of a document in a workspace: making it again answers 200 with
    the one that is there. Whoever is in the workspace comes into a DOCUMENT by that. Who makes a
    conversation owns it, and is an ADMIN on the wire: ADMINs add and remove members and change what
    it is called; the owner alone gives roles, removes ADMINs and ends it. A DM stays as it is.

Messages
    POST   /chat/conversations/{id}/messages {content, attachments?, fileIds?, replyToId?,
        clientMessageId?, encryptionMetadata?}              201 {message}
    GET    /chat/conversations/{id}/messages?limit&before&after&cursor&threadId
        {messages, hasMore, nextCursor}: oldest first; `before`, `after` and `cursor`, which is
        `nextCursor` of the page before and goes on the same way, are sequences; with `threadId` a
        thread's first message and its replies
    PUT    /chat/messages/{id} {content, attachments?, fileIds?, conversationId?}   {message}
    DELETE /chat/messages/{id}?conversationId               {messageId, conversationId, deletedAt}
    POST   /chat/messages/{id}/reactions {emoji, action? add | remove, conversationId?}
        {message}; without `action` it is the other way than it was
    GET    /chat/search?q&workspaceId&conversationId&userId&from&to&limit&cursor
        {messages, nextCursor, encryptedSkipped?}: those that have all words of `q` (or `query`),
        newest first. `encryptedSkipped`: conversations were left out that only their clients can
        read; asked for in one of them it is `unsearchable`

    message     {id, conversationId, workspaceId, seq, userId, content, attachments, replyToId,
                threadId, replyCount, lastReplyAt, editedAt, deletedAt, reactions: {emoji:
                [userId]}, readBy, createdAt, isEncrypted, encryptionMetadata?}

    Everybody edits and deletes its own; ADMINs delete others', too. What was deleted has neither
    content nor attachments nor reactions. An id that is sent again by the same sender answers as
    the first time; another's is `id_conflict`. If the `encryptionMetadata` of an opaque message
    have `encryptedKeys: [{recipientId, recipientDeviceId}]`, these must be just the devices of
    secure chat that the other members have now, or it is `device_mismatch` with {missing, stale}.

    A message has the files that its attachments name in clear ({fileId}), and those of `fileIds`,
    for clients that encrypt their attachments: its sender's, put into that conversation, which no
    message has yet; else `not_found`. An edit that says either has just those files from then on.

Presence and files
    PUT    /chat/presence {status: online | away | busy | offline, workspaceId}     {presence}
    GET    /chat/presence/{workspaceId}?limit&cursor        {presence: [presence], nextCursor}
    POST   /chat/conversations/{id}/files   the bytes, or multipart/form-data       201 {file}
    GET    /chat/files/{id}                 the bytes, always as an attachment; ranges

    Until a message has it, a file is there for its sender alone, and is deleted after a day; then
    for whoever can read that message, and it goes with that.

    presence    {id, userId, workspaceId, status, lastSeen, updatedAt}
    file        {id, conversationId, workspaceId, userId, name, type, size, url, createdAt}

Socket.IO, on the namespaces `/chat` and `/`. An acknowledgement is as the answer to the route, or
{success: false, error, message}; who wants none hears `exception` when it is refused.
    join_workspace {workspaceId}            {workspaceId, conversationIds, presence, nextCursor}
    join_conversation {conversationId}      {conversationId, seq, unreadCount}
    leave_conversation {conversationId}     {conversationId}
    send_message, edit_message, delete_message, add_reaction, mark_as_read, update_presence
        as the routes, with `messageId` and `conversationId` in the payload
    typing_start, typing_stop {conversationId}
    auth-refresh {token}                    on `/chat`

    message:new {message, conversationId}           message:edit {message}
    message:delete {messageId, conversationId}      message:reaction {message}
    message:read {userId, conversationId, messageId?, readAt}
    typing:start, typing:stop {userId, conversationId}
    conversation:new {conversation}                 conversation:updated {conversationId, updates}
    presence_update {userId, status, workspaceId, lastSeen}
    exception {error, message, retryAfterMs?}

    `updates` has what is another than before (of members with `keyEpoch`); `removed: true` to
    whoever is in it no more; `deletedAt` when it has ended; `reload: true` where so much was missed
    that its messages are to be read again. Of a conversation with more than 20 members it is told
    once in five seconds what has changed since.

    Who has joined a workspace hears of all its conversations there in which it is; who has joined a
    conversation hears who types and reads, too. The sender of a message has it from its
    acknowledgement, or hears it if it wants none; who was typing types no more then. Somebody is
    online while one of its connections has joined the workspace.

Operators
    POST   /api/admin/workspaces/{workspaceId}/rotate-key   {workspaceId, version}
    POST   /api/admin/workspaces/rewrap-keys {after?}       {rewrapped, lost: {masterKey: count},
                                                            next}
    GET    /api/admin/workspaces/{workspaceId}/audit?limit&before
        {entries: [{at, action, userId, subjectId, conversationId}], next}
"""

from server.apis.workspaces.events import ACTIONS
from server.apis.workspaces.render.told import HEARD, TOLD
from server.apis.workspaces.routes import (
    conversations,
    files,
    messages,
    operators,
    presence,
    search,
    workspaces,
)
from server.transports.api import CHAT, MAIN, NOTHING, Api

WORKSPACES = Api(
    name="workspaces",
    routes=(
        *workspaces.ROUTES,
        *conversations.ROUTES,
        *messages.ROUTES,
        *presence.ROUTES,
        *search.ROUTES,
        *files.ROUTES,
        *operators.ROUTES,
    ),
    actions=ACTIONS,
    events=NOTHING,
    heard=HEARD,
    words=NOTHING,
    told=TOLD,
    unasked_event="exception",
    namespaces=(MAIN, CHAT),
)
