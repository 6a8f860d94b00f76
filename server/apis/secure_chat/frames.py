"""The WebSocket of secure chat.

The wire contract. Frames are JSON objects in text. A client opens `/ws` with its access token as
Bearer, as the subprotocols `bearer, <token>`, or as `?token=`; without a good one the socket is
closed at once (4401; 4403 for who has no account here). A frame has its fields in `payload` or
beside its type; the answer repeats its `ref`, if it has one. Every failure is answered:

    error               {code, message, ref?, …}

From clients
    message             as POST /api/messages/send takes it
        message_sent    {messageId, senderId, recipientId | roomId, roomId, seq, messageType,
                        encryptedContent, deliveryStatus, createdAt}
    delivery_receipt    {messageId | messageIds, roomId?, senderId?}
        delivery_receipt_ack    {messageIds, notFound}
    read_receipt        the same
        read_receipt_ack
    typing, stop_typing {recipientId | roomId}
    presence            {userIds?}: who is online of those who take part in a room with the user.
                        Whoever a stranger has written to, or put into a room, takes part once it
                        has written there.
        presence        {online: [userId]}
    heartbeat           heartbeat_ack
    auth                {token}: go on with a newer token of the same device
        auth_ok         {expiresAt}

To clients
    new_message         {message}: all that this device has neither sent nor acknowledged, room by
                        room in order of `seq`, when it connects; then each as it is sent. It comes
                        again on the next connection until a receipt says that it has come. The
                        user's other devices are told, too; so are the other connections of the
                        device that sent it, or all of them if it was sent over REST.
    delivery_receipt, read_receipt  {messageId, roomId, seq, senderId, userId, timestamp}
    message_edited      {messageId, roomId, seq, encryptedContent, encryptionMetadata, editedAt}:
                        its sender has changed it, by the API of workspaces
    message_deleted     {messageId, roomId, seq, userId, deletedAt}
    typing, stop_typing {roomId, userId}
    presence            {userId, status: online | offline, timestamp}
    room_changed        {room}, where `role` is null: all are told the same, and each has its role
                        among the participants; room_ended {roomId, timestamp}
    device_revoked      {deviceId}: this one is closed (4401), the others are told
    identity_changed    {userId, timestamp}: somebody who shares a room has another identity key;
                        clients warn, and have people compare safety numbers anew
    prekeys_low         {remaining}: once when they become fewer than 20, and whenever it connects
                        while they are

When the token runs out, `error` says `token_expired`, as does the answer to whatever is said then
but `auth`; the socket is closed (4401) after a minute unless `auth` came. 1012: come back at once;
1013: it was read too slowly; 1008: too much was sent.
"""

from server.apis.secure_chat.handlers import frames, messages
from server.apis.secure_chat.render import frames as render
from server.apis.secure_chat.requests.frames import AskPresence, Heartbeat, TellReceipt, Typing
from server.apis.secure_chat.requests.messages import Send
from server.core.errors import Code
from server.transports.api import Frame, RawSocket

_OF_ROOM = (Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND, Code.FORBIDDEN)
_OF_MESSAGES = (Code.NOT_FOUND, Code.ID_CONFLICT, Code.FORBIDDEN)
_RECEIPT = {"messageIds": ["message-1", "message-2"], "senderId": "alice"}

SOCKET = RawSocket(
    path="/ws",
    frames={
        "message": Frame(
            Send,
            messages.send_message,
            render.sent,
            "Send a message",
            refusals=(
                *_OF_ROOM,
                Code.ID_CONFLICT,
                Code.DEVICE_MISMATCH,
                Code.TOO_MANY_ROOMS,
                Code.LIMIT_REACHED,
                Code.PAYLOAD_TOO_LARGE,
            ),
            example={
                "recipientId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e",
                "messageId": "message-1",
                "encryptedContent": "bm90aGluZyB0aGF0IGEgc2VydmVyIGNhbiByZWFk",
            },
        ),
        "delivery_receipt": Frame(
            TellReceipt,
            frames.tell_delivered,
            render.delivery_noted,
            "Say that messages have come to this device",
            refusals=_OF_MESSAGES,
            example=_RECEIPT,
        ),
        "read_receipt": Frame(
            TellReceipt,
            frames.tell_read,
            render.read_noted,
            "Say that messages were read",
            refusals=_OF_MESSAGES,
            example=_RECEIPT,
        ),
        "typing": Frame(
            Typing,
            frames.begin_typing,
            render.silent,
            "Say that one is typing",
            refusals=_OF_ROOM,
            example={"roomId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"},
        ),
        "stop_typing": Frame(
            Typing,
            frames.stop_typing,
            render.silent,
            "Say that one is typing no longer",
            refusals=_OF_ROOM,
            example={"roomId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"},
        ),
        "presence": Frame(
            AskPresence,
            frames.who_is_online,
            render.online,
            "Ask who is online",
            refusals=(Code.FORBIDDEN,),
            example={"userIds": ["019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"]},
        ),
        "heartbeat": Frame(
            Heartbeat,
            frames.beat,
            render.beaten,
            "Be answered",
            refusals=(Code.FORBIDDEN,),
        ),
    },
    events=render.EVENTS,
    backlog=lambda chat: chat.mail,
    standing=lambda chat, user: chat.device_keys.standing(user),
    is_for_accounts=True,
)
