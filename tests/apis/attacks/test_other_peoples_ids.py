"""The ids of others, on every route: who has no business with a thing learns and changes nothing.

A route that has no row here fails the first test: say what it is to answer somebody who names
what is not theirs.
"""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import pytest

from server.transports.api import Access
from server.transports.openapi import names_in
from tests.apis.attacks.scenes import CANARY, PASSWORD, ROUTES, Answer, Person, Scene, keys_of
from tests.installations import MEMORY, THREE

ABSENT = 404
"""As if it were not there: the answer is the same as of an id that nobody has."""

OWN = 200
"""Nothing is named that could be another's; the answer is about the caller alone."""

PUBLIC = 200
"""Made for strangers."""


@pytest.fixture(scope="session", params=[MEMORY, THREE], ids=str)
def installation(request):
    """Both kinds of database, since it is their statements that look who asks."""
    return request.param


class Row(NamedTuple):
    """What mallory asks, and what she is answered.

    Attributes:
        fields: Besides the names in the path, with the ids of others in braces.
    """

    status: int
    code: str | None = None
    fields: Mapping[str, Any] = {}
    query: str = ""


NO_GROUP = Row(ABSENT, "not_found")
NO_ROOM = Row(ABSENT, "not_found")
NO_WORKSPACE = Row(ABSENT, "not_found")
NO_CHANNEL = Row(ABSENT, "not_found")
OPERATORS = Row(403, "forbidden")
SENT = {"groupId": "{groupId}", "encryptedMessage": "x", "messageId": "mallory-1"}
EVENT = {"event_type": "MESSAGE", "event_id": "mallory-1", "encrypted_payload": "x"}
OTHER_KEYS = {name: value for name, value in keys_of("").items() if name == "signedPreKey"}

