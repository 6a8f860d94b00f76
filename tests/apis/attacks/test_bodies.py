"""Whatever stands in a body, of whatever route: the documented refusal, at once, and no harm."""

import io
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from server.core.limits import Bounds
from server.transports.api import Route
from server.transports.decode import Decoder
from server.transports.http import MAX_BODY_BYTES
from server.transports.openapi import names_in, takes_body
from tests.apis.attacks.scenes import ROUTES, Answer, Scene

JSON = "application/json"

WITH_BODY = {
    name: route for name, route in ROUTES.items() if takes_body(route) and not route.stream
}
"""But files, in which all may stand."""
WITH_FIELDS = {name: route for name, route in WITH_BODY.items() if route.example}

NO_JSON = {
    "nothing that is JSON": b"{",
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "a number beyond all": b'{"name": 1e999}',
    "much nesting": b'{"name": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "two values": b"{} {}",
    "a raw NUL": b'{"name": "a\0b"}',
    "a raw line break": b'{"name": "a\nb"}',
    "a comment": b"{/* */}",
    "a name without quotes": b"{name: 1}",
}
NO_OBJECTS = [b"[]", b"null", b'"text"', b"7", b"true", b"[{}]"]

OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "text/json",
]

PRIVILEGED = {
    "isOperator",
    "is_operator",
    "operator",
    "admin",
    "isAdmin",
    "roles",
    "scope",
    "permissions",
    "banned",
    "bannedAt",
    "createdAt",
    "updatedAt",
    "deletedAt",
    "createdBy",
    "created_by",
    "created_at",
    "key_epoch",
    "key_version",
    "sequence",
    "timestamp",
    "email_verified",
    "owner",
    "ownerId",
    "passwordHash",
    "password_hash",
    "passwordChangeRequired",
    "family",
    "familyId",
    "expiresAt",
    "verified",
    "seq",
    "epoch",
    "deliveryStatus",
    "kind",
    "__proto__",
    "constructor",
    "__class__",
    "$where",
    "data",
}
"""What nobody may say of themselves, under the names that a careless server would take."""


async def sent(
    scene: Scene, route: Route, body: bytes, content_type: str = JSON, **headers: str
) -> Answer:
    """The answer to a body, from whoever may call the route."""
    path = route.path.format(**scene.ids)
    token = scene.token_for(route)
    named = {"Content-Type": content_type, **headers}
    if token:
        named["Authorization"] = f"Bearer {token}"
    async with scene.http.request(
        route.method, path, data=io.BytesIO(body), headers=named
    ) as answer:
        return Answer(answer.status, await answer.json(content_type=None))


async def check_refused(
    scene: Scene, bodies: Any, status: int, code: str, content_type: str = JSON
) -> None:
    before = await scene.seen_by(scene.alice)
    wrong = []
    for name, route in WITH_BODY.items():
        for body in bodies:
            answer = await sent(scene, route, body, content_type)
            if (answer.status, answer.code) != (status, code):
                wrong.append((name, body[:40], answer))
    assert wrong == []
    assert await scene.seen_by(scene.alice) == before


async def test_what_is_no_json_is_refused_on_every_route(scene: Scene) -> None:
    await check_refused(scene, NO_JSON.values(), 400, "invalid_request")


NO_VALUES = [b"NaN", b"-Infinity", b"1e999", b"[" * 30_000 + b"]" * 30_000, b"01", b"'a'"]


async def test_what_is_no_json_is_refused_even_where_nobody_would_look_at_it(
    scene: Scene,
) -> None:
    """Beside all that the route asks for: so it is for nothing else that it is refused."""
    before = await scene.seen_by(scene.alice)
    for name, route in WITH_FIELDS.items():
        rest = json.dumps(dict(route.example)).encode()[1:]
        for value in NO_VALUES:
            answer = await sent(scene, route, b'{"x": ' + value + b", " + rest)
            assert (answer.status, answer.code) == (400, "invalid_request"), (name, value[:9])
            assert "JSON" in answer.body["message"]
    assert await scene.seen_by(scene.alice) == before


async def test_what_is_no_object_is_refused_on_every_route(scene: Scene) -> None:
    await check_refused(scene, NO_OBJECTS, 400, "invalid_request")


