"""The REST routes of messages."""

from typing import Any

import pytest

from server.core.clock import iso_utc
from tests.apis.secure_chat.messages.conftest import Member

METADATA: dict[str, Any] = {
    "algorithm": "XChaCha20-Poly1305",
    "nonce": "bm9uY2U=",
    "keyVersion": 1,
    "unknown": {"deep": [None, 1.5, "ü"]},
}


def key_for(member: Member) -> dict[str, str]:
    return {
        "recipientId": member.user_id,
        "recipientDeviceId": member.device_id,
        "encryptedKey": "a2V5",
        "ephemeralPublicKey": "ZXBo",
    }


async def test_a_message_is_answered_as_the_contract_shows_it(alice, bob, clock):
    status, body = await alice.send(
        "msg-1234567890",
        recipientId=bob.user_id,
        messageType="direct",
        encryptionMetadata={**METADATA, "encryptedKeys": [key_for(bob)]},
    )
    assert status == 201
    assert body == {
        "success": True,
        "data": {
            "messageId": "msg-1234567890",
            "senderId": alice.user_id,
            "recipientId": bob.user_id,
            "messageType": "direct",
            "encryptedContent": "c2VjcmV0",
            "deliveryStatus": "sent",
            "createdAt": iso_utc(clock.now_ms()),
        },
        "message": "Message sent successfully",
    }
    again = await alice.send("msg-1234567890", recipientId=bob.user_id)
    assert again == (201, body)


async def test_what_was_sent_is_read_back_unchanged_by_both(alice, bob):
    metadata = {**METADATA, "encryptedKeys": [key_for(bob)]}
    await alice.send("m1", recipientId=bob.user_id, encryptionMetadata=metadata)

    mine = await alice.get(f"/api/messages/direct/{bob.user_id}")
    yours = await bob.get(f"/api/messages/direct/{alice.user_id}")
    assert mine == yours
    assert mine["hasMore"] is False
    (message,) = mine["messages"]
    assert message["encryptionMetadata"] == metadata
    assert (message["seq"], message["senderDeviceId"]) == (1, "alice-phone")


async def test_missing_and_stale_devices_are_told_by_name(alice, bob, enter):
    laptop = await enter("bob", "laptop")
    gone = {**key_for(bob), "recipientDeviceId": "gone"}
    metadata = {**METADATA, "encryptedKeys": [key_for(bob), gone, key_for(alice)]}
    status, body = await alice.send("m1", recipientId=bob.user_id, encryptionMetadata=metadata)

    assert (status, body["success"], body["error"]) == (409, False, "device_mismatch")
    assert body["missing"] == [{"userId": bob.user_id, "deviceId": laptop.device_id}]
    assert body["stale"] == [{"userId": bob.user_id, "deviceId": "gone"}]
    status, body = await alice.send("m1", recipientId=bob.user_id, encryptionMetadata=METADATA)
    assert (status, len(body["missing"])) == (409, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"recipientId": "x", "roomId": "y"},
        {"recipientId": "x", "encryptedContent": ""},
        {"recipientId": "x", "encryptedContent": {"iv": 1}},
        {"recipientId": "x", "messageType": "a b"},
        {"recipientId": "x", "encryptionMetadata": "text"},
        {"recipientId": "x", "encryptionMetadata": {"encryptedKeys": {}}},
        {"recipientId": "x", "encryptionMetadata": {"encryptedKeys": [{"recipientId": "x"}]}},
        {"recipientId": "x", "messageId": "x" * 129},
    ],
)
async def test_what_is_no_message_is_refused(alice, fields):
    wish = {"messageId": "m1", "encryptedContent": "x", **fields}
    status, body = await alice.ask("POST", "/api/messages/send", **wish)
    assert (status, body["error"]) == (400, "invalid_request")


async def test_nobody_speaks_as_somebody_else(alice, bob):
    status, body = await alice.send("m1", recipientId=bob.user_id, senderId=bob.user_id)
    assert (status, body["error"]) == (403, "forbidden")
    status, _ = await alice.send("m1", recipientId=bob.user_id, senderDeviceId="other")
    assert status == 403
    status, body = await alice._replace(token="x").send("m1", recipientId=bob.user_id)
    assert (status, body["error"]) == (401, "unauthenticated")


async def test_guests_have_no_messages(alice, http):
    async with http.post("/api/auth/guest", json={}) as answer:
        token = (await answer.json())["token"]
    status, body = await alice._replace(token=token).ask("GET", "/api/messages/offline")
    assert (status, body["error"]) == (403, "forbidden")


