"""What is acknowledged to events of clients."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

from server.apis.workspaces import shapes
from server.apis.workspaces.handlers.events import JoinedConversation, JoinedWorkspace
from server.apis.workspaces.render.presence import page
from server.apis.workspaces.requests.conversations import OfConversation
from server.apis.workspaces.requests.presence import MAX_SHOWN
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.transports.api import Answer, Response, Success, shape_of

Body = TypeVar("Body")


def as_answer(render: Callable[[Any, Any], Response[Body]]) -> Callable[[Any, Any], Answer[Body]]:
    """The render of an event, from that of the route that does the same."""

    def render_answer(request: Any, result: Any) -> Answer[Body]:
        return Answer(render(request, result).body)

    # For the documentation, which reads there what is answered.
    render_answer.__annotations__["return"] = Answer[get_args(shape_of(render))[0]]  # type: ignore[misc]
    return render_answer


def joined_workspace(
    request: OfWorkspace, found: JoinedWorkspace
) -> Answer[shapes.JoinedWorkspace]:
    workspace_id = request.workspace_id
    return Answer(
        {
            "success": True,
            "workspaceId": workspace_id,
            "conversationIds": list(found.rooms),
            **page(workspace_id, found.standings, MAX_SHOWN),
        }
    )


def joined_conversation(
    request: OfConversation, found: JoinedConversation
) -> Answer[shapes.JoinedConversation]:
    return Answer(
        {
            "success": True,
            "conversationId": request.conversation_id,
            "seq": found.seq,
            "unreadCount": found.unread,
        }
    )


def left_conversation(request: OfConversation, _: None) -> Answer[shapes.OfConversation]:
    return Answer({"success": True, "conversationId": request.conversation_id})


def done(_: Any, __: None) -> Answer[Success]:
    return Answer({"success": True})
