"""From results and events of the core to the session relay's words."""

from collections.abc import Callable, Iterable
from typing import Any

from server.apis.session_relay import shapes
from server.apis.session_relay.requests import Join, Reserve, room_of
from server.core.errors import Code
from server.core.events import (
    EventsLost,
    FileDownloaded,
    Member,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
    SignalSent,
    TypingChanged,
)
from server.core.ids import as_written
from server.core.ports import Reservation, RoomSummary
from server.core.rooms import Admission
from server.transports.api import Answer, Emit, Response

WORDS = {
    Code.ROOM_NOT_FOUND: "session_not_found",
    Code.ROOM_EXISTS: "session_exists",
    Code.ROOM_FULL: "session_full",
    Code.ROOM_LOCKED: "session_locked",
    Code.ROOM_EXPIRED: "session_expired",
    Code.INVALID_KEY: "invalid_auth_key",
    Code.TOO_MANY_ROOMS: "too_many_sessions",
}

HEARD = {
    "public-keys-updated": "[{userId, publicKey, displayName, joinedAt}]",
    "messages-history": "[{id, from, to, encrypted, timestamp, type, originalContent: null, seq}]",
    "new-message": "{id, from, to, encrypted, timestamp, type, seq}",
    "message-sent": "{id, from, to, encrypted, timestamp, type, seq}",
    "signal": "{from, to, encrypted, timestamp}",
    "user-joined": "{userId, displayName, timestamp, seq}",
    "user-left": "{userId, timestamp, reason: left | lost | removed, seq}",
    "user-typing": "{userId, isTyping}",
    "download-notification": "{downloadedBy, fileName, timestamp}",
    "session-locked": "{locked, timestamp}",
    "session-error": "{error, message, retryAfterMs?}",
    "resync": "{sessionId}",
}


# --- answers to routes ---


def reserved(request: Reserve, reservation: Reservation) -> Response[shapes.Reserved]:
    body: shapes.Reserved = {
        "success": True,
        "sessionId": room_of(request.session_id),
        "expiresAt": reservation.expires_ms,
    }
    return Response(body, 201 if reservation.created else 200)


def sessions(_: object, summaries: tuple[RoomSummary, ...]) -> Response[shapes.Sessions]:
    body: shapes.Sessions = {
        "success": True,
        "sessions": [_summary(summary) for summary in summaries],
        "next": summaries[-1].room_id if summaries else None,
    }
    return Response(body)


def _summary(room: RoomSummary) -> shapes.Session:
    return {
        "sessionId": room.room_id,
        "members": room.members,
        "messages": room.messages,
        "bytes": room.held_bytes,
        "createdAt": room.created_ms,
        "lastActivityAt": room.active_ms,
        "locked": room.locked,
        "hasKey": room.has_key,
    }


# --- answers to events ---


def admitted(request: Join, admission: Admission) -> Answer:
    joined = admission.joined
    members = [_member(member) for member in joined.members]
    messages = [_old_message(event) for event in joined.messages]
    ack = {
        "success": True,
        "sessionId": room_of(request.session_id),
        "seq": joined.seq,
        "truncated": joined.truncated,
        "locked": joined.locked,
        "isCreator": joined.is_creator,
        "memberToken": admission.member_token,
        "limits": _limits(admission),
        "members": members,
        "messages": messages,
    }
    return Answer(ack, (("public-keys-updated", members), ("messages-history", messages)))


def _limits(admission: Admission) -> dict[str, int]:
    bounds, policy = admission.bounds, admission.policy
    return {
        "ciphertextBytes": bounds.ciphertext_bytes,
        "publicKeyBytes": bounds.public_key_bytes,
        "historyMessages": policy.history_messages,
        "historyBytes": policy.history_bytes,
        "idleMinutes": policy.idle_limit_ms // 60_000,
    }


def key_saved(_: object, members: tuple[Member, ...]) -> Answer:
    return Answer({"success": True, "members": [_member(member) for member in members]})


def keys(_: object, members: tuple[Member, ...]) -> Answer:
    shown = [_member(member) for member in members]
    return Answer({"success": True, "members": shown}, (("public-keys-updated", shown),))


