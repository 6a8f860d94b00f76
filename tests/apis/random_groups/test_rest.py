"""The REST routes: twins of the events, keys of users, and what operators see."""

import base64

import pytest

from tests.apis.random_groups.strangers import GROUP, logins, request
from tests.apis.session_relay.sessions import configured
from tests.issuers import by_secret
from tests.servers import ADMIN_TOKEN

SECRET = b"a secret that two systems share, of 256 bits"


async def test_the_twins_answer_as_the_events_do(alice, bob):
    await alice.enter()
    status, joined = await bob.post("/api/groups/join-random", {"publicKey": "bob's"})
    group_id = joined["group"]["id"]
    message = {"groupId": group_id, "encryptedMessage": "by REST"}
    sent = [await bob.post(path, message) for path in ("/api/messages", "/api/group-messages")]
    _, read = await bob.get(f"/api/groups/{group_id}/messages?limit=1")
    typed = await bob.post(f"/api/groups/{group_id}/typing", {"isTyping": True})
    left = await bob.post(f"/api/groups/{group_id}/leave")

    assert (status, joined["message"]) == (200, "Successfully joined group")
    assert set(joined["group"]) == GROUP
    assert [code for code, _ in sent] == [201, 201]
    assert set(sent[0][1]) == {"success", "messageId", "timestamp", "seq"}
    assert [one["id"] for one in read["messages"]] == [sent[1][1]["messageId"]]
    assert read["hasMore"] is True
    assert typed == (200, {"success": True})
    assert left == (200, {"success": True, "message": "Successfully left group"})
    assert len([name for name, _ in alice.heard if name == "new_message"]) == 2


async def test_binary_is_shown_as_base64(pair):
    alice, _ = pair
    await alice.say({"iv": b"\x00\xff", "data": "d"})
    _, read = await alice.get(f"/api/groups/{alice.group_id}/messages")

    shown = base64.b64encode(b"\x00\xff").decode()
    assert read["messages"][0]["encryptedContent"] == {"iv": shown, "data": "d"}


async def test_next_by_rest(pair):
    alice, bob = pair
    status, moved = await bob.post("/api/groups/next", {})

    assert status == 200
    assert moved["group"]["id"] != alice.group_id


@configured(JWT_SECRET=SECRET.decode())
async def test_a_key_outlives_the_group_of_its_user(pair, http):
    _, bob = pair
    await bob.ask("leave_group", {"groupId": bob.group_id})
    token = by_secret({"sub": "erin"}, SECRET)
    path = f"/api/users/{bob.user_id}"
    _, key = await request(http, "GET", f"{path}/public-key", token)
    status, bundle = await request(http, "POST", f"{path}/sessions", token)

    assert (key["publicKey"], key["userId"], key["login"]) == ("key of bob", bob.user_id, "bob")
    assert status == 200
    assert bundle["bundle"] == {"publicKey": "key of bob", "updatedAt": key["updatedAt"]}


async def test_a_guest_finds_the_keys_of_its_own_group_alone(pair, carol):
    alice, bob = pair
    path = f"/api/users/{bob.user_id}/public-key"

    assert (await alice.get(path))[0] == 200
    assert (await carol.get(path))[0] == 404


@configured(CONNECTION_EVENTS_PER_MINUTE=400)
async def test_what_a_user_asks_for_over_http_has_a_rate(pair, server):
    alice, bob = pair
    typing = f"/api/groups/{alice.group_id}/typing", {"isTyping": True}
    statuses = [(await alice.post(*typing))[0] for _ in range(102)]

    accepted = statuses.count(200)
    assert statuses.count(429) == 102 - accepted
    # Each other process may hold an eighth for her that she did not come to spend there.
    assert 100 - (len(server.nodes) - 1) * 12 <= accepted <= 100
    assert (await bob.post(*typing))[0] == 200


@configured(CONNECTION_EVENTS_PER_MINUTE=400)
async def test_a_history_counts_as_long_as_it_is_by_either_door(pair):
    alice, _ = pair
    for _ in range(3):
        await alice.say("x" * 300_000)  # in all as long as 110 events
    asked = {"groupId": alice.group_id}
    path = f"/api/groups/{alice.group_id}/messages"

    assert [(await alice.get(path))[0] for _ in range(2)] == [200, 429]
    acks = [await alice.ask("get_group_messages", asked) for _ in range(2)]
    assert [ack.get("error") for ack in acks] == [None, "rate_limited"]


async def test_of_nobody_there_is_no_key(alice):
    status, refused = await alice.get("/api/users/nobody/public-key")

    assert (status, refused["code"]) == (404, "not_found")


async def test_blocking_by_rest(pair, later):
    alice, bob = pair
    status, _ = await alice.post(f"/api/groups/{alice.group_id}/block", {"userId": bob.user_id})
    await bob.ask("leave_group", {"groupId": bob.group_id})
    await later(minutes=5)

    assert status == 200
    assert logins(await bob.enter()) == ["bob"]


async def test_reporting_by_rest(pair):
    alice, bob = pair
    complaint = {"userId": bob.user_id, "reason": "spam"}
    status, ack = await alice.post(f"/api/groups/{alice.group_id}/report", complaint)

    assert (status, ack["removed"]) == (200, False)


async def test_anybody_sees_how_many_there_are(pair, http):
    status, seen = await request(http, "GET", "/api/groups/stats", None)

    assert status == 200
    assert seen == {
        "success": True,
        "stats": {
            "totalGroups": 1,
            "activeGroups": 1,
            "totalMembers": 2,
            "averageGroupSize": 2,
        },
    }


async def test_operators_see_the_groups_and_nobody_in_them(pair, http):
    alice, bob = pair
    _, seen = await request(http, "GET", "/api/groups?page=1&limit=20", ADMIN_TOKEN)

    (group,) = seen["groups"]
    assert (group["id"], group["currentMembers"]) == (alice.group_id, 2)
    assert seen["pagination"] == {"page": 1, "limit": 20, "total": 1, "pages": 1}
    assert not {alice.user_id, bob.user_id, "alice", "bob"} & {str(v) for v in group.values()}


async def test_operators_end_what_is_idle(pair, http, clock):
    clock.advance(minutes=30)
    _, cleaned = await request(http, "POST", "/api/groups/cleanup", ADMIN_TOKEN)

    assert cleaned in ({"success": True, "cleaned": 1}, {"success": True, "cleaned": 0})
    _, seen = await request(http, "GET", "/api/groups/stats", None)
    assert seen["stats"]["activeGroups"] == 0


ROUTES = [
    ("POST", "/api/groups/join-random"),
    ("POST", "/api/groups/next"),
    ("GET", "/api/groups/current"),
    ("POST", "/api/groups/g/leave"),
    ("GET", "/api/groups/g/messages"),
    ("POST", "/api/groups/g/typing"),
    ("POST", "/api/groups/g/block"),
    ("POST", "/api/groups/g/report"),
    ("POST", "/api/messages"),
    ("POST", "/api/group-messages"),
    ("GET", "/api/users/u/public-key"),
    ("POST", "/api/users/u/sessions"),
    ("POST", "/api/users/u/block"),
    ("POST", "/api/users/u/unblock"),
    ("GET", "/api/groups"),
    ("POST", "/api/groups/cleanup"),
    ("GET", "/api/admin/reports"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nothing_is_answered_without_a_token(http, method, path):
    status, refused = await request(http, method, path, None)

    assert (status, refused["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(("method", "path"), ROUTES[-3:])
async def test_operators_routes_are_not_for_users(alice, method, path):
    status, _ = await (alice.get(path) if method == "GET" else alice.post(path))

    assert status == 403
