"""Groups: who makes, changes and leaves them, and what their members' queues say of it."""

import asyncio
from typing import Any

import pytest

from server.core.identities import ROTATED_AT_ONCE
from tests.apis.event_queue.people import Member, call
from tests.apis.session_relay.sessions import configured
from tests.servers import ADMIN_TOKEN


async def made(owner: Member, *members: Member, name: str = "book club") -> dict[str, Any]:
    body = {"name": name, "member_ids": [one.user_id for one in members]}
    status, group = await owner.ask("POST", "/api/groups", body)
    assert status == 201, group
    found: dict[str, Any] = group
    return found


def path(group: dict[str, Any], *more: str) -> str:
    return "/".join(("/api/groups", group["group_id"], *more))


async def in_it(member: Member, group: dict[str, Any]) -> dict[str, str]:
    """Roles of the members of a group, as one of them sees it."""
    status, found = await member.ask("GET", path(group))
    assert status == 200, found
    return {one["user_id"]: one["role"] for one in found["members"]}


async def waiting(member: Member, count: int) -> list[dict[str, Any]]:
    """All that waits, acknowledged."""
    async with member.connected() as line:
        events = await line.events(count)
        assert await line.is_quiet()
        for one in events:
            assert (await line.acknowledge(one["event_id"]))["removed"] is True
    return events


# --- making and finding ---


async def test_a_group_is_as_the_contract_has_it(alice, bob, clock):
    group = await made(alice, bob)
    members = [
        {
            "user_id": one.user_id,
            "display_name": name,
            "role": role,
            "joined_at": clock.now_ms(),
        }
        for one, name, role in ((alice, "Alice", "owner"), (bob, "Bob", "member"))
    ]
    assert group == {
        "group_id": group["group_id"],
        "name": "book club",
        "created_by": alice.user_id,
        "created_at": clock.now_ms(),
        "updated_at": clock.now_ms(),
        "key_epoch": 1,
        "role": "owner",
        "members": members,
    }
    status, found = await bob.ask("GET", path(group))
    assert (status, found) == (200, {**group, "role": "member"})


async def test_who_is_in_a_group_sees_it_in_the_list_and_nobody_else(alice, bob, carol):
    group = await made(alice, bob)
    for one in (alice, bob):
        _, found = await one.ask("GET", "/api/groups")
        assert [each["group_id"] for each in found["groups"]] == [group["group_id"]]
        assert found["next"] is None
    assert await carol.ask("GET", "/api/groups") == (200, {"groups": [], "next": None})
    status, problem = await carol.ask("GET", path(group))
    assert (status, problem["code"]) == (404, "not_found")


@configured(RATE_LIMITS="off")
async def test_more_groups_than_a_page_holds_come_in_pages(alice, clock):
    names = []
    for number in range(103):
        clock.advance(ms=number % 2)  # some at the same time
        names.append((await made(alice, name=f"g{number}"))["name"])
    _, first = await alice.ask("GET", "/api/groups")
    _, second = await alice.ask("GET", f"/api/groups?before={first['next']}")
    assert (len(first["groups"]), len(second["groups"]), second["next"]) == (100, 3, None)
    found = [one["name"] for one in first["groups"] + second["groups"]]
    assert sorted(found) == sorted(names)
    times = [one["updated_at"] for one in first["groups"] + second["groups"]]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("before", ["x", "1", "1.", ".x", "-1.x", "1.\n"])
async def test_a_page_that_is_none_is_refused(alice, http, before):
    headers = {"Authorization": f"Bearer {alice.token}"}
    asked = http.get("/api/groups", params={"before": before}, headers=headers)
    async with asked as answer:
        assert answer.status == 400


async def test_with_a_page_it_is_the_operators_list_of_random_groups(alice, http):
    assert (await alice.ask("GET", "/api/groups?page=1"))[0] == 403
    status, answer = await call(http, "GET", "/api/groups?page=1", token=ADMIN_TOKEN)
    assert (status, "next" in answer) == (200, False)


@pytest.mark.parametrize("name", ["", " ", "\u00a0\u3000", "\u200b\u2060"], ids=ascii)
async def test_a_group_has_a_name_that_is_seen(alice, name):
    for path_of_api in ("/api/groups", "/api/rooms"):
        status, problem = await alice.ask("POST", path_of_api, {"name": name})
        assert (status, problem["code"]) == (400, "invalid_request")
        assert "name" in problem["message"]
    assert (await alice.ask("POST", "/api/groups", {"name": "\u200d家族 👨‍👩‍👧"}))[0] == 201
    assert len((await alice.ask("GET", "/api/groups"))[1]["groups"]) == 1


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"name": 7}, {"name": "x", "member_ids": ["x" * 129]}], ids=str
)
async def test_a_group_that_is_none_is_refused(alice, body):
    assert (await alice.ask("POST", "/api/groups", body))[0] == 400


