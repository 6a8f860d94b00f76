"""Lists and pages that are longer than anybody needs: refused whole, on every route."""

from typing import Any

import msgspec

from tests.apis.attacks.scenes import ROUTES, Scene

BATCHES: list[tuple[str, str, Any, int]] = [
    (
        "POST /api/keys/prekeys",
        "preKeys",
        {"keyId": 1, "publicKey": "A" * 43 + "="},
        500,
    ),
    ("POST /api/messages/status/bulk", "messageIds", "m", 500),
    ("POST /api/messages/status/bulk", "updates", {"messageId": "m", "status": "read"}, 500),
    ("POST /api/rooms", "participants", "somebody", 1000),
    ("POST /api/rooms", "participantIds", "somebody", 1000),
    ("POST /chat/conversations", "memberIds", "somebody", 1000),
]


PAGES = {
    "GET /api/messages/direct/{userId}": 200,
    "GET /api/messages/room/{roomId}": 200,
    "GET /api/messages/offline": 200,
    "GET /api/messages/conversations": 100,
    "GET /api/rooms": 100,
    "POST /api/messages/search": 100,
    "GET /api/groups/{groupId}/messages": 200,
    "GET /api/groups?page=1": 200,
    "GET /api/admin/accounts": 1000,
    "GET /api/admin/reports": 1000,
    "GET /api/admin/workspaces/{workspaceId}/audit": 1000,
    "GET /sessions": 1000,
    "GET /chat/workspaces/{workspaceId}/members": 200,
    "GET /chat/presence/{workspaceId}": 1000,
    "GET /chat/conversations": 100,
    "GET /chat/search": 50,
    "GET /chat/conversations/{conversationId}/messages": 200,
}
"""How much a page has at most."""


def test_whatever_has_pages_has_a_bound_of_them() -> None:
    paged = {
        name
        for name, route in ROUTES.items()
        if "limit" in {one.encode_name for one in msgspec.structs.fields(route.request)}
    }
    assert paged == {*PAGES}


async def test_a_page_beyond_its_bound_is_refused(scene: Scene) -> None:
    for name, most in PAGES.items():
        who = scene.token_for(ROUTES[name]) or scene.alice
        path = name.format(**scene.ids)
        for limit in (most + 1, 10**9, 0, -1):
            is_post = name.startswith("POST")
            body = {"limit": limit} if is_post else None
            query = f"{'&' if '?' in path else '?'}limit={limit}"
            answer = await scene.ask(who, path if is_post else path + query, body)
            assert (answer.status, answer.code) == (400, "invalid_request"), (name, limit)


async def test_a_batch_beyond_its_bound_is_refused_whole(scene: Scene) -> None:
    for name, field, one, most in BATCHES:
        whole = {**ROUTES[name].example, field: [one] * (most + 1)}
        answer = await scene.ask(scene.mallory, name, whole)
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert field in answer.body["message"]
        assert str(most) in answer.body["message"]
