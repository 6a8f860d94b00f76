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

When the token runs out, `error` says `token_expired`; the socket is closed (4401) after a minute
unless `auth` came. 1012: come back at once; 1013: it was read too slowly; 1008: too much was sent.
"""

from server.apis.secure_chat.handlers import frames, messages
from server.apis.secure_chat.render import frames as render
from server.apis.secure_chat.requests.frames import AskPresence, Heartbeat, TellReceipt, Typing
from server.apis.secure_chat.requests.messages import Send
from server.core.durable import Status
from server.transports.api import Frame, RawSocket

SOCKET = RawSocket(
    path="/ws",
    frames={
        "message": Frame(
            Send, messages.send_message, render.sent, "Send a message", ("message_sent",)
        ),
        "delivery_receipt": Frame(
            TellReceipt,
            frames.tell_delivered,
            render.noted(Status.DELIVERED),
            "Say that messages have come to this device",
            ("delivery_receipt_ack",),
        ),
        "read_receipt": Frame(
            TellReceipt,
            frames.tell_read,
            render.noted(Status.READ),
            "Say that messages were read",
            ("read_receipt_ack",),
        ),
        "typing": Frame(Typing, frames.begin_typing, render.silent, "Say that one is typing"),
        "stop_typing": Frame(
            Typing, frames.stop_typing, render.silent, "Say that one is typing no longer"
        ),
        "presence": Frame(
            AskPresence, frames.who_is_online, render.online, "Ask who is online", ("presence",)
        ),
        "heartbeat": Frame(
            Heartbeat, frames.beat, render.beaten, "Be answered", ("heartbeat_ack",)
        ),
    },
    events=render.EVENTS,
    backlog=lambda chat: chat.mail,
    standing=lambda chat, user: chat.device_keys.standing(user),
    is_for_accounts=True,
)
