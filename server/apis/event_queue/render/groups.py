"""What is answered of groups."""

from typing import Any

from server.apis.event_queue import shapes
from server.apis.event_queue.requests.groups import OfGroup, RemoveMember
from server.core.durable import Conversation, Participant
from server.core.ports.conversations import ListPage
from server.transports.api import Response


def group(_: Any, room: Conversation) -> Response[shapes.QueueGroup]:
    return Response(_group(room))


def groups(_: Any, page: ListPage) -> Response[shapes.QueueGroups]:
    place = page.rooms[-1].place if page.has_more else None
    return Response(
        {
            "groups": [_group(one.conversation) for one in page.rooms],
            "next": f"{place.active_ms}.{place.room_id}" if place else None,
        }
    )


def deleted(request: OfGroup, _: None) -> Response[shapes.OfGroup]:
    return Response({"group_id": request.group_id})


def removed(request: RemoveMember, _: None) -> Response[shapes.RemovedMember]:
    return Response({"group_id": request.group_id, "user_id": request.user_id})


def _group(room: Conversation) -> shapes.QueueGroup:
    return {
        "group_id": room.room_id,
        "name": room.name,
        "created_by": room.created_by,
        "created_at": room.created_ms,
        "updated_at": room.updated_ms,
        "key_epoch": room.epoch,
        "role": room.role.value if room.role else None,
        "members": [_member(one) for one in room.participants],
    }


def _member(one: Participant) -> shapes.QueueGroupMember:
    return {
        "user_id": one.user_id,
        "display_name": one.display_name,
        "role": one.role.value,
        "joined_at": one.joined_ms,
    }
