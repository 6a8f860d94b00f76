"""The REST routes of random groups; each event has a twin here."""

from server.apis.random_groups import handlers, render, requests
from server.apis.random_groups.render import response
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_SENDING = (
    Code.NOT_FOUND,
    Code.RECIPIENT_NOT_FOUND,
    Code.ID_CONFLICT,
    Code.PAYLOAD_TOO_LARGE,
    Code.SERVER_FULL,
)
_SEND_EXAMPLE = {
    "groupId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e",
    "encryptedMessage": {"iv": "AAECAwQFBgcICQoL", "data": "bm90aGluZyB0byBzZWUgaGVyZQ=="},
    "messageId": "message-1",
}


def _public_key(bounds: Bounds) -> int:
    return bounds.public_key_bytes


def _ciphertext(bounds: Bounds) -> int:
    return bounds.ciphertext_bytes


def _evidence(bounds: Bounds) -> int:
    return bounds.evidence_bytes


ROUTES = (
    Route(
        "POST",
        "/api/groups/join-random",
        requests.Join,
        handlers.join_group,
        response(render.matched),
        "Join a random group, or find the one in which one is",
        access=Access.USER,
        refusals=(Code.PAYLOAD_TOO_LARGE, Code.SERVER_FULL),
        extra_body_bytes=_public_key,
        example={"publicKey": "MCowBQYDK2VuAyEA"},
    ),
    Route(
        "POST",
        "/api/groups/next",
        requests.Next,
        handlers.next_group,
        response(render.matched),
        "Leave for another group, with other people",
        access=Access.USER,
        refusals=(Code.PAYLOAD_TOO_LARGE, Code.SERVER_FULL),
        extra_body_bytes=_public_key,
        example={"publicKey": "MCowBQYDK2VuAyEA"},
    ),
    Route(
        "GET",
        "/api/groups/current",
        requests.Nothing,
        handlers.current_group,
        response(render.current),
        "The group in which one is, or null",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/groups/{groupId}/leave",
        requests.InGroup,
        handlers.leave_group,
        response(render.left),
        "Leave at once",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "GET",
        "/api/groups/{groupId}/messages",
        requests.ReadMessages,
        handlers.read_messages,
        response(render.messages),
        "What was said, the newest or those before a message",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/groups/{groupId}/typing",
        requests.SetTyping,
        handlers.set_typing,
        response(render.done),
        "Tell that one is, or is no longer, typing",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
        example={"isTyping": True},
    ),
    Route(
        "POST",
        "/api/groups/{groupId}/block",
        requests.Block,
        handlers.block_member,
        response(render.blocked),
        "Meet somebody no more, and get no private messages from them",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND, Code.LIMIT_REACHED, Code.SERVER_FULL),
        example={"userId": "42"},
    ),
    Route(
        "POST",
        "/api/groups/{groupId}/report",
        requests.ReportMember,
        handlers.report_member,
        response(render.reported),
        "Report a member to the operators, and block it",
        access=Access.USER,
        refusals=(
            Code.NOT_FOUND,
            Code.RECIPIENT_NOT_FOUND,
            Code.LIMIT_REACHED,
            Code.SERVER_FULL,
            Code.PAYLOAD_TOO_LARGE,
        ),
        extra_body_bytes=_evidence,
        example={"userId": "42", "reason": "threats", "evidence": ["what they wrote"]},
    ),
    Route(
        "POST",
        "/api/messages",
        requests.Send,
        handlers.send_message,
        response(render.sent),
        "Send ciphertext to the group, or to one member",
        access=Access.USER,
        statuses=(201,),
        refusals=_SENDING,
        extra_body_bytes=_ciphertext,
        example=_SEND_EXAMPLE,
    ),
    Route(
        "POST",
        "/api/group-messages",
        requests.Send,
        handlers.send_message,
        response(render.sent),
        "The same",
        access=Access.USER,
        statuses=(201,),
        refusals=_SENDING,
        extra_body_bytes=_ciphertext,
        example=_SEND_EXAMPLE,
    ),
    Route(
        "GET",
        "/api/users/{userId}/public-key",
        requests.OfUser,
        handlers.public_key,
        response(render.saved_key),
        "The public key that a user had last",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/users/{userId}/sessions",
        requests.OfUser,
        handlers.public_key,
        response(render.bundle),
        "What it takes to begin an encrypted conversation with a user",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/users/{userId}/block",
        requests.OfUser,
        handlers.block_member,
        response(render.blocked),
        "Meet somebody no more, wherever one met",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND, Code.LIMIT_REACHED, Code.SERVER_FULL),
    ),
    Route(
        "POST",
        "/api/users/{userId}/unblock",
        requests.OfUser,
        handlers.unblock_member,
        response(render.unblocked),
        "Undo a block",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/groups/stats",
        requests.Nothing,
        handlers.stats,
        response(render.stats),
        "How many groups and members there are",
    ),
    Route(
        "GET",
        "/api/groups",
        requests.ListGroups,
        handlers.list_groups,
        response(render.directory),
        "List the random groups, without names of members",
        access=Access.OPERATOR,
        if_query=("page", "limit"),
    ),
    Route(
        "POST",
        "/api/groups/cleanup",
        requests.Nothing,
        handlers.clean_up,
        response(render.cleaned),
        "End at once what is idle for too long",
        access=Access.OPERATOR,
    ),
    Route(
        "GET",
        "/api/admin/reports",
        requests.ListReports,
        handlers.list_reports,
        response(render.reports),
        "Read what members reported",
        access=Access.OPERATOR,
    ),
)