async def test_a_form_of_a_page_is_taken_by_no_route(scene: Scene) -> None:
    """Which browsers send to other origins without asking first."""
    body = [b'{"name": "a"}']
    for content_type in OTHER_TYPES:
        await check_refused(scene, body, 415, "unsupported_media_type", content_type)


async def test_a_body_beyond_the_bound_of_its_route_is_refused_on_every_route(scene: Scene) -> None:
    for name, route in WITH_BODY.items():
        extra = route.extra_body_bytes(Bounds()) if route.extra_body_bytes else 0
        body = b'{"x": "' + b"x" * (MAX_BODY_BYTES + extra) + b'"}'
        try:
            answer = await sent(scene, route, body)
        except aiohttp.ClientOSError:
            continue  # it hung up while we were still sending
        assert (answer.status, answer.code) == (413, "payload_too_large"), name


async def test_fields_of_a_wrong_kind_are_refused_on_every_route(scene: Scene) -> None:
    before = await scene.seen_by(scene.alice)
    for name, route in WITH_FIELDS.items():
        fields = {*route.example} - OPAQUE
        for field in fields:
            for value in ({"$gt": ""}, ["a\0"], 1e300, "\0", "a\r\nSet-Cookie: a=b", "x" * 3000):
                body = json.dumps({**route.example, field: value}).encode()
                answer = await sent(scene, route, body)
                assert answer.status in REFUSED or (name, field) in TEXT, (name, field, answer)
    assert await scene.seen_by(scene.alice) == before


OPAQUE = {
    "publicKey",
    "encryptedMessage",
    "evidence",
    "encryptedContent",
    "encryptionMetadata",
    "public_key",
    "metadata",
    "encrypted_payload",
}
"""What may be anything."""

REFUSED = {400, 401, 403, 404, 409, 413}

TEXT = {
    ("POST /api/groups/{groupId}/report", "reason"),
    ("POST /api/auth/signup", "password"),
    ("POST /api/auth/password", "newPassword"),
}
"""What people write, in which nearly all may stand."""


def test_what_nobody_may_say_of_themselves_is_left_out_of_every_request() -> None:
    decoder = Decoder(Bounds())
    for name, route in WITH_FIELDS.items():
        named = dict.fromkeys(names_in(route.path), "an id")
        claims = dict.fromkeys((PRIVILEGED | WHO) - SAYS_WHO.get(name, set()) - {*named}, True)
        plain = decoder.request(route.request, {**route.example, **named})
        claiming = {**claimed(route.example, claims), **named}
        assert decoder.request(route.request, claiming) == plain, name
        known = {one.encode_name for one in msgspec.structs.fields(route.request)}
        assert not known & claims.keys(), name


def claimed(value: Any, claims: dict[str, Any]) -> Any:
    """A value with claims in it, and in all that it holds."""
    if isinstance(value, list):
        return [claimed(one, claims) for one in value]
    if not isinstance(value, Mapping):
        return value
    return claims | {
        field: one if field in OPAQUE else claimed(one, claims) for field, one in value.items()
    }


WHO = {
    "userId",
    "deviceId",
    "senderId",
    "senderDeviceId",
    "accountId",
    "sub",
    "username",
    "email",
    "user_id",
    "device_id",
    "sender_id",
    "recipient",
    "account_id",
}
"""By which a request would say who it is from, or on whose behalf."""

_SENDER = {"senderId", "userId"}
SAYS_WHO = {
    "POST /api/groups/{groupId}/block": {"userId"},
    "POST /api/groups/{groupId}/report": {"userId"},
    "POST /api/messages": _SENDER,
    "POST /api/group-messages": _SENDER,
    "POST /api/auth/signup": {"username", "email"},
    "POST /api/auth/login": {"username", "email", "deviceId"},
    "POST /api/users/blocks": {"userId"},
    "POST /api/keys/register": {"deviceId"},
    "POST /api/keys/rotate": {"deviceId"},
    "POST /api/keys/prekeys": {"deviceId"},
    "DELETE /api/keys/prekeys/cleanup": {"deviceId"},
    "POST /api/messages/send": {"senderId", "senderDeviceId"},
    "PUT /api/messages/{messageId}/status": {"senderId"},
    "POST /api/messages/search": _SENDER,
    "DELETE /api/messages/{messageId}": {"senderId"},
    "POST /api/rooms/{roomId}/participants": {"userId"},
    "POST /api/admin/accounts/{userId}/revoke-devices": {"deviceId"},
    "POST /api/register": {"device_id"},
    "POST /api/events": {"sender_id"},
    "POST /api/groups/{group_id}/members": {"user_id"},
    "DELETE /api/groups/{group_id}/members/{user_id}": {"user_id"},
    "POST /chat/workspaces/{workspaceId}/members": {"userId"},
    "POST /chat/conversations/{conversationId}/members": {"userId"},
    "POST /chat/conversations/{conversationId}/messages": _SENDER,
    "PUT /chat/presence": _SENDER,
}
"""Where it names somebody else, or must be right: test_other_peoples_ids.py has each; of whom a
message or a presence of a workspace may be, its test_events.py."""


