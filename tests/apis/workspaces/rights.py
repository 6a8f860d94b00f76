"""Who may do what in workspaces: one row for whatever can be asked, one column for each who asks.

Guests may do nothing, and whoever shows no token even less: they have no columns. What is in
braces are the people and things of `scenes.Scene`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

YES = "yes"
NO = "forbidden"
NONE = "not_found"
WHO = "recipient_not_found"


class Row(NamedTuple):
    """Something that can be asked, and what each kind of caller is answered.

    Attributes:
        route: Method and path; of an event EMIT and its name.
        answers: A column each; the last is for who is in another workspace alone.
        content: The bytes that are sent, instead of a body.
        guest: What guests are answered.
        is_lasting: Once somebody has done it, all that others may do is as it was.
    """

    name: str
    route: str
    answers: tuple[str, ...]
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    guest: str = NO
    is_lasting: bool = False


_ALL = (YES, YES, YES, YES, NONE)
_MEMBERS = (YES, YES, YES, NONE, NONE)
_ADMINS = (YES, YES, NO, NONE, NONE)
_OWNER = (YES, NO, NO, NONE, NONE)
_PAIR = (NONE, NONE, NO, NONE, NONE)
"""Only the member is in that; and nobody changes it."""

_ROOM = "/chat/conversations/{room}"
_DM = "/chat/conversations/{dm}"
_GROUP = {"type": "GROUP", "workspaceId": "{workspace}", "name": "new"}

IN_CONVERSATIONS = (  # its owner, its admins, its members, others of the workspace, strangers
    Row("make a channel", "POST /chat/conversations", _ALL, _GROUP, is_lasting=True),
    Row(
        "make one with somebody from outside",
        "POST /chat/conversations",
        (WHO, WHO, WHO, WHO, NONE),
        {**_GROUP, "memberIds": ["{new}"]},
    ),
    Row(
        "make a conversation of two",
        "POST /chat/conversations",
        _ALL,
        {"type": "DM", "workspaceId": "{workspace}", "memberIds": ["{another}"]},
        is_lasting=True,
    ),
    Row(
        "come into that of a document by making it",
        "POST /chat/conversations",
        _ALL,
        {"type": "DOCUMENT", "workspaceId": "{workspace}", "documentId": "{document_id}"},
        is_lasting=True,
    ),
    Row("list those of a workspace", "GET /chat/conversations?workspaceId={workspace}", _ALL),
    Row("list one's own", "GET /chat/conversations", (YES,) * 5),
    Row(
        "say as what one is to be shown",
        "PUT /chat/presence",
        _ALL,
        {"status": "busy", "workspaceId": "{workspace}"},
        is_lasting=True,
    ),
    Row("see who is there", "GET /chat/presence/{workspace}", _ALL),
    Row("count what is unread", "GET /chat/workspaces/{workspace}/unread-count", _ALL),
    Row("look at it", f"GET {_ROOM}", _MEMBERS),
    Row("read it", f"GET {_ROOM}/messages", _MEMBERS),
    Row("read a thread", f"GET {_ROOM}/messages?threadId={{theirs}}", _MEMBERS),
    Row("search it", "GET /chat/search?q=something&conversationId={room}", _MEMBERS),
    Row("search a workspace", "GET /chat/search?q=something&workspaceId={workspace}", _ALL),
    Row("search one's own", "GET /chat/search?q=something", (YES,) * 5),
    Row(
        "say that one has read it",
        f"POST {_ROOM}/read",
        _MEMBERS,
        {"messageId": "{theirs}"},
        is_lasting=True,
    ),
    Row("rename it", f"PUT {_ROOM}", _ADMINS, {"name": "another"}),
    Row("end it", f"DELETE {_ROOM}", _OWNER),
    Row(
        "say something",
        f"POST {_ROOM}/messages",
        _MEMBERS,
        {"content": "something"},
        is_lasting=True,
    ),
    Row(
        "answer somebody",
        f"POST {_ROOM}/messages",
        _MEMBERS,
        {"content": "something", "replyToId": "{theirs}"},
        is_lasting=True,
    ),
    Row("put a file there", f"POST {_ROOM}/files", _MEMBERS, content=b"bytes", is_lasting=True),
    Row("fetch a file from there", "GET /chat/files/{file}", _MEMBERS),
    Row("fetch a file that nobody has sent yet", "GET /chat/files/{unsent}", (NONE,) * 5),
    Row(
        "edit what one said",
        "PUT /chat/messages/{own}",
        _MEMBERS,
        {"content": "else"},
        is_lasting=True,
    ),
    Row(
        "edit what another said",
        "PUT /chat/messages/{theirs}",
        (NO, NO, NO, NONE, NONE),
        {"content": "else"},
    ),
    Row("delete what one said", "DELETE /chat/messages/{own}", _MEMBERS),
    Row("delete what another said", "DELETE /chat/messages/{theirs}", _ADMINS),
    Row(
        "react",
        "POST /chat/messages/{theirs}/reactions",
        _MEMBERS,
        {"emoji": "👍"},
        is_lasting=True,
    ),
    Row("add somebody", f"POST {_ROOM}/members", _ADMINS, {"userId": "{colleague}"}),
    Row("add oneself", f"POST {_ROOM}/members", _MEMBERS, {"userId": "{self}"}),
    Row(
        "add oneself to that of a document",
        "POST /chat/conversations/{document}/members",
        _ALL,
        {"userId": "{self}"},
        is_lasting=True,
    ),
    Row(
        "add an admin",
        f"POST {_ROOM}/members",
        _OWNER,
        {"userId": "{colleague}", "role": "ADMIN"},
    ),
    Row(
        "add somebody from outside",
        f"POST {_ROOM}/members",
        (WHO, WHO, NO, NONE, NONE),
        {"userId": "{new}"},
    ),
    Row("remove a member", f"DELETE {_ROOM}/members/{{another}}", _ADMINS),
    Row("remove an admin", f"DELETE {_ROOM}/members/{{deputy}}", _OWNER),
    Row("remove the owner", f"DELETE {_ROOM}/members/{{owner}}", _OWNER),
    Row("leave it", f"DELETE {_ROOM}/members/{{self}}", _MEMBERS),
    Row(
        "remove who is not in it",
        f"DELETE {_ROOM}/members/{{colleague}}",
        (WHO, WHO, NO, NONE, NONE),
    ),
    Row("give a role", f"PUT {_ROOM}/members/{{another}}/role", _OWNER, {"role": "ADMIN"}),
    Row("take a role", f"PUT {_ROOM}/members/{{deputy}}/role", _OWNER, {"role": "MEMBER"}),
    Row(
        "give a role to who is not in it",
        f"PUT {_ROOM}/members/{{colleague}}/role",
        (WHO, NO, NO, NONE, NONE),
        {"role": "ADMIN"},
    ),
    Row("rename one of two", f"PUT {_DM}", _PAIR, {"name": "another"}),
    Row("end one of two", f"DELETE {_DM}", _PAIR),
    Row("add a third", f"POST {_DM}/members", _PAIR, {"userId": "{colleague}"}),
    Row("remove the other", f"DELETE {_DM}/members/{{another}}", _PAIR),
    Row("leave one of two", f"DELETE {_DM}/members/{{self}}", _PAIR),
    Row("rule one of two", f"PUT {_DM}/members/{{another}}/role", _PAIR, {"role": "ADMIN"}),
)

_IN_ROOM = {"conversationId": "{room}"}

EMITTED: dict[str, tuple[str, dict[str, Any]]] = {
    "say something": ("send_message", {**_IN_ROOM, "content": "something"}),
    "edit what one said": ("edit_message", {"messageId": "{own}", "content": "else"}),
    "edit what another said": ("edit_message", {"messageId": "{theirs}", "content": "else"}),
    "delete what one said": ("delete_message", {**_IN_ROOM, "messageId": "{own}"}),
    "delete what another said": ("delete_message", {**_IN_ROOM, "messageId": "{theirs}"}),
    "react": ("add_reaction", {**_IN_ROOM, "messageId": "{theirs}", "emoji": "👍"}),
    "say that one has read it": ("mark_as_read", _IN_ROOM),
    "say as what one is to be shown": (
        "update_presence",
        {"status": "busy", "workspaceId": "{workspace}"},
    ),
}
"""What can be done by an event as well, with the same rights; and the event."""

BY_EVENTS = (
    *(
        row._replace(route=f"EMIT {EMITTED[row.name][0]}", body=EMITTED[row.name][1])
        for row in IN_CONVERSATIONS
        if row.name in EMITTED
    ),
    Row(
        "join the workspace",
        "EMIT join_workspace",
        _ALL,
        {"workspaceId": "{workspace}"},
        is_lasting=True,
    ),
    Row("join it", "EMIT join_conversation", _MEMBERS, _IN_ROOM, is_lasting=True),
    Row("type", "EMIT typing_start", _MEMBERS, _IN_ROOM, is_lasting=True),
    Row("type no more", "EMIT typing_stop", _MEMBERS, _IN_ROOM, is_lasting=True),
    # It is looked up nowhere, so it tells nobody anything.
    Row(
        "hear less of it",
        "EMIT leave_conversation",
        (YES,) * 5,
        _IN_ROOM,
        guest=YES,
        is_lasting=True,
    ),
)

_STAFF = "/chat/workspaces/{workspace}/members"

IN_WORKSPACES = (  # its owner, its admins, its members, strangers
    Row("list one's own", "GET /chat/workspaces", (YES,) * 4),
    Row("make one", "POST /chat/workspaces", (YES,) * 4, {"name": "Another"}, is_lasting=True),
    Row("list who is in it", f"GET {_STAFF}", (YES, YES, YES, NONE)),
    Row("add somebody", f"POST {_STAFF}", (YES, YES, NO, NONE), {"userId": "{new}"}),
    Row(
        "add an admin",
        f"POST {_STAFF}",
        (YES, NO, NO, NONE),
        {"userId": "{new}", "role": "ADMIN"},
    ),
    Row(
        "make somebody its owner",
        f"POST {_STAFF}",
        (YES, NO, NO, NONE),
        {"userId": "{another}", "role": "OWNER"},
    ),
    Row("add nobody", f"POST {_STAFF}", (WHO, WHO, NO, NONE), {"userId": "{nobody}"}),
    Row("remove a member", f"DELETE {_STAFF}/{{another}}", (YES, YES, NO, NONE)),
    Row("remove an admin", f"DELETE {_STAFF}/{{deputy chief}}", (YES, NO, NO, NONE)),
    Row("remove an owner", f"DELETE {_STAFF}/{{other boss}}", (YES, NO, NO, NONE)),
    Row("leave it", f"DELETE {_STAFF}/{{self}}", (YES, YES, YES, NONE)),
    Row("remove nobody", f"DELETE {_STAFF}/{{nobody}}", (WHO, WHO, NO, NONE)),
)
