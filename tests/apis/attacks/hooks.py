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


WAYS: dict[tuple[str, str], Callable[[Any, dict[str, Any]], None]] = {
    ("POST", "/api/register"): _register,
    ("POST", "/api/events"): _send,
    ("POST", "/api/groups"): _make_group,
    ("GET", "/api/groups/{group_id}"): _name_group,
    ("DELETE", "/api/groups/{group_id}"): _end_group,
    ("POST", "/api/groups/{group_id}/members"): _add_member,
    ("DELETE", "/api/groups/{group_id}/members/{user_id}"): _remove_member,
}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Name what there is in a request that is to be good, and is none of a sequence."""
    way = WAYS.get((case.operation.method.upper(), case.operation.path))
    if way and case.meta and case.meta.generation.mode.is_positive and not _is_in_sequence(case):
        way(case.body, case.path_parameters)


def _is_in_sequence(case: Any) -> bool:
    """Its ids are those of an answer before, and what became of them is looked at."""
    return bool(case.meta.phase.name.value == "stateful")