async def test_an_offline_device_finds_what_it_missed_until_it_says_that_it_has_it(alice, bob):
    for number in range(3):
        await alice.send(f"m{number}", recipientId=bob.user_id)
    first = await bob.get("/api/messages/offline", limit=2)
    rest = await bob.get("/api/messages/offline", limit=2, after=first["next"])
    seen = [one["messageId"] for page in (first, rest) for one in page["messages"]]
    assert (seen, rest["next"]) == (["m0", "m1", "m2"], None)

    status, body = await bob.ask("PUT", "/api/messages/m0/status", status="delivered")
    assert (status, body["data"]) == (200, {"messageId": "m0", "deliveryStatus": "delivered"})
    status, body = await bob.ask(
        "POST", "/api/messages/status/bulk", messageIds=["m1", "m2", "m9"], status="read"
    )
    assert (status, body["data"]) == (200, {"updated": 2, "notFound": ["m9"]})
    assert (await bob.get("/api/messages/offline"))["messages"] == []
    mine = await alice.get(f"/api/messages/direct/{bob.user_id}")
    assert [one["deliveryStatus"] for one in mine["messages"]] == ["delivered", "read", "read"]


async def test_a_status_of_no_message_is_not_found(alice, bob):
    status, body = await bob.ask("PUT", "/api/messages/m0/status", status="read")
    assert (status, body["error"]) == (404, "not_found")
    status, body = await bob.ask("PUT", "/api/messages/m0/status", status="eaten")
    assert (status, body["error"]) == (400, "invalid_request")


async def test_several_updates_of_different_statuses_go_at_once(alice, bob):
    for number in range(2):
        await alice.send(f"m{number}", recipientId=bob.user_id)
    updates = [{"messageId": "m0", "status": "read"}, {"messageId": "m1", "status": "delivered"}]
    status, body = await bob.ask("POST", "/api/messages/status/bulk", updates=updates)
    assert (status, body["data"]["updated"]) == (200, 2)
    mine = await alice.get(f"/api/messages/direct/{bob.user_id}")
    assert [one["deliveryStatus"] for one in mine["messages"]] == ["read", "delivered"]


async def test_conversations_show_the_last_message_and_what_is_unread(alice, bob):
    for number in range(3):
        await alice.send(f"m{number}", recipientId=bob.user_id)
    (one,) = (await bob.get("/api/messages/conversations"))["conversations"]

    assert (one["type"], one["name"], one["unreadCount"]) == ("direct", None, 3)
    assert one["lastMessage"]["messageId"] == "m2"
    assert {each["username"] for each in one["participants"]} == {"alice", "bob"}
    (mine,) = (await alice.get("/api/messages/conversations"))["conversations"]
    assert mine["unreadCount"] == 0


async def test_a_deleted_message_leaves_its_place(alice, bob):
    await alice.send("m1", recipientId=bob.user_id, encryptionMetadata=METADATA)
    status, body = await bob.ask("DELETE", "/api/messages/m1")
    assert (status, body["error"]) == (403, "forbidden")
    status, body = await alice.ask("DELETE", "/api/messages/m1")
    assert (status, body["data"]["messageId"]) == (200, "m1")

    (left,) = (await bob.get(f"/api/messages/direct/{alice.user_id}"))["messages"]
    assert (left["deleted"], left["encryptedContent"], left["encryptionMetadata"]) == (
        True,
        None,
        None,
    )


async def test_search_finds_by_what_the_server_may_know_alone(alice, bob, clock, later):
    await alice.send("m1", recipientId=bob.user_id)
    await later(minutes=1)
    await bob.send("m2", recipientId=alice.user_id, messageType="file")
    path = "/api/messages/search"

    status, body = await alice.ask("POST", path, query="hello")
    assert (status, body["error"]) == (422, "unsearchable")
    for wish, wanted in (
        ({}, ["m2", "m1"]),
        ({"senderId": bob.user_id}, ["m2"]),
        ({"participantId": bob.user_id, "to": iso_utc(clock.now_ms())}, ["m1"]),
        ({"from": clock.now_ms()}, ["m2"]),
        ({"messageType": "file"}, ["m2"]),
    ):
        status, body = await alice.ask("POST", path, **wish)
        assert [one["messageId"] for one in body["data"]["messages"]] == wanted
    _, first = await alice.ask("POST", path, limit=1)
    _, second = await alice.ask("POST", path, limit=1, before=first["data"]["next"])
    assert second["data"]["messages"][0]["messageId"] == "m1"


async def test_history_goes_on_before_and_after_a_sequence(alice, bob):
    for number in range(1, 6):
        await alice.send(f"m{number}", recipientId=bob.user_id)
    path = f"/api/messages/direct/{bob.user_id}"
    for query, wanted in (
        ({"limit": 2}, ["m4", "m5"]),
        ({"limit": 2, "before": 4}, ["m2", "m3"]),
        ({"limit": 2, "after": 1}, ["m2", "m3"]),
    ):
        found = await alice.get(path, **query)
        assert [one["messageId"] for one in found["messages"]] == wanted
        assert found["hasMore"] is True
