"""The Socket.IO events that clients of random groups send."""

from server.apis.random_groups import handlers, render, requests
from server.apis.random_groups.render import answer
from server.core.errors import Code
from server.transports.api import Access, Action

_COMING = (Code.PAYLOAD_TOO_LARGE, Code.SERVER_FULL)
_IN_GROUP = (Code.NOT_FOUND,)
_BLOCKING = (
    Code.NOT_FOUND,
    Code.RECIPIENT_NOT_FOUND,
    Code.FORBIDDEN,
    Code.LIMIT_REACHED,
    Code.SERVER_FULL,
)

_KEY = {"publicKey": "MCowBQYDK2VuAyEA"}
_GROUP = {"groupId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"}

ACTIONS = {
    "join_random_group": Action(
        requests.Join,
        handlers.join_group,
        answer(render.matched),
        "Join a random group, or find the one in which one is",
        access=Access.USER,
        refusals=_COMING,
        example=_KEY,
    ),
    "next_group": Action(
        requests.Next,
        handlers.next_group,
        answer(render.matched),
        "Leave for another group, with other people",
        access=Access.USER,
        refusals=_COMING,
        example=_KEY,
    ),
    "leave_group": Action(
        requests.InGroup,
        handlers.leave_group,
        answer(render.left),
        "Leave at once",
        access=Access.USER,
        refusals=_IN_GROUP,
        example=_GROUP,
    ),
    "send_group_message": Action(
        requests.Send,
        handlers.send_message,
        answer(render.sent),
        "Send ciphertext to the group, or to one member",
        sent=("new_message",),
        access=Access.USER,
        refusals=(
            Code.NOT_FOUND,
            Code.RECIPIENT_NOT_FOUND,
            Code.FORBIDDEN,
            Code.ID_CONFLICT,
            Code.PAYLOAD_TOO_LARGE,
            Code.SERVER_FULL,
        ),
        example={**_GROUP, "encryptedMessage": "bm90aGluZyB0byByZWFk", "id": "message-1"},
        repeats=handlers.repeats,
    ),
    "get_group_messages": Action(
        requests.ReadMessages,
        handlers.read_messages,
        answer(render.messages),
        "Ask for what was said, the newest or those before a message",
        access=Access.USER,
        refusals=_IN_GROUP,
        example={**_GROUP, "limit": 50},
    ),
    "typing_start": Action(
        requests.InGroup,
        handlers.typing_start,
        answer(render.done),
        "Tell that one is typing",
        access=Access.USER,
        refusals=_IN_GROUP,
        example=_GROUP,
    ),
    "typing_stop": Action(
        requests.InGroup,
        handlers.typing_stop,
        answer(render.done),
        "Tell that one has stopped typing",
        access=Access.USER,
        refusals=_IN_GROUP,
        example=_GROUP,
    ),
    "block_member": Action(
        requests.Block,
        handlers.block_member,
        answer(render.blocked),
        "Meet somebody no more, and get no private messages from them",
        access=Access.USER,
        refusals=_BLOCKING,
        example={"userId": "7"},
    ),
    "unblock_member": Action(
        requests.OfUser,
        handlers.unblock_member,
        answer(render.unblocked),
        "Undo that",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
        example={"userId": "7"},
    ),
    "report_member": Action(
        requests.ReportMember,
        handlers.report_member,
        answer(render.reported),
        "Report a member to the operators, and block it; enough reports remove it",
        access=Access.USER,
        refusals=(*_BLOCKING, Code.PAYLOAD_TOO_LARGE),
        example={**_GROUP, "userId": "7", "reason": "abuse"},
    ),
}
