"""The REST routes of groups."""

from server.apis.event_queue.handlers import groups as handlers
from server.apis.event_queue.render import groups as render
from server.apis.event_queue.requests import groups as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_FILLING = (
    Code.RECIPIENT_NOT_FOUND,
    Code.ROOM_FULL,
    Code.TOO_MANY_ROOMS,
    Code.LIMIT_REACHED,
)


def _members(bounds: Bounds) -> int:
    return requests.MAX_MEMBERS * bounds.id_bytes


ROUTES = (
    Route(
        "POST",
        "/api/groups",
        requests.CreateGroup,
        handlers.create_group,
        render.group,
        "Make a group, which one owns",
        access=Access.USER,
        statuses=(201,),
        refusals=_FILLING,
        extra_body_bytes=_members,
        example={"name": "book club", "member_ids": ["019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"]},
    ),
    Route(
        "GET",
        "/api/groups",
        requests.ListGroups,
        handlers.list_groups,
        render.groups,
        "The groups that one is in, the most active first",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/groups/{group_id}",
        requests.OfGroup,
        handlers.get_group,
        render.group,
        "A group that one is in, with its members",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "DELETE",
        "/api/groups/{group_id}",
        requests.OfGroup,
        handlers.delete_group,
        render.deleted,
        "End a group that one owns",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/groups/{group_id}/members",
        requests.AddMember,
        handlers.add_member,
        render.group,
        "Have somebody in a group, or in another role there",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, *_FILLING),
        example={"user_id": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"},
    ),
    Route(
        "DELETE",
        "/api/groups/{group_id}/members/{user_id}",
        requests.RemoveMember,
        handlers.remove_member,
        render.removed,
        "Remove somebody from a group, or leave it",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND),
    ),
)