async def test_who_is_named_twice_or_makes_the_group_is_in_it_once(alice, bob):
    group = await made(alice, bob, bob, alice)
    assert [one["user_id"] for one in group["members"]] == [alice.user_id, bob.user_id]
    assert len(await waiting(bob, 1)) == 1


async def test_a_group_with_somebody_who_is_not_there_is_not_made(alice, bob):
    body = {"name": "x", "member_ids": [bob.user_id, "nobody"]}
    status, problem = await alice.ask("POST", "/api/groups", body)
    assert (status, problem["code"]) == (404, "recipient_not_found")
    assert (await alice.ask("GET", "/api/groups"))[1]["groups"] == []


# --- who comes and goes ---


async def test_whoever_comes_raises_the_epoch_and_all_are_told(alice, bob, carol):
    group = await made(alice, bob)
    both, three = {alice.user_id, bob.user_id}, {alice.user_id, bob.user_id, carol.user_id}
    for one in (alice, bob):
        assert await rotation_told(one, group, 1) == (1, both, "created")
    status, changed = await alice.ask("POST", path(group, "members"), {"user_id": carol.user_id})
    assert (status, changed["key_epoch"]) == (200, 2)
    for one, sequence in ((alice, 2), (bob, 2), (carol, 1)):
        assert await rotation_told(one, group, sequence) == (2, three, "member_added")


async def rotation_told(
    member: Member, group: dict[str, Any], sequence: int
) -> tuple[int, set[str], str]:
    """The one event that waits, acknowledged."""
    (event,) = await waiting(member, 1)
    data = event["metadata"]
    assert (event["event_type"], event["sender_id"]) == ("KEY_ROTATION", None)
    assert (event["sequence"], data["group_id"]) == (sequence, group["group_id"])
    return data["epoch"], set(data["members"]), data["reason"]


async def test_whoever_is_removed_is_told_so_and_the_others_have_another_epoch(alice, bob, carol):
    group = await made(alice, bob, carol)
    for one in (alice, bob, carol):
        await waiting(one, 1)
    async with carol.connected() as line, bob.connected() as other:
        assert await line.is_quiet()
        assert await other.is_quiet()
        answer = await alice.ask("DELETE", path(group, "members", carol.user_id))
        assert answer == (200, {"group_id": group["group_id"], "user_id": carol.user_id})
        (gone,) = await line.events(1)
        (rotation,) = await other.events(1)
        assert await line.is_quiet()
    assert (gone["event_type"], gone["sender_id"]) == ("MEMBER_REMOVED", None)
    assert gone["metadata"]["group_id"] == group["group_id"]
    assert rotation["event_type"] == "KEY_ROTATION"
    assert rotation["metadata"]["epoch"] == 2
    assert carol.user_id not in rotation["metadata"]["members"]
    async with carol.connected() as line:  # and again, until it is acknowledged
        assert await line.events(1) == [gone]
    assert (await carol.ask("GET", path(group)))[0] == 404


async def test_everybody_may_leave_and_is_told_that_it_is_out(alice, bob, carol):
    group = await made(alice, bob, carol)
    assert (await carol.ask("DELETE", path(group, "members", carol.user_id)))[0] == 200
    _, found = await bob.ask("GET", path(group))
    assert found["key_epoch"] == 2
    events = await waiting(carol, 2)
    assert [one["event_type"] for one in events] == ["EVENTS_EXPIRED", "MEMBER_REMOVED"]
    assert (await carol.send(bob, "x", recipient_id=None, group_id=group["group_id"]))[0] == 404


async def test_a_group_that_is_deleted_is_gone_and_all_are_told(alice, bob):
    group = await made(alice, bob)
    assert (await bob.ask("DELETE", path(group)))[0] == 403
    assert await alice.ask("DELETE", path(group)) == (200, {"group_id": group["group_id"]})
    for one in (alice, bob):
        assert (await one.ask("GET", path(group)))[0] == 404
        events = await waiting(one, 2)
        assert [event["event_type"] for event in events] == ["EVENTS_EXPIRED", "MEMBER_REMOVED"]


async def test_members_add_and_remove_nobody_and_admins_do(alice, bob, carol, join):
    dave = await join("dave")
    group = await made(alice, bob)
    wish = {"user_id": carol.user_id}
    assert (await bob.ask("POST", path(group, "members"), wish))[0] == 403
    assert (await bob.ask("DELETE", path(group, "members", alice.user_id)))[0] == 403
    assert (await carol.ask("POST", path(group, "members"), {"user_id": dave.user_id}))[0] == 404

    raised = {"user_id": bob.user_id, "role": "admin"}
    assert (await alice.ask("POST", path(group, "members"), raised))[0] == 200
    assert (await bob.ask("POST", path(group, "members"), wish))[0] == 200
    assert await in_it(carol, group) == {
        alice.user_id: "owner",
        bob.user_id: "admin",
        carol.user_id: "member",
    }
    assert (await bob.ask("DELETE", path(group, "members", carol.user_id)))[0] == 200
    assert (await bob.ask("DELETE", path(group, "members", alice.user_id)))[0] == 403
    assert (await bob.ask("DELETE", path(group)))[0] == 403