ROWS: dict[str, Row] = {
    "POST /api/reserve-session": Row(201, None, {"sessionId": "mallorys"}),
    "GET /sessions": OPERATORS,
    "POST /api/auth/guest": Row(201),
    "GET /api/auth/me": Row(OWN),
    "POST /api/groups/join-random": Row(OWN, None, {"publicKey": "x"}),
    "POST /api/groups/next": Row(OWN, None, {"publicKey": "x"}),
    "GET /api/groups/current": Row(OWN),
    "POST /api/groups/{groupId}/leave": NO_GROUP,
    "GET /api/groups/{groupId}/messages": NO_GROUP,
    "POST /api/groups/{groupId}/typing": Row(ABSENT, "not_found", {"isTyping": True}),
    "POST /api/groups/{groupId}/block": Row(OWN, None, {"userId": "{userId}"}),
    "POST /api/groups/{groupId}/report": Row(
        ABSENT, "not_found", {"userId": "{userId}", "reason": "none"}
    ),
    "POST /api/messages": Row(ABSENT, "not_found", SENT),
    "POST /api/group-messages": Row(ABSENT, "not_found", SENT),
    # Alice has blocked mallory, so that she has no key there.
    "GET /api/users/{userId}/public-key": Row(ABSENT, "not_found"),
    "POST /api/users/{userId}/sessions": Row(ABSENT, "not_found"),
    "POST /api/users/{userId}/block": Row(OWN),
    "POST /api/users/{userId}/unblock": Row(OWN),
    "GET /api/groups/stats": Row(PUBLIC),
    "GET /api/groups?page=1": OPERATORS,
    "POST /api/groups/cleanup": OPERATORS,
    "GET /api/admin/reports": OPERATORS,
    "POST /api/auth/signup": Row(
        409,
        "account_exists",
        {"username": "alice", "email": "new@mallory.example", "password": PASSWORD},
    ),
    "POST /api/auth/login": Row(
        401, "invalid_credentials", {"username": "alice", "password": "a wrong password"}
    ),
    "POST /api/auth/refresh": Row(401, "unauthenticated", {"refreshToken": "guessed"}),
    "POST /api/auth/logout": Row(
        OWN, None, {"refreshToken": "guessed", "userId": "{userId}", "all": True}
    ),
    "POST /api/auth/password": Row(
        401,
        "invalid_credentials",
        {"currentPassword": "a wrong password", "newPassword": "a new password"},
    ),
    "DELETE /api/auth/account": Row(
        401, "invalid_credentials", {"password": "a wrong password", "userId": "{userId}"}
    ),
    "GET /api/auth/devices": Row(OWN, query="?userId={userId}"),
    "DELETE /api/auth/devices/{deviceId}": Row(ABSENT, "not_found"),
    "GET /api/users/blocks": Row(OWN, query="?userId={userId}"),
    "POST /api/users/blocks": Row(201, None, {"userId": "{userId}"}),
    "DELETE /api/users/blocks/{userId}": Row(OWN),
    "POST /api/keys/register": Row(401, "unauthenticated", keys_of("alice-phone")),
    "GET /api/keys/user/{userId}": Row(PUBLIC),
    "POST /api/keys/rotate": Row(403, "forbidden", {**OTHER_KEYS, "deviceId": "{deviceId}"}),
    "POST /api/keys/prekeys": Row(403, "forbidden", {"preKeys": [], "deviceId": "{deviceId}"}),
    "GET /api/keys/prekeys/stats": Row(403, "forbidden", query="?deviceId={deviceId}"),
    "DELETE /api/keys/prekeys/cleanup": Row(403, "forbidden", query="?deviceId={deviceId}"),
    "POST /api/messages/send": Row(
        ABSENT, "not_found", {"roomId": "{roomId}", "encryptedContent": "x"}
    ),
    "GET /api/messages/direct/{userId}": Row(OWN),
    "GET /api/messages/room/{roomId}": NO_ROOM,
    "GET /api/messages/offline": Row(OWN, query="?userId={userId}&deviceId={deviceId}"),
    "GET /api/messages/conversations": Row(OWN, query="?userId={userId}"),
    "PUT /api/messages/{messageId}/status": Row(
        ABSENT, "not_found", {"status": "read", "roomId": "{roomId}"}
    ),
    "POST /api/messages/status/bulk": Row(
        OWN,
        None,
        {"messageIds": ["message-1", "message-2"], "status": "read", "roomId": "{roomId}"},
    ),
    "POST /api/messages/search": Row(OWN, None, {"roomId": "{roomId}", "userId": "{userId}"}),
    "DELETE /api/messages/{messageId}": Row(ABSENT, "not_found", query="?roomId={roomId}"),
    "POST /api/rooms": Row(201, None, {"name": "mallorys", "createdBy": "{userId}"}),
    "GET /api/rooms": Row(OWN, query="?userId={userId}"),
    "GET /api/rooms/{roomId}": NO_ROOM,
    "PUT /api/rooms/{roomId}": Row(ABSENT, "not_found", {"name": "mallorys"}),
    "DELETE /api/rooms/{roomId}": NO_ROOM,
    "POST /api/rooms/{roomId}/participants": Row(
        ABSENT, "not_found", {"userId": "{mallory}", "role": "owner"}
    ),
    "PUT /api/rooms/{roomId}/participants/{userId}": Row(ABSENT, "not_found", {"role": "member"}),
    "DELETE /api/rooms/{roomId}/participants/{userId}": Row(ABSENT, "not_found"),
    "POST /api/register": Row(
        401, "unauthenticated", {"id_token": "guessed", "public_key": "x", "user_id": "{user_id}"}
    ),
    "GET /api/users/me": Row(OWN, query="?user_id={user_id}"),
    "POST /api/users/public-keys": Row(OWN, None, {"user_ids": ["{user_id}"]}),
    # By the address that nobody has verified, alice is not found.
    "GET /api/users/search": Row(PUBLIC, query=f"?q=alice@{CANARY}.example"),
    "POST /api/events": Row(ABSENT, "not_found", {**EVENT, "group_id": "{group_id}"}),
    "POST /api/groups": Row(201, None, {"name": "mallorys", "created_by": "{user_id}"}),
    "GET /api/groups": Row(OWN, query="?user_id={user_id}"),
    "GET /api/groups/{group_id}": NO_GROUP,
    "DELETE /api/groups/{group_id}": NO_GROUP,
    "POST /api/groups/{group_id}/members": Row(
        ABSENT, "not_found", {"user_id": "{mallory}", "role": "owner"}
    ),
    "DELETE /api/groups/{group_id}/members/{user_id}": NO_GROUP,
    "GET /api/admin/event-queues": OPERATORS,
    "POST /api/admin/cleanup-expired-events": OPERATORS,
    "GET /api/admin/accounts": OPERATORS,
    "POST /api/admin/accounts/{userId}/ban": OPERATORS,
    "POST /api/admin/accounts/{userId}/unban": OPERATORS,
    "POST /api/admin/accounts/{userId}/promote": OPERATORS,
    "POST /api/admin/accounts/{userId}/demote": OPERATORS,
    "POST /api/admin/accounts/{userId}/revoke-devices": OPERATORS,
    "POST /api/admin/accounts/{userId}/reset-password": OPERATORS,
    "POST /api/admin/workspaces/{workspaceId}/rotate-key": OPERATORS,
    "POST /api/admin/workspaces/rewrap-keys": OPERATORS,
    "GET /api/admin/workspaces/{workspaceId}/audit": OPERATORS,
    "POST /chat/workspaces": Row(201, None, {"name": "mallorys", "createdById": "{userId}"}),
    "GET /chat/workspaces": Row(OWN, query="?userId={userId}"),
    "GET /chat/workspaces/{workspaceId}/members": NO_WORKSPACE,
    "POST /chat/workspaces/{workspaceId}/members": Row(
        ABSENT, "not_found", {"userId": "{mallory}", "role": "OWNER"}
    ),
    "DELETE /chat/workspaces/{workspaceId}/members/{userId}": NO_WORKSPACE,
    "GET /chat/workspaces/{workspaceId}/unread-count": NO_WORKSPACE,
    "POST /chat/conversations": Row(
        ABSENT, "not_found", {"type": "GROUP", "name": "x", "workspaceId": "{workspaceId}"}
    ),
    "GET /chat/conversations": Row(ABSENT, "not_found", query="?workspaceId={workspaceId}"),
    "GET /chat/conversations/{conversationId}": NO_CHANNEL,
    "PUT /chat/conversations/{conversationId}": Row(ABSENT, "not_found", {"name": "mallorys"}),
    "DELETE /chat/conversations/{conversationId}": NO_CHANNEL,
    "POST /chat/conversations/{conversationId}/members": Row(
        ABSENT, "not_found", {"userId": "{mallory}", "role": "ADMIN"}
    ),
    "DELETE /chat/conversations/{conversationId}/members/{userId}": NO_CHANNEL,
    "PUT /chat/conversations/{conversationId}/members/{userId}/role": Row(
        ABSENT, "not_found", {"role": "MEMBER"}
    ),
    "POST /chat/conversations/{conversationId}/read": NO_CHANNEL,
    "POST /chat/conversations/{conversationId}/messages": Row(
        ABSENT, "not_found", {"content": "x"}
    ),
    "GET /chat/conversations/{conversationId}/messages": NO_CHANNEL,
    "PUT /chat/messages/{messageId}": Row(ABSENT, "not_found", {"content": "x"}),
    "DELETE /chat/messages/{messageId}": Row(
        ABSENT, "not_found", query="?conversationId={conversationId}"
    ),
    "POST /chat/messages/{messageId}/reactions": Row(ABSENT, "not_found", {"emoji": "x"}),
    "GET /chat/search": Row(ABSENT, "not_found", query=f"?q={CANARY}&workspaceId={{workspaceId}}"),
    "PUT /chat/presence": Row(
        ABSENT, "not_found", {"status": "away", "workspaceId": "{workspaceId}"}
    ),
    "GET /chat/presence/{workspaceId}": NO_WORKSPACE,
    "POST /chat/conversations/{conversationId}/files": NO_CHANNEL,
    "GET /chat/files/{fileId}": NO_CHANNEL,
}