def sent(_: object, event: MessageSent) -> Answer:
    message = _message(event)
    ack = {"success": True, "messageId": message["id"], **message}
    return Answer(ack, (("message-sent", message),))


def done(_: object, __: None) -> Answer:
    return Answer({"success": True})


# --- what others hear ---


def _message_sent(event: MessageSent) -> Iterable[Emit]:
    users = None if event.recipient is None else (event.recipient, event.sender)
    return [Emit("new-message", _message(event), users)]


def _signal_sent(event: SignalSent) -> Iterable[Emit]:
    data = {
        "from": event.sender,
        "to": event.recipient if event.recipient is not None else event.addressed_as,
        "encrypted": event.ciphertext,
        "timestamp": event.sent_ms,
    }
    return [Emit("signal", data, None if event.recipient is None else (event.recipient,))]


def _member_joined(event: MemberJoined) -> Iterable[Emit]:
    return [
        Emit(
            "user-joined",
            {
                "userId": event.user_id,
                "displayName": event.name,
                "timestamp": event.joined_ms,
                "seq": event.seq,
            },
        )
    ]


def _member_left(event: MemberLeft) -> Iterable[Emit]:
    return [
        Emit(
            "user-left",
            {
                "userId": event.user_id,
                "timestamp": event.left_ms,
                "reason": event.reason.value,
                "seq": event.seq,
            },
        )
    ]


def _members_changed(event: MembersChanged) -> Iterable[Emit]:
    return [Emit("public-keys-updated", [_member(member) for member in event.members])]


def _typing_changed(event: TypingChanged) -> Iterable[Emit]:
    return [Emit("user-typing", {"userId": event.user_id, "isTyping": event.is_typing})]


def _file_downloaded(event: FileDownloaded) -> Iterable[Emit]:
    data = {
        "downloadedBy": event.user_id,
        "fileName": event.file_name,
        "timestamp": event.downloaded_ms,
    }
    return [
        Emit("download-notification", data, None if event.recipient is None else (event.recipient,))
    ]


def _room_locked(event: RoomLocked) -> Iterable[Emit]:
    return [Emit("session-locked", {"locked": event.locked, "timestamp": event.locked_ms})]


def _member_removed(event: MemberRemoved) -> Iterable[Emit]:
    told = {"error": Code.MEMBER_REMOVED.word, "message": "the creator has put you out"}
    return [Emit("session-error", told, (event.user_id,))]


def _room_expired(event: RoomExpired) -> Iterable[Emit]:
    minutes = event.idle_limit_ms // 60_000
    told = {
        "error": WORDS[Code.ROOM_EXPIRED],
        "message": f"nothing happened here for {minutes} minutes; all of it is forgotten",
    }
    return [Emit("session-error", told)]


def _events_lost(event: EventsLost) -> Iterable[Emit]:
    return [Emit("resync", {"sessionId": event.room_id})]


EVENTS: dict[type[RoomEvent], Callable[[Any], Iterable[Emit]]] = {
    MessageSent: _message_sent,
    SignalSent: _signal_sent,
    MemberJoined: _member_joined,
    MemberLeft: _member_left,
    MembersChanged: _members_changed,
    TypingChanged: _typing_changed,
    FileDownloaded: _file_downloaded,
    RoomLocked: _room_locked,
    MemberRemoved: _member_removed,
    RoomExpired: _room_expired,
    EventsLost: _events_lost,
}


# --- shapes ---


def _member(member: Member) -> dict[str, Any]:
    return {
        "userId": member.user_id,
        "publicKey": member.public_key,
        "displayName": member.name,
        "joinedAt": member.joined_ms,
    }


def _message(event: MessageSent) -> dict[str, Any]:
    to = event.addressed_as if event.recipient is None else event.recipient
    return {
        # Plain values: the encoder asks Python for each that is not.
        "id": str(event.message_id),
        "from": as_written(event.sender),
        "to": None if to is None else as_written(to),
        "encrypted": event.ciphertext.json(),
        "timestamp": event.sent_ms,
        "type": event.content_type,
        "seq": event.seq,
    }


def _old_message(event: MessageSent) -> dict[str, Any]:
    return {**_message(event), "originalContent": None}