async def test_a_group_says_when_it_was_made_and_when_it_changed(alice, bob, clock):
    made_ms = clock.now_ms()
    group = await made(alice)
    clock.advance(seconds=5)
    wish = {"user_id": bob.user_id}
    _, changed = await alice.ask("POST", path(group, "members"), wish)
    assert (changed["created_at"], changed["updated_at"]) == (made_ms, made_ms + 5_000)
    assert [one["joined_at"] for one in changed["members"]] == [made_ms, made_ms + 5_000]


async def test_members_who_signed_up_with_a_password_go_by_the_name_they_show(alice, http):
    group = await made(alice)
    for username, shown in (("dave", {}), ("erin", {"displayName": "Erin E."})):
        body = {"username": username, "email": f"{username}@example.com", **shown}
        _, answer = await call(
            http, "POST", "/api/auth/signup", {**body, "password": "SecurePass123!"}
        )
        wish = {"user_id": answer["data"]["userId"]}
        _, group = await alice.ask("POST", path(group, "members"), wish)
    names = {one["display_name"] for one in group["members"]}
    assert names == {"Alice", "dave", "Erin E."}


async def test_another_role_raises_no_epoch(alice, bob):
    group = await made(alice, bob)
    raised = {"user_id": bob.user_id, "role": "admin"}
    _, changed = await alice.ask("POST", path(group, "members"), raised)
    assert changed["key_epoch"] == 1
    assert len(await waiting(bob, 1)) == 1


async def test_another_public_key_of_a_member_raises_the_epoch(alice, bob, join):
    group = await made(alice, bob)
    await waiting(alice, 1)
    await join("bob", public_key="another key")
    (event,) = await waiting(alice, 1)
    assert event["event_type"] == "KEY_ROTATION"
    assert (event["metadata"]["epoch"], event["metadata"]["reason"]) == (2, "key_changed")
    assert (await bob.ask("GET", path(group)))[1]["key_epoch"] == 2


async def test_all_groups_hear_of_another_key_though_they_are_told_some_at_a_time(bob, join, clock):
    groups = [await made(bob) for _ in range(ROTATED_AT_ONCE + 2)]
    await join("bob", public_key="another key")
    async with asyncio.timeout(20):
        while {(await bob.ask("GET", path(one)))[1]["key_epoch"] for one in groups} != {2}:
            clock.advance(seconds=5)
    events = await waiting(bob, len(groups) + 1)
    told = {
        one["metadata"].get("group_id") for one in events if one["event_type"] == "KEY_ROTATION"
    }
    assert told == {one["group_id"] for one in groups}


@configured(RATE_LIMITS="on")
async def test_a_key_is_not_changed_again_and_again(alice, join):
    for number in range(5):
        await join("alice", public_key=f"key {number}")
    with pytest.raises(AssertionError, match="429"):
        await join("alice", public_key="one more")
    await join("alice", public_key="key 4")


@configured(RATE_LIMITS="on")
async def test_nobody_is_removed_and_added_all_the_time(alice, bob):
    group = await made(alice, bob)
    answers = [
        (await alice.ask(method, url, body))[0]
        for _ in range(40)
        for method, url, body in (
            ("DELETE", path(group, "members", bob.user_id), None),
            ("POST", path(group, "members"), {"user_id": bob.user_id}),
        )
    ]
    assert 429 in answers


async def test_whoever_is_removed_and_added_again_and_again_hears_of_the_last_time(alice, bob):
    group = await made(alice, bob)
    for _ in range(5):
        await alice.ask("DELETE", path(group, "members", bob.user_id))
        await alice.ask("POST", path(group, "members"), {"user_id": bob.user_id})
    before, last = await waiting(bob, 2)
    assert before["event_type"] == "EVENTS_EXPIRED"
    assert before["metadata"] == {"from": 1, "to": 10, "reason": "superseded"}
    assert (last["event_type"], last["sequence"]) == ("KEY_ROTATION", 11)
    assert last["metadata"]["epoch"] == 11


# --- its events ---


