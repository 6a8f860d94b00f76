"""The Socket.IO events that clients of the session relay send."""

from server.apis.session_relay import render
from server.apis.session_relay.requests import (
    Downloaded,
    InSession,
    Join,
    Lock,
    Remove,
    SaveKey,
    Send,
    Signal,
    room_and_key,
    room_of,
)
from server.core.chat import Chat
from server.core.errors import Code
from server.core.events import Member, MessageSent
from server.core.ids import MessageId
from server.core.rooms import Actor, Admission, JoinRequest
from server.transports.api import Action, Caller

EVERYBODY = frozenset({"", "all"})


async def join_session(chat: Chat, caller: Caller, request: Join) -> Admission:
    wanted = room_and_key(request.session_id, request.auth_key)
    return await chat.rooms.join(
        caller.address,
        caller.connection_id,
        JoinRequest(
            room_id=wanted.room_id,
            user_id=request.user_id,
            key=wanted.key,
            as_creator=bool(request.is_creator),
            name=request.display_name,
            public_key=request.public_key,
            member_token=request.member_token,
            new_token=request.new_member_token,
            since_seq=request.since or 0,
        ),
    )


async def save_public_key(chat: Chat, caller: Caller, request: SaveKey) -> tuple[Member, ...]:
    actor = _actor(caller, request)
    return await chat.rooms.save_key(actor, request.public_key, request.display_name)


async def get_public_keys(chat: Chat, caller: Caller, request: InSession) -> tuple[Member, ...]:
    actor = _actor(caller, request)
    return await chat.rooms.members(actor)


async def send_message(chat: Chat, caller: Caller, request: Send) -> MessageSent:
    actor = _actor(caller, request)
    return await chat.messages.send(
        actor,
        request.encrypted,
        to=request.to,
        is_broadcast=request.to in EVERYBODY,
        content_type=request.type or "text",
        message_id=_id_of(request) or caller.repeated,
    )


def _id_of(request: Send) -> MessageId | None:
    return request.id or request.message_id or request.client_message_id


def _repeats(request: Send, said: MessageSent) -> bool:
    return (
        _id_of(request) is None
        and room_of(request.session_id) == said.room_id
        and request.to == said.addressed_as
        and (request.type or "text") == said.content_type
        and request.encrypted == said.ciphertext
    )


async def send_signal(chat: Chat, caller: Caller, request: Signal) -> None:
    actor = _actor(caller, request)
    await chat.messages.signal(
        actor, request.encrypted, to=request.to, is_broadcast=request.to in EVERYBODY
    )


async def typing_start(chat: Chat, caller: Caller, request: InSession) -> None:
    actor = _actor(caller, request)
    await chat.messages.set_typing(actor, is_typing=True)


async def typing_stop(chat: Chat, caller: Caller, request: InSession) -> None:
    actor = _actor(caller, request)
    await chat.messages.set_typing(actor, is_typing=False)


async def file_downloaded(chat: Chat, caller: Caller, request: Downloaded) -> None:
    actor = _actor(caller, request)
    await chat.messages.file_downloaded(
        actor, request.file_name, to=request.to, is_broadcast=request.to in EVERYBODY
    )


async def lock_session(chat: Chat, caller: Caller, request: Lock) -> None:
    await chat.rooms.lock(_actor(caller, request), request.locked)


async def remove_member(chat: Chat, caller: Caller, request: Remove) -> None:
    actor = caller.acting(room_of(request.session_id), request.sender, request.sender_id)
    await chat.rooms.remove(actor, request.user_id)


async def leave_session(chat: Chat, caller: Caller, request: InSession) -> None:
    actor = _actor(caller, request)
    await chat.rooms.leave(actor.room_id, actor.connection_id)


def _actor(caller: Caller, request: InSession) -> Actor:
    claims = (request.user_id, request.sender, request.sender_id)
    return caller.acting(room_of(request.session_id), *claims)


