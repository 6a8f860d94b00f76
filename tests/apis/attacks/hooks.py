"""What schemathesis says where chance would never say anything good: it loads this by itself.

Only what it means to be well made is changed, so whatever it makes wrong stays so.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import schemathesis

KNOWN = json.loads(os.environ["KNOWN_TO_FUZZ"])
"""What there is: see `documented.Known`."""

OWN_TYPES = ("EVENTS_EXPIRED", "MEMBER_REMOVED")
"""Of events that only the server sends."""


def _register(body: dict[str, Any], _: dict[str, Any]) -> None:
    body["id_token"] = KNOWN["id_token"]
    for name in ("nonce", "display_name", "device_id"):
        body.pop(name, None)


def _send(body: dict[str, Any], _: dict[str, Any]) -> None:
    for name in ("recipient_id", "group_id", "sender_id", "event_id"):
        body.pop(name, None)
    body["recipient_ids"] = [KNOWN["other_id"]]
    if body.get("event_type") in OWN_TYPES:
        body["event_type"] = "MESSAGE"


def _make_group(body: dict[str, Any], _: dict[str, Any]) -> None:
    body.pop("member_ids", None)


def _add_member(body: dict[str, Any], path: dict[str, Any]) -> None:
    _name_group(body, path)
    body["user_id"] = KNOWN["other_id"]
    body.pop("role", None)


def _name_group(_: Any, path: dict[str, Any]) -> None:
    path["group_id"] = KNOWN["group_id"]


def _end_group(_: Any, path: dict[str, Any]) -> None:
    path["group_id"] = KNOWN["ending_id"]


def _remove_member(_: Any, path: dict[str, Any]) -> None:
    path.update(group_id=KNOWN["group_id"], user_id=KNOWN["other_id"])


def _name_channel(_: Any, path: dict[str, Any]) -> None:
    path["conversationId"] = KNOWN["channel_id"]


def _name_colleague(body: Any, path: dict[str, Any]) -> None:
    """Somebody who is in the workspace and the channel."""
    names = {"workspaceId": "workspace_id", "conversationId": "channel_id"}
    path.update({name: KNOWN[known] for name, known in names.items() if name in path})
    named = path if "userId" in path else body
    named["userId"] = KNOWN["user_id"]


def _talk(body: dict[str, Any], _: dict[str, Any]) -> None:
    """A conversation of each type has what it needs, and no more."""
    kind = body.setdefault("type", "GROUP")
    for name in ("documentId", "memberIds"):
        body.pop(name, None)
    body["workspaceId"] = KNOWN["workspace_id"]
    more: dict[str, dict[str, Any]] = {
        "GROUP": {"name": "more"},
        "DM": {"memberIds": [KNOWN["user_id"]]},
        "DOCUMENT": {"documentId": "document-1"},
    }
    body.update(more.get(kind, {}))


WAYS: dict[tuple[str, str], Callable[[Any, dict[str, Any]], None]] = {
    ("POST", "/api/register"): _register,
    ("POST", "/api/events"): _send,
    ("POST", "/api/groups"): _make_group,
    ("GET", "/api/groups/{group_id}"): _name_group,
    ("DELETE", "/api/groups/{group_id}"): _end_group,
    ("POST", "/api/groups/{group_id}/members"): _add_member,
    ("DELETE", "/api/groups/{group_id}/members/{user_id}"): _remove_member,
    ("POST", "/chat/workspaces/{workspaceId}/members"): _name_colleague,
    ("POST", "/chat/conversations"): _talk,
    ("POST", "/chat/conversations/{conversationId}/members"): _name_colleague,
    ("PUT", "/chat/conversations/{conversationId}/members/{userId}/role"): _name_colleague,
    ("DELETE", "/chat/conversations/{conversationId}/members/{userId}"): _name_colleague,
    ("POST", "/chat/conversations/{conversationId}/messages"): _name_channel,
}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Name what there is in a request that is to be good, and is none of a sequence."""
    if not case.meta or not case.meta.generation.mode.is_positive or _is_in_sequence(case):
        return
    if way := WAYS.get((case.operation.method.upper(), case.operation.path)):
        way(case.body, case.path_parameters)
    if case.operation.path == "/chat/search":
        case.query.pop("conversationId", None)
        case.query.update(q="words", workspaceId=KNOWN["workspace_id"])


def _is_in_sequence(case: Any) -> bool:
    """Its ids are those of an answer before, and what became of them is looked at."""
    return bool(case.meta.phase.name.value == "stateful")