NAMES_OF_THINGS = {
    "userId",
    "deviceId",
    "roomId",
    "messageId",
    "groupId",
    "user_id",
    "group_id",
    "workspaceId",
    "conversationId",
    "fileId",
}

FOR_ACCOUNTS = ("rooms", "keys", "messages/", "events", "groups/{group_id}", "users/me", "/chat")
"""With what the paths begin that guests have no business with."""

PERSONAL = {name: route for name, route in ROUTES.items() if route.access is Access.USER}


def test_every_route_has_a_row() -> None:
    assert set(ROWS) == set(ROUTES)


def test_whatever_names_a_thing_of_somebody_is_asked_for_that_of_others() -> None:
    for name, row in ROWS.items():
        said = {**dict.fromkeys(names_in(name + row.query)), **row.fields}
        if row.status == ABSENT:
            assert NAMES_OF_THINGS & set(said), name


async def ask(scene: Scene, who: Person | str | None, name: str, ids: Mapping[str, str]) -> Answer:
    row = ROWS[name]
    fields = filled(row.fields, {**ids, "mallory": scene.mallory.user_id})
    body = fields if row.fields and not name.startswith("GET") else None
    return await scene.ask(who, filled(name + row.query, ids), body)


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """With ids where there are names in braces."""
    if isinstance(value, str):
        for name, own_id in ids.items():
            value = value.replace(f"{{{name}}}", own_id)
        return value
    if isinstance(value, Mapping):
        return {name: filled(one, ids) for name, one in value.items()}
    return [filled(one, ids) for one in value] if isinstance(value, list) else value