async def test_what_the_path_names_is_not_changed_by_the_body(scene: Scene) -> None:
    own = (await scene.done(scene.mallory, "POST /api/rooms", {"name": "mine"}))["data"]["roomId"]
    body = {"roomId": own, "userId": scene.mallory.user_id, "name": "taken", "role": "owner"}
    for name in (
        "PUT /api/rooms/{roomId}",
        "POST /api/rooms/{roomId}/participants",
        "DELETE /api/rooms/{roomId}?roomId=" + own,
    ):
        answer = await scene.ask(scene.mallory, name.format(**scene.ids), body)
        assert (answer.status, answer.code) == (404, "not_found"), name
    assert (await scene.ask(scene.mallory, f"GET /api/rooms/{own}")).status == 200


async def test_of_what_the_server_decides_nothing_is_taken_from_a_request(scene: Scene) -> None:
    claims = {"createdBy": scene.alice.user_id, "role": "member", "seq": 99, "type": "direct"}
    made = await scene.done(scene.mallory, "POST /api/rooms", {"name": "mine", **claims})
    room = made["data"]
    assert (room["createdBy"], room["role"]) == (scene.mallory.user_id, "owner")
    assert (room["seq"], room["type"]) == (0, "group")

    claims = {"deliveryStatus": "read", "seq": 99, "createdAt": "2001-01-01T00:00:00.000Z"}
    message = {"encryptedContent": "x", "messageId": "mine", "roomId": room["roomId"]}
    sent = await scene.done(scene.mallory, "POST /api/messages/send", {**message, **claims})
    assert sent["data"]["deliveryStatus"] == "sent"
    assert sent["data"]["createdAt"] == room["createdAt"]
    read = await scene.done(scene.mallory, f"GET /api/messages/room/{room['roomId']}")
    assert [one["seq"] for one in read["data"]["messages"]] == [1]


async def test_of_a_field_that_stands_twice_the_last_counts_everywhere(scene: Scene) -> None:
    """There is one reader of bodies, so that no two parts of the server take it differently."""
    body = (
        b'{"username": "alice", "username": "twice", "email": "twice@example.com", '
        b'"password": "a good password"}'
    )
    answer = await sent(scene, ROUTES["POST /api/auth/signup"], body)
    assert (answer.status, answer.body["data"]["username"]) == (201, "twice")
    login = {"username": "twice", "password": "a good password"}
    assert (await scene.ask(None, "POST /api/auth/login", login)).status == 200


async def test_what_a_query_says_it_says_once_and_is_never_null(scene: Scene) -> None:
    path = f"GET /api/messages/direct/{scene.bob.user_id}?"
    assert (await scene.ask(scene.alice, path + "before=7&limit=3")).status == 200
    for query in ("before=7&before=9", "before=null", "limit=1&limit=1", "after=", "limit=1.5"):
        answer = await scene.ask(scene.alice, path + query)
        assert (answer.status, answer.code) == (400, "invalid_request"), query
    twice = f"DELETE /api/messages/message-1?roomId=a&roomId={scene.ids['roomId']}"
    assert (await scene.ask(scene.alice, twice)).status == 400
    once = f"DELETE /api/messages/message-1?roomId={scene.ids['roomId']}"
    assert (await scene.ask(scene.alice, once, {"roomId": "another"})).status == 400


async def test_a_packed_body_is_never_unpacked(scene: Scene) -> None:
    route = ROUTES["POST /api/auth/login"]
    for encoding in ("gzip", "deflate", "br", "identity, gzip"):
        headers = {"Content-Encoding": encoding}
        answer = await sent(scene, route, b"\x1f\x8b" + b"\0" * 60, **headers)
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), encoding