_OF_MEMBERS = (Code.NOT_A_MEMBER, Code.FORBIDDEN, Code.INVALID_KEY)
"""Of all that only members may do, who may say by which key they came in."""

_OF_ONE = (*_OF_MEMBERS, Code.RECIPIENT_NOT_FOUND)
"""Of what may be for one member."""

_SESSION = {"sessionId": "Xb3kP9"}

_DOWNLOADED = Action(
    Downloaded,
    file_downloaded,
    render.done,
    "Tell the others, or `to`, of a download",
    refusals=_OF_ONE,
    example={**_SESSION, "fileName": "plan.pdf", "to": "bob"},
)

ACTIONS = {
    "join-session": Action(
        Join,
        join_session,
        render.admitted,
        "Join a session, or come back to it",
        sent=("public-keys-updated", "messages-history"),
        refusals=(
            Code.ROOM_NOT_FOUND,
            Code.INVALID_KEY,
            Code.ROOM_EXISTS,
            Code.ROOM_FULL,
            Code.ROOM_LOCKED,
            Code.USER_ID_TAKEN,
            Code.TOO_MANY_ROOMS,
            Code.FORBIDDEN,
            Code.PAYLOAD_TOO_LARGE,
            Code.SERVER_FULL,
        ),
        example={**_SESSION, "userId": "alice", "publicKey": "MCowBQYDK2VuAyEA", "isCreator": True},
    ),
    "save-public-key": Action(
        SaveKey,
        save_public_key,
        render.key_saved,
        "Replace one's own public key",
        refusals=(*_OF_MEMBERS, Code.PAYLOAD_TOO_LARGE, Code.SERVER_FULL),
        example={**_SESSION, "publicKey": "MCowBQYDK2VuAyEA"},
    ),
    "get-public-keys": Action(
        InSession,
        get_public_keys,
        render.keys,
        "Ask for the members and their public keys",
        sent=("public-keys-updated",),
        refusals=_OF_MEMBERS,
        example=_SESSION,
    ),
    "send-message": Action(
        Send,
        send_message,
        render.sent,
        "Send ciphertext to everybody or to one member",
        sent=("message-sent",),
        repeats=_repeats,
        refusals=(*_OF_ONE, Code.ID_CONFLICT, Code.PAYLOAD_TOO_LARGE, Code.SERVER_FULL),
        example={**_SESSION, "encrypted": "bm90aGluZyB0byByZWFk", "id": "message-1"},
    ),
    "send-signal": Action(
        Signal,
        send_signal,
        render.done,
        "Send ciphertext to who is there now; the server keeps nothing of it",
        refusals=(*_OF_ONE, Code.PAYLOAD_TOO_LARGE),
        example={**_SESSION, "encrypted": "bm90aGluZyB0byByZWFk", "to": "bob"},
    ),
    "typing-start": Action(
        InSession,
        typing_start,
        render.done,
        "Tell that one is typing",
        refusals=_OF_MEMBERS,
        example=_SESSION,
    ),
    "typing-stop": Action(
        InSession,
        typing_stop,
        render.done,
        "Tell that one has stopped typing",
        refusals=_OF_MEMBERS,
        example=_SESSION,
    ),
    "file-downloaded": _DOWNLOADED,
    "download-notification": _DOWNLOADED,
    "lock-session": Action(
        Lock,
        lock_session,
        render.done,
        "Keep newcomers out, or let them in (creator)",
        refusals=_OF_MEMBERS,
        example={**_SESSION, "locked": True},
    ),
    "remove-member": Action(
        Remove,
        remove_member,
        render.done,
        "Put a member out and lock the session (creator)",
        refusals=_OF_ONE,
        example={**_SESSION, "userId": "mallory"},
    ),
    "leave-session": Action(
        InSession,
        leave_session,
        render.done,
        "Leave at once",
        refusals=_OF_MEMBERS,
        example=_SESSION,
    ),
}
