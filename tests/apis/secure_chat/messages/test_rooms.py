"""The REST routes of rooms."""

import pytest

from server.core.clock import iso_utc


@pytest.fixture
async def room(alice, bob):
    """The id of a room of alice's, with bob."""
    status, body = await alice.ask("POST", "/api/rooms", name="Tea", participants=[bob.user_id])
    assert (status, body["message"]) == (201, "Room created successfully")
    return body["data"]["roomId"]


async def test_a_room_is_shown_to_its_members_alone(alice, bob, enter, room):
    shown = await bob.get(f"/api/rooms/{room}")
    assert (shown["name"], shown["type"], shown["role"]) == ("Tea", "group", "member")
    roles = {one["username"]: one["role"] for one in shown["participants"]}
    assert roles == {"alice": "owner", "bob": "member"}

    carol = await enter("carol")
    for method in ("GET", "PUT", "DELETE"):
        hidden = await carol.ask(method, f"/api/rooms/{room}")
        nowhere = await carol.ask(method, "/api/rooms/nowhere")
        assert hidden == nowhere
        assert (hidden[0], hidden[1]["error"]) == (404, "not_found")
    assert (await carol.get("/api/rooms"))["rooms"] == []
    status, body = await carol.ask("GET", f"/api/messages/room/{room}")
    assert (status, body["error"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["", " ", "\u200b\u00a0"], ids=ascii)
async def test_a_room_keeps_a_name_that_is_seen(alice, room, name):
    for method, path in (("POST", "/api/rooms"), ("PUT", f"/api/rooms/{room}")):
        status, body = await alice.ask(method, path, name=name)
        assert (status, body["error"]) == (400, "invalid_request")
    assert (await alice.get(f"/api/rooms/{room}"))["name"] == "Tea"


async def test_what_is_said_in_a_room_reaches_its_members(alice, bob, room):
    status, body = await alice.send("m1", roomId=room, messageType="group")
    assert status == 201
    assert body["data"]["roomId"] == room
    assert "recipientId" not in body["data"]

    (message,) = (await bob.get(f"/api/messages/room/{room}"))["messages"]
    assert (message["messageType"], message["recipientId"]) == ("group", None)
    (waiting,) = (await bob.get("/api/messages/offline"))["messages"]
    assert waiting == message
    (listed,) = (await bob.get("/api/rooms"))["rooms"]
    assert (listed["roomId"], listed["unreadCount"], listed["seq"]) == (room, 1, 1)


async def test_a_room_is_renamed_and_ended(alice, bob, room):
    status, _ = await alice.ask(
        "PUT", f"/api/rooms/{room}", name="Coffee", description="a\nb", messageTtlSeconds=60
    )
    assert status == 200
    shown = await bob.get(f"/api/rooms/{room}")
    assert (shown["name"], shown["description"], shown["messageTtlSeconds"]) == (
        "Coffee",
        "a\nb",
        60,
    )
    assert (await bob.ask("PUT", f"/api/rooms/{room}", name="x"))[0] == 403
    assert (await bob.ask("DELETE", f"/api/rooms/{room}"))[0] == 403
    assert (await alice.ask("DELETE", f"/api/rooms/{room}"))[1]["data"] == {"roomId": room}
    assert (await bob.ask("GET", f"/api/rooms/{room}"))[0] == 404


async def test_a_rooms_messages_expire_as_it_says(alice, bob, room, later):
    await alice.ask("PUT", f"/api/rooms/{room}", messageTtlSeconds=60)
    await alice.send("m1", roomId=room)
    await later(seconds=59)
    assert len((await bob.get(f"/api/messages/room/{room}"))["messages"]) == 1
    await later(seconds=1)
    assert (await bob.get(f"/api/messages/room/{room}"))["messages"] == []


async def test_participants_come_change_their_role_and_go(alice, bob, enter, room):
    carol = await enter("carol")
    path = f"/api/rooms/{room}/participants"
    status, body = await alice.ask("POST", path, userId=carol.user_id)
    assert (status, len(body["data"]["participants"])) == (200, 3)
    assert (await carol.ask("DELETE", f"{path}/{bob.user_id}"))[0] == 403
    await alice.ask("PUT", f"{path}/{carol.user_id}", role="admin")
    status, body = await carol.ask("DELETE", f"{path}/{bob.user_id}")
    assert (status, body["data"]) == (200, {"roomId": room, "userId": bob.user_id})
    assert (await bob.ask("GET", f"/api/rooms/{room}"))[0] == 404
    assert (await alice.ask("DELETE", f"{path}/{alice.user_id}"))[0] == 200
    shown = await carol.get(f"/api/rooms/{room}")
    assert [one["role"] for one in shown["participants"]] == ["owner"]


async def test_nobody_unknown_is_put_into_a_room(alice, room):
    status, body = await alice.ask("POST", f"/api/rooms/{room}/participants", userId="nemo")
    assert (status, body["error"]) == (404, "recipient_not_found")
    status, body = await alice.ask("POST", "/api/rooms", name="x", participants=["nemo"])
    assert (status, body["error"]) == (404, "recipient_not_found")


@pytest.mark.parametrize("settings", [{"MESSAGE_TTL_DAYS": "2"}])
async def test_messages_expire_after_the_days_that_the_server_has_set(alice, bob, settings, clock):
    await alice.send("m1", recipientId=bob.user_id)
    (waiting,) = (await bob.get("/api/messages/offline"))["messages"]
    assert waiting["expiresAt"] == iso_utc(clock.now_ms() + 2 * 24 * 60 * 60_000)
