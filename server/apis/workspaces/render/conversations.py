"""Conversations, and who is in them."""

from collections.abc import Sequence
from typing import Any

from server.apis.workspaces import shapes
from server.apis.workspaces.handlers.conversations import KINDS, Listed
from server.apis.workspaces.render.messages import message, time_or_null
from server.apis.workspaces.requests.conversations import (
    MarkAsRead,
    OfConversation,
    RemoveMember,
)
from server.core.clock import iso_utc
from server.core.durable import Participant, Role
from server.core.ids import RoomId
from server.core.kinds import Kind
from server.core.ports.channels import Position
from server.core.workspaces.values import Channel
from server.transports.api import Response

TYPES: dict[Kind, shapes.ConversationType] = {
    KINDS["DM"]: "DM",
    KINDS["GROUP"]: "GROUP",
    KINDS["DOCUMENT"]: "DOCUMENT",
}

ROLES: dict[Role, shapes.ConversationRole] = {
    Role.OWNER: "ADMIN",
    Role.ADMIN: "ADMIN",
    Role.MEMBER: "MEMBER",
}
"""The contract has two; who owns a conversation is who made it."""


def made(_: Any, found: tuple[Channel, bool]) -> Response[shapes.OneConversation]:
    channel, is_new = found
    body: shapes.OneConversation = {"success": True, "conversation": conversation(channel)}
    return Response(body, 201 if is_new else 200)


def one(_: Any, found: Channel) -> Response[shapes.OneConversation]:
    return Response({"success": True, "conversation": conversation(found)})


def several(
    _: Any, page: tuple[tuple[Listed, ...], bool]
) -> Response[shapes.WorkspaceConversations]:
    found, has_more = page
    place = found[-1][0].place if has_more else None
    following = None if place is None else f"{place.active_ms}.{place.room_id}"
    shown = [_listed(each) for each in found]
    return Response({"success": True, "conversations": shown, "nextCursor": following})


def ended(request: OfConversation, _: int) -> Response[shapes.OfConversation]:
    return Response({"success": True, "conversationId": request.conversation_id})


def removed(request: RemoveMember, _: None) -> Response[shapes.RemovedConversationMember]:
    user_id = str(request.user_id)
    return Response({"success": True, "conversationId": request.conversation_id, "userId": user_id})


def read(request: MarkAsRead, found: Position) -> Response[shapes.ReadConversation]:
    return Response(
        {
            "success": True,
            "conversationId": request.conversation_id,
            "lastReadAt": time_or_null(found.read_ms),
            "unreadCount": found.unread,
        }
    )


def unread(_: Any, found: Sequence[tuple[RoomId, int]]) -> Response[shapes.UnreadCounts]:
    counts = {str(room_id): count for room_id, count in found}
    return Response({"success": True, "total": sum(counts.values()), "conversations": counts})


def conversation(channel: Channel) -> shapes.WorkspaceConversation:
    """A conversation, as everybody in it is shown it."""
    found = channel.conversation
    return {
        "id": found.room_id,
        "workspaceId": str(found.workspace_id),
        "type": TYPES[found.kind],
        "name": found.name or None,
        "description": found.description or None,
        "icon": found.icon or None,
        "createdById": str(found.created_by),
        "documentId": found.document_id,
        "isEncrypted": not found.is_sealed,
        "encryptionKey": None,
        "keyEpoch": found.epoch,
        "createdAt": iso_utc(found.created_ms),
        "updatedAt": iso_utc(found.updated_ms),
        "role": ROLES[found.role] if found.role else None,
        "members": [_member(channel, each) for each in found.participants],
    }


def _listed(found: Listed) -> shapes.ListedConversation:
    listed, last = found
    return {
        **conversation(listed.channel),
        "memberCount": listed.members,
        "unreadCount": listed.unread,
        "lastMessage": None if last is None else message(last),
    }


def _member(channel: Channel, found: Participant) -> shapes.ConversationMember:
    room_id = channel.conversation.room_id
    _, read_ms = channel.positions.get(found.user_id, (0, None))
    return {
        "id": f"{room_id}.{found.user_id}",
        "conversationId": room_id,
        "userId": str(found.user_id),
        "name": found.display_name or found.username,
        "role": ROLES[found.role],
        "joinedAt": iso_utc(found.joined_ms),
        "lastReadAt": time_or_null(read_ms),
    }