async def test_an_event_of_a_group_is_for_all_devices_but_the_sending_one(alice, bob, join):
    laptop = await join("alice", device_id="laptop")
    for one in (alice, laptop, bob):
        async with one.connected() as line:
            assert await line.is_quiet()
    group = await made(alice, bob)
    for one in (alice, laptop, bob):
        await waiting(one, 1)
    more = {"recipient_id": None, "group_id": group["group_id"]}
    assert (await alice.send(bob, "one", **more))[0] == 201
    for one in (laptop, bob):
        (event,) = await waiting(one, 1)
        assert (event["event_id"], event["sender_id"]) == ("one", alice.user_id)
    async with alice.connected() as line:
        assert await line.is_quiet()


async def test_an_event_of_a_group_comes_to_the_device_default_from_another_one(alice, bob, join):
    laptop = await join("alice", device_id="laptop")
    group = await made(alice, bob)
    for one in (alice, laptop, bob):
        await waiting(one, 1)
    assert (await laptop.send(bob, "one", recipient_id=None, group_id=group["group_id"]))[0] == 201
    for one in (alice, bob):
        (event,) = await waiting(one, 1)
        assert event["event_id"] == "one"
    async with laptop.connected() as line:
        assert await line.is_quiet()


async def test_only_members_send_to_a_group(alice, bob, carol):
    group = await made(alice, bob)
    for group_id in (group["group_id"], "no-group"):
        more = {"recipient_id": None, "group_id": group_id}
        status, problem = await carol.send(bob, "one", **more)
        assert (status, problem["code"]) == (404, "not_found")


@configured(MAX_QUEUE_EVENTS=1, MAX_QUEUE_ROTATIONS=1)
async def test_a_full_queue_keeps_nobody_in_the_dark_about_keys(alice, bob, carol):
    await carol.send(bob, "one")
    for _ in range(2):
        await made(alice, bob)
    events = await waiting(bob, 3)
    assert [one["event_type"] for one in events] == ["MESSAGE", "KEY_ROTATION", "EVENTS_EXPIRED"]
    assert events[2]["metadata"] == {"from": 3, "to": 3, "reason": "queue_full"}


# --- the rooms of secure chat ---


async def test_a_room_of_secure_chat_is_a_group_and_the_other_way_round(alice, bob):
    _, answer = await alice.ask(
        "POST", "/api/rooms", {"name": "tea", "participants": [bob.user_id]}
    )
    room_id = answer["data"]["roomId"]
    status, group = await bob.ask("GET", f"/api/groups/{room_id}")
    assert (status, group["name"], group["key_epoch"]) == (200, "tea", 1)
    (event,) = await waiting(bob, 1)
    assert event["metadata"]["group_id"] == room_id

    made_here = await made(alice, bob, name="coffee")
    _, rooms = await bob.ask("GET", "/api/rooms")
    assert {one["roomId"] for one in rooms["data"]["rooms"]} == {room_id, made_here["group_id"]}
    gone = await alice.ask("DELETE", f"/api/rooms/{room_id}/participants/{bob.user_id}")
    assert gone[0] == 200
    events = await waiting(bob, 2)
    assert [one["event_type"] for one in events] == ["KEY_ROTATION", "MEMBER_REMOVED"]


async def test_a_direct_room_is_no_group(alice, bob):
    wish = {"messageId": "m-1", "recipientId": bob.user_id, "encryptedContent": "c2VjcmV0"}
    status, answer = await alice.ask(
        "POST", "/api/messages/send", {**wish, "messageType": "direct"}
    )
    assert status in (200, 201), answer
    _, rooms = await alice.ask("GET", "/api/messages/conversations")
    (direct,) = rooms["data"]["conversations"]
    assert (await alice.ask("GET", "/api/groups"))[1]["groups"] == []
    room_id = direct.get("roomId") or direct.get("conversationId")
    assert room_id, direct
    assert (await alice.ask("GET", f"/api/groups/{room_id}"))[0] == 404
    more = {"user_id": bob.user_id}
    assert (await alice.ask("POST", f"/api/groups/{room_id}/members", more))[0] in (403, 404)


async def test_whoever_answers_by_an_event_is_a_stranger_no_more(alice, bob):
    async def ten() -> list[dict[str, Any]]:
        return [await made(alice, bob) for _ in range(10)]

    *_, last = await ten()
    body = {"name": "one more", "member_ids": [bob.user_id]}
    assert (await alice.ask("POST", "/api/groups", body))[0] == 409
    to_group = {"recipient_id": None, "group_id": last["group_id"]}
    assert (await bob.send(alice, "to the group", **to_group))[0] == 201
    await ten()


async def test_whoever_writes_to_who_has_put_it_into_groups_is_a_stranger_no_more(
    alice, bob, carol
):
    for _ in range(10):
        await made(alice, bob)
    await bob.send(carol, "to another")
    body = {"name": "one more", "member_ids": [bob.user_id]}
    assert (await alice.ask("POST", "/api/groups", body))[0] == 409
    await bob.send(alice, "to alice")
    assert (await alice.ask("POST", "/api/groups", body))[0] == 201