def holds_a_secret(answer: Answer) -> bool:
    """Whether something in it is nobody's business but alice's and bob's."""
    told = msgspec.json.encode(answer.body).decode()
    return CANARY in told.replace(f"mallory@{CANARY}", "")


async def test_who_has_no_business_there_learns_and_changes_nothing(scene: Scene) -> None:
    before = [await scene.seen_by(who) for who in (scene.alice, scene.bob)]
    wrong = []
    # The last thing that she does, since then she is signed out.
    for name, row in sorted(ROWS.items(), key=lambda one: one[0] == "POST /api/auth/logout"):
        answer = await ask(scene, scene.mallory, name, scene.ids)
        if (answer.status, answer.code) != (row.status, row.code) or holds_a_secret(answer):
            wrong.append((name, answer))
    assert wrong == []
    assert [await scene.seen_by(who) for who in (scene.alice, scene.bob)] == before


async def test_what_others_have_looks_as_what_is_not_there(scene: Scene) -> None:
    nowhere = {name: str(uuid.uuid4()) for name in scene.ids}
    for name, row in ROWS.items():
        if row.status == ABSENT:
            theirs = await ask(scene, scene.mallory, name, scene.ids)
            nobodys = await ask(scene, scene.mallory, name, nowhere)
            assert theirs == nobodys, name


async def test_a_guest_comes_no_further_than_a_stranger(scene: Scene) -> None:
    guest = (await scene.done(None, "POST /api/auth/guest", {}))["token"]
    before = await scene.seen_by(scene.alice)
    to_meet = {"POST /api/groups/join-random", "POST /api/groups/next"}
    for name in PERSONAL.keys() - to_meet:
        answer = await ask(scene, guest, name, scene.ids)
        assert answer.status < 500, (name, answer)
        assert not holds_a_secret(answer), (name, answer)
        if name.split(" ")[1].removeprefix("/api/").startswith(FOR_ACCOUNTS):
            assert (answer.status, answer.code) == (403, "forbidden"), (name, answer)
    assert await scene.seen_by(scene.alice) == before


async def test_without_a_token_nothing_is_answered_but_what_is_open(scene: Scene) -> None:
    before = await scene.seen_by(scene.alice)
    for name, route in ROUTES.items():
        if route.access is not Access.OPEN:
            answer = await ask(scene, None, name, scene.ids)
            assert (answer.status, answer.code) == (401, "unauthenticated"), name
    assert await scene.seen_by(scene.alice) == before


async def test_whoever_the_payload_says_it_is_from_must_be_the_caller(scene: Scene) -> None:
    claims = {
        "POST /api/messages/send": ("senderId", "senderDeviceId"),
        "POST /api/messages": ("from", "senderId", "userId"),
        "POST /api/group-messages": ("from", "senderId", "userId"),
        "POST /api/events": ("sender_id",),
    }
    alice = {"senderDeviceId": scene.alice.device_id}
    for name, fields in claims.items():
        for field in fields:
            sent = dict(ROWS[name].fields) | {field: alice.get(field, scene.alice.user_id)}
            body = filled(sent, scene.ids)
            assert (await scene.ask(scene.bob, name, body)).code == "forbidden", (name, field)
