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
from server.transports.api import Answer, Emit, Response, Success

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
    "public-keys-updated": list[shapes.SessionMember],
    "messages-history": list[shapes.OldSessionMessage],
    "new-message": shapes.SessionMessage,
    "message-sent": shapes.SessionMessage,
    "signal": shapes.SessionSignal,
    "user-joined": shapes.UserJoined,
    "user-left": shapes.UserLeft,
    "user-typing": shapes.UserTyping,
    "download-notification": shapes.DownloadTold,
    "session-locked": shapes.SessionLocked,
    "session-error": shapes.SessionError,
    "resync": shapes.SessionResync,
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


def admitted(request: Join, admission: Admission) -> Answer[shapes.Joined]:
    joined = admission.joined
    members = [_member(member) for member in joined.members]
    messages = [_old_message(event) for event in joined.messages]
    ack: shapes.Joined = {
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


def _limits(admission: Admission) -> shapes.SessionLimits:
    bounds, policy = admission.bounds, admission.policy
    return {
        "ciphertextBytes": bounds.ciphertext_bytes,
        "publicKeyBytes": bounds.public_key_bytes,
        "historyMessages": policy.history_messages,
        "historyBytes": policy.history_bytes,
        "idleMinutes": policy.idle_limit_ms // 60_000,
    }


def key_saved(_: object, members: tuple[Member, ...]) -> Answer[shapes.SessionMembers]:
    return Answer({"success": True, "members": [_member(member) for member in members]})


def keys(_: object, members: tuple[Member, ...]) -> Answer[shapes.SessionMembers]:
    shown = [_member(member) for member in members]
    return Answer({"success": True, "members": shown}, (("public-keys-updated", shown),))


def sent(_: object, event: MessageSent) -> Answer[shapes.SessionSent]:
    message = _message(event)
    ack: shapes.SessionSent = {"success": True, "messageId": message["id"], **message}
    return Answer(ack, (("message-sent", message),))


def done(_: object, __: None) -> Answer[Success]:
    return Answer({"success": True})


# --- what others hear ---


def _message_sent(event: MessageSent) -> Iterable[Emit]:
    users = None if event.recipient is None else (event.recipient, event.sender)
    return [Emit("new-message", _message(event), users)]


def _signal_sent(event: SignalSent) -> Iterable[Emit]:
    data: shapes.SessionSignal = {
        "from": event.sender,
        "to": event.recipient if event.recipient is not None else event.addressed_as,
        "encrypted": event.ciphertext,
        "timestamp": event.sent_ms,
    }
    return [Emit("signal", data, None if event.recipient is None else (event.recipient,))]


def _member_joined(event: MemberJoined) -> Iterable[Emit]:
    data: shapes.UserJoined = {
        "userId": event.user_id,
        "displayName": event.name,
        "timestamp": event.joined_ms,
        "seq": event.seq,
    }
    return [Emit("user-joined", data)]


def _member_left(event: MemberLeft) -> Iterable[Emit]:
    data: shapes.UserLeft = {
        "userId": event.user_id,
        "timestamp": event.left_ms,
        "reason": event.reason.value,
        "seq": event.seq,
    }
    return [Emit("user-left", data)]


def _members_changed(event: MembersChanged) -> Iterable[Emit]:
    return [Emit("public-keys-updated", [_member(member) for member in event.members])]


def _typing_changed(event: TypingChanged) -> Iterable[Emit]:
    data: shapes.UserTyping = {"userId": event.user_id, "isTyping": event.is_typing}
    return [Emit("user-typing", data)]


def _file_downloaded(event: FileDownloaded) -> Iterable[Emit]:
    data: shapes.DownloadTold = {
        "downloadedBy": event.user_id,
        "fileName": event.file_name,
        "timestamp": event.downloaded_ms,
    }
    return [
        Emit("download-notification", data, None if event.recipient is None else (event.recipient,))
    ]


def _room_locked(event: RoomLocked) -> Iterable[Emit]:
    data: shapes.SessionLocked = {"locked": event.locked, "timestamp": event.locked_ms}
    return [Emit("session-locked", data)]


def _member_removed(event: MemberRemoved) -> Iterable[Emit]:
    told: shapes.SessionError = {
        "error": Code.MEMBER_REMOVED.word,
        "message": "the creator has put you out",
    }
    return [Emit("session-error", told, (event.user_id,))]


def _room_expired(event: RoomExpired) -> Iterable[Emit]:
    minutes = event.idle_limit_ms // 60_000
    told: shapes.SessionError = {
        "error": WORDS[Code.ROOM_EXPIRED],
        "message": f"nothing happened here for {minutes} minutes; all of it is forgotten",
    }
    return [Emit("session-error", told)]


def _events_lost(event: EventsLost) -> Iterable[Emit]:
    data: shapes.SessionResync = {"sessionId": event.room_id}
    return [Emit("resync", data)]


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


def _member(member: Member) -> shapes.SessionMember:
    return {
        "userId": member.user_id,
        "publicKey": member.public_key,
        "displayName": member.name,
        "joinedAt": member.joined_ms,
    }


def _message(event: MessageSent) -> shapes.SessionMessage:
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


def _old_message(event: MessageSent) -> shapes.OldSessionMessage:
    return {**_message(event), "originalContent": None}
