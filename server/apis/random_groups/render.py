"""From results and events of the core to the words of random groups."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from server.apis.random_groups import shapes
from server.apis.random_groups.requests import ListGroups
from server.core.clock import iso_utc
from server.core.events import (
    ConnectionLapsed,
    EventsLost,
    Group,
    GroupEntered,
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    TypingChanged,
)
from server.core.expired import Expired
from server.core.ids import as_written
from server.core.matching import group_id_of
from server.core.ports import (
    GroupPage,
    GroupSummary,
    GroupTotals,
    HistoryPage,
    Matched,
    Report,
    Reported,
    SavedKey,
)
from server.transports.api import Answer, Emit, Response, Success, Told, shape_of

Body = TypeVar("Body")

HEARD = {
    "joined_group": shapes.GroupEntered,
    "user_joined": shapes.GroupUserJoined,
    "user_left": shapes.GroupUserLeft,
    "new_message": shapes.GroupMessage,
    "user_typing": shapes.GroupTyping,
    "system_message": shapes.SystemMessage,
    "key_rotation_needed": shapes.KeyRotationNeeded,
    "group_closed": shapes.GroupClosed,
    "resync": shapes.GroupResync,
}

_LEFT = {
    LeaveReason.LEFT: "left the group",
    LeaveReason.LOST: "lost the connection",
    LeaveReason.REMOVED: "was removed after reports",
}

# --- bodies, the same over Socket.IO and HTTP ---


def matched(_: object, found: Matched) -> shapes.Matched:
    message = "Successfully joined group" if found.is_new else "You are in this group already"
    return {"success": True, "group": _group(found.group), "message": message}


def current(_: object, group: Group | None) -> shapes.CurrentGroup:
    return {"success": True, "group": None if group is None else _group(group)}


def left(_: object, __: None) -> Told:
    return {"success": True, "message": "Successfully left group"}


def sent(_: object, event: MessageSent) -> shapes.SentToGroup:
    return {
        "success": True,
        "messageId": event.message_id,
        "timestamp": iso_utc(event.sent_ms),
        "seq": event.seq,
    }


def messages(_: object, page: HistoryPage) -> shapes.GroupMessages:
    shown = [_message(event) for event in page.messages]
    return {"success": True, "messages": shown, "hasMore": page.has_more}


def done(_: object, __: None) -> Success:
    return {"success": True}


def blocked(_: object, __: None) -> Told:
    return {"success": True, "message": "You will not meet this user again"}


def unblocked(_: object, __: None) -> Told:
    return {"success": True, "message": "You may meet this user again"}


def reported(_: object, outcome: Reported) -> shapes.Reported:
    message = "Reported and removed" if outcome.is_removed else "Reported"
    return {"success": True, "message": message, "removed": outcome.is_removed}


def saved_key(_: object, saved: SavedKey) -> shapes.SavedKey:
    return {
        "success": True,
        "userId": saved.user_id,
        "login": saved.name,
        **_key(saved),
        # The event queue has the same route, in other words.
        "user_id": saved.user_id,
        "public_key": saved.public_key,
    }


def bundle(_: object, saved: SavedKey) -> shapes.KeyBundle:
    return {
        "success": True,
        "userId": saved.user_id,
        "login": saved.name,
        "bundle": _key(saved),
    }


def stats(_: object, totals: GroupTotals) -> shapes.Stats:
    average = totals.members / totals.groups if totals.groups else 0
    shown: shapes.GroupStats = {
        "totalGroups": totals.made,
        "activeGroups": totals.groups,
        "totalMembers": totals.members,
        "averageGroupSize": round(average, 2),
    }
    return {"success": True, "stats": shown}


def directory(request: ListGroups, page: GroupPage) -> shapes.Directory:
    pagination: shapes.Pagination = {
        "page": request.page,
        "limit": request.limit,
        "total": page.total,
        "pages": -(-page.total // request.limit),
    }
    groups = [_summary(group) for group in page.groups]
    return {"success": True, "groups": groups, "pagination": pagination}


def cleaned(_: object, expired: Expired) -> shapes.Cleaned:
    return {"success": True, "cleaned": expired.rooms}


def reports(_: object, found: tuple[Report, ...]) -> shapes.Reports:
    following = found[-1].report_id if found else None
    return {"success": True, "reports": [_report(one) for one in found], "next": following}


# --- what others hear ---


def _group_entered(event: GroupEntered) -> Iterable[Emit]:
    data: shapes.GroupEntered = {"group": _group(event.group)}
    return [Emit("joined_group", data)]


def _message_sent(event: MessageSent) -> Iterable[Emit]:
    users = None if event.recipient is None else (event.recipient, event.sender)
    return [Emit("new_message", _message(event), users)]


def _member_joined(event: MemberJoined) -> Iterable[Emit]:
    data: shapes.GroupUserJoined = {
        "groupId": group_id_of(event.room_id),
        "userId": event.user_id,
        "login": event.name,
        "publicKey": event.public_key,
        "joinedAt": iso_utc(event.joined_ms),
        "timestamp": iso_utc(event.joined_ms),
        "seq": event.seq,
    }
    return [
        Emit("user_joined", data),
        _system_message(event, f"“{event.name}” joined the group", event.joined_ms),
    ]


def _member_left(event: MemberLeft) -> Iterable[Emit]:
    data: shapes.GroupUserLeft = {
        "groupId": group_id_of(event.room_id),
        "userId": event.user_id,
        "login": event.name,
        "reason": event.reason.value,
        "timestamp": iso_utc(event.left_ms),
        "seq": event.seq,
    }
    return [
        Emit("user_left", data),
        _system_message(event, f"“{event.name}” {_LEFT[event.reason]}", event.left_ms),
    ]


def _system_message(event: MemberJoined | MemberLeft, message: str, at_ms: int) -> Emit:
    data: shapes.SystemMessage = {
        "groupId": group_id_of(event.room_id),
        "message": message,
        "timestamp": iso_utc(at_ms),
    }
    return Emit("system_message", data)


def _members_changed(event: MembersChanged) -> Iterable[Emit]:
    data: shapes.KeyRotationNeeded = {
        "groupId": group_id_of(event.room_id),
        "epoch": event.epoch,
        "members": [_member(member) for member in event.members],
    }
    return [Emit("key_rotation_needed", data)]


def _typing_changed(event: TypingChanged) -> Iterable[Emit]:
    data: shapes.GroupTyping = {
        "groupId": group_id_of(event.room_id),
        "userId": event.user_id,
        "login": event.name,
        "isTyping": event.is_typing,
    }
    return [Emit("user_typing", data)]


def _member_removed(event: MemberRemoved) -> Iterable[Emit]:
    return [Emit("group_closed", _closed(event, "removed"), (event.user_id,))]


def _connection_lapsed(event: ConnectionLapsed) -> Iterable[Emit]:
    return [Emit("group_closed", _closed(event, "signed_out"))]


def _room_expired(event: RoomExpired) -> Iterable[Emit]:
    return [Emit("group_closed", _closed(event, "expired"))]


def _closed(
    event: RoomEvent, reason: Literal["expired", "removed", "signed_out"]
) -> shapes.GroupClosed:
    return {"groupId": group_id_of(event.room_id), "reason": reason}


def _events_lost(event: EventsLost) -> Iterable[Emit]:
    data: shapes.GroupResync = {"groupId": group_id_of(event.room_id)}
    return [Emit("resync", data)]


EVENTS: dict[type[RoomEvent], Callable[[Any], Iterable[Emit]]] = {
    GroupEntered: _group_entered,
    MessageSent: _message_sent,
    MemberJoined: _member_joined,
    MemberLeft: _member_left,
    MembersChanged: _members_changed,
    TypingChanged: _typing_changed,
    MemberRemoved: _member_removed,
    ConnectionLapsed: _connection_lapsed,
    RoomExpired: _room_expired,
    EventsLost: _events_lost,
}


# --- shapes ---


def _group(group: Group) -> shapes.Group:
    return {
        "id": group_id_of(group.room_id),
        "name": group.name,
        "currentMembers": len(group.members),
        "maxMembers": group.capacity,
        "members": [_member(member) for member in group.members],
        "epoch": group.epoch,
        "seq": group.seq,
    }


def _member(member: Member) -> shapes.GroupMember:
    return {
        "userId": member.user_id,
        "login": member.name,
        "publicKey": member.public_key,
        "joinedAt": iso_utc(member.joined_ms),
    }


def _message(event: MessageSent) -> shapes.GroupMessage:
    return {
        # Plain values: the encoder asks Python for each that is not.
        "id": str(event.message_id),
        "groupId": group_id_of(event.room_id),
        "senderId": as_written(event.sender),
        "senderLogin": event.sender_name,
        "encryptedContent": event.ciphertext.json(),
        "messageType": event.content_type,
        "timestamp": iso_utc(event.sent_ms),
        "to": None if event.recipient is None else as_written(event.recipient),
        "seq": event.seq,
    }


def _key(saved: SavedKey) -> shapes.PublicKey:
    return {"publicKey": saved.public_key, "updatedAt": iso_utc(saved.saved_ms)}


def _summary(group: GroupSummary) -> shapes.ListedGroup:
    return {
        "id": group_id_of(group.room_id),
        "name": group.name,
        "currentMembers": group.members,
        "maxMembers": group.capacity,
        "messages": group.messages,
        "bytes": group.held_bytes,
        "createdAt": iso_utc(group.created_ms),
        "lastActivityAt": iso_utc(group.active_ms),
    }


def _report(report: Report) -> shapes.Report:
    return {
        "id": report.report_id,
        "groupId": group_id_of(report.room_id),
        "reporterId": report.reporter,
        "userId": report.user_id,
        "login": report.name,
        "publicKey": report.public_key,
        "reason": report.reason,
        "evidence": report.evidence,
        "createdAt": iso_utc(report.created_ms),
    }


def answer(render: Callable[[Any, Any], Body]) -> Callable[[Any, Any], Answer[Body]]:
    """The render of an event, from that of a body."""

    def render_answer(request: Any, result: Any) -> Answer[Body]:
        return Answer(render(request, result))

    # For the documentation, which reads there what is answered.
    render_answer.__annotations__["return"] = Answer[shape_of(render)]  # type: ignore[misc]
    return render_answer


def response(render: Callable[[Any, Any], Body]) -> Callable[[Any, Any], Response[Body]]:
    """The render of a route, from that of a body."""

    def render_response(request: Any, result: Any) -> Response[Body]:
        return Response(render(request, result))

    # For the documentation, which reads there what is answered.
    render_response.__annotations__["return"] = Response[shape_of(render)]  # type: ignore[misc]
    return render_response
