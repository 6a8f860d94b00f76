"""Messages."""

from typing import Any

import msgspec

from server.apis.workspaces import shapes
from server.apis.workspaces.requests.messages import ListMessages
from server.core.clock import iso_utc
from server.core.workspaces.attachments import without_attachments
from server.core.workspaces.content import OpenPost
from server.transports.api import Response


def one(_: Any, found: OpenPost) -> Response[shapes.OneMessage]:
    return Response({"success": True, "message": message(found)})


def several(
    request: ListMessages, page: tuple[tuple[OpenPost, ...], bool]
) -> Response[shapes.WorkspaceMessages]:
    found, has_more = page
    at = -1 if request.goes_forward else 0
    following = str(found[at].post.message.seq) if has_more else None
    shown = [message(each) for each in found]
    return Response(
        {"success": True, "messages": shown, "hasMore": has_more, "nextCursor": following}
    )


def deleted(_: Any, found: OpenPost) -> Response[shapes.DeletedWorkspaceMessage]:
    said = found.post.message
    return Response(
        {
            "success": True,
            "messageId": said.message_id,
            "conversationId": said.room_id,
            "deletedAt": time_or_null(said.deleted_ms),
        }
    )


def message(found: OpenPost) -> shapes.WorkspaceMessage:
    """A message, as everybody in its conversation is shown it."""
    post, said = found.post, found.post.message
    shown: shapes.WorkspaceMessage = {
        "id": said.message_id,
        "conversationId": said.room_id,
        "workspaceId": str(said.workspace_id),
        "seq": said.seq,
        "userId": str(said.sender),
        "content": found.content,
        "attachments": list(found.attachments),
        "replyToId": post.reply_to,
        "threadId": post.thread,
        "replyCount": post.replies,
        "lastReplyAt": time_or_null(post.last_reply_ms),
        "editedAt": time_or_null(post.edited_ms),
        "deletedAt": time_or_null(said.deleted_ms),
        "reactions": {emoji: [str(one) for one in users] for emoji, users in post.reactions},
        "readBy": post.read_by,
        "createdAt": iso_utc(said.sent_ms),
        "isEncrypted": post.key is None,
    }
    metadata = without_attachments(said.metadata)
    if metadata is not None:
        shown["encryptionMetadata"] = msgspec.Raw(metadata)
    return shown


def time_or_null(at_ms: int | None) -> str | None:
    """A time of which there may be none."""
    return None if at_ms is None else iso_utc(at_ms)
