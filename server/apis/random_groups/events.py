"""The Socket.IO events that clients of random groups send."""

from server.apis.random_groups import handlers, render, requests
from server.apis.random_groups.render import answer
from server.transports.api import Access, Action

ACTIONS = {
    "join_random_group": Action(
        requests.Join,
        handlers.join_group,
        answer(render.matched),
        "Join a random group, or find the one in which one is",
        access=Access.USER,
    ),
    "next_group": Action(
        requests.Next,
        handlers.next_group,
        answer(render.matched),
        "Leave for another group, with other people",
        access=Access.USER,
    ),
    "leave_group": Action(
        requests.InGroup,
        handlers.leave_group,
        answer(render.left),
        "Leave at once",
        access=Access.USER,
    ),
    "send_group_message": Action(
        requests.Send,
        handlers.send_message,
        answer(render.sent),
        "Send ciphertext to the group, or to one member",
        sent=("new_message",),
        access=Access.USER,
        repeats=handlers.repeats,
    ),
    "get_group_messages": Action(
        requests.ReadMessages,
        handlers.read_messages,
        answer(render.messages),
        "Ask for what was said, the newest or those before a message",
        access=Access.USER,
    ),
    "typing_start": Action(
        requests.InGroup,
        handlers.typing_start,
        answer(render.done),
        "Tell that one is typing",
        access=Access.USER,
    ),
    "typing_stop": Action(
        requests.InGroup,
        handlers.typing_stop,
        answer(render.done),
        "Tell that one has stopped typing",
        access=Access.USER,
    ),
    "block_member": Action(
        requests.Block,
        handlers.block_member,
        answer(render.blocked),
        "Meet somebody no more, and get no private messages from them",
        access=Access.USER,
    ),
    "unblock_member": Action(
        requests.OfUser,
        handlers.unblock_member,
        answer(render.unblocked),
        "Undo that",
        access=Access.USER,
    ),
    "report_member": Action(
        requests.ReportMember,
        handlers.report_member,
        answer(render.reported),
        "Report a member to the operators, and block it; enough reports remove it",
        access=Access.USER,
    ),
}
