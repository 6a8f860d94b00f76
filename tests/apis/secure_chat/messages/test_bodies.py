"""How much a request may carry, and where it may say what it asks."""

import pytest

from server.core.limits import Bounds
from server.transports.http import MAX_BODY_BYTES
from tests.apis.secure_chat.messages.conftest import Member
from tests.installations import MEMORY

BOUNDS = Bounds()


@pytest.fixture(scope="session", params=[MEMORY], ids=str)
def installation(request):
    """One alone: bodies are read before any store is asked."""
    return request.param


async def test_a_message_may_be_as_long_over_rest_as_over_sockets(alice: Member, bob: Member):
    longest = "A" * BOUNDS.ciphertext_bytes
    status, body = await alice.send("long", encryptedContent=longest, recipientId=bob.user_id)
    assert (status, body["success"]) == (201, True)
    (message,) = (await bob.get(f"/api/messages/direct/{alice.user_id}"))["messages"]
    assert message["encryptedContent"] == longest

    status, body = await alice.send("x", encryptedContent=longest + "A", recipientId=bob.user_id)
    assert (status, body["error"]) == (413, "payload_too_large")


async def test_a_body_that_is_too_long_for_its_route_is_not_read(alice: Member):
    room_bytes = MAX_BODY_BYTES + BOUNDS.ciphertext_bytes + BOUNDS.metadata_bytes
    path = "/api/messages/send"
    status, body = await alice.ask("POST", path, encryptedContent="A" * room_bytes)
    assert (status, body["error"]) == (413, "payload_too_large")
    assert str(room_bytes) in body["message"]

    status, body = await alice.ask("POST", "/api/messages/search", query="A" * MAX_BODY_BYTES)
    assert (status, body["error"]) == (413, "payload_too_large")
    assert str(MAX_BODY_BYTES) in body["message"]


async def test_a_bulk_update_may_name_as_many_messages_as_it_says(alice: Member):
    one = {"messageId": "m" * 128, "roomId": "r" * 128, "senderId": "s" * 128, "status": "read"}
    updates = [{**one, "messageId": f"{number:0128}"} for number in range(500)]
    status, body = await alice.ask("POST", "/api/messages/status/bulk", updates=updates)
    assert (status, len(body["data"]["notFound"])) == (200, 500)


async def test_what_a_delete_says_may_stand_in_its_query_too(alice: Member, bob: Member, enter):
    carol = await enter("carol")
    for friend in (bob, carol):
        assert (await alice.send("same", recipientId=friend.user_id))[0] == 201
    (message,) = (await alice.get(f"/api/messages/direct/{bob.user_id}"))["messages"]

    status, body = await alice.ask("DELETE", "/api/messages/same")
    assert (status, body["error"]) == (409, "id_conflict")
    status, body = await alice.ask("DELETE", f"/api/messages/same?roomId={message['roomId']}")
    assert (status, body["data"]["roomId"]) == (200, message["roomId"])


async def test_a_password_is_not_taken_from_an_address(alice: Member):
    status, body = await alice.ask("DELETE", "/api/auth/account?password=SecurePass123!")
    assert (status, body["error"]) == (400, "invalid_request")
    assert (await alice.ask("DELETE", "/api/auth/account", password="SecurePass123!"))[0] == 200
