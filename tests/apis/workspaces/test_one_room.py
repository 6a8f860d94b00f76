"""A conversation whose clients encrypt it is one room for all APIs that have rooms.

What is said and done in one of them is heard in the others: secure chat's `/ws`, and the namespaces
`/chat` and `/` of Socket.IO. Each listens on a node of its own, if there are several.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import cycle
from typing import Any

import pytest

from server.transports.api import CHAT, MAIN
from tests.apis.session_relay.sessions import configured
from tests.apis.workspaces.people import Colleague
from tests.servers import RunningServer, until
from tests.transports.raw.sockets import Client
from tests.transports.wire import Line, WebSocketLine

PREFIXES = {MAIN: "", CHAT: "/chat,"}
METADATA = {"iv": "aXY="}

Join = Callable[[Colleague, str], Awaitable[Line]]
Open = Callable[[Colleague], Awaitable[Client]]


@pytest.fixture
def urls(server: RunningServer) -> Any:
    """Of the nodes in turn."""
    return cycle(server.node_urls)


@pytest.fixture
async def join(urls: Any, acme: str) -> AsyncIterator[Join]:
    """Joins the workspace in a namespace: `line = await join(bob, CHAT)`."""
    lines: list[Line] = []

    async def enter(who: Colleague, namespace: str) -> Line:
        lines.append(line := WebSocketLine(next(urls)))
        line.prefix = PREFIXES[namespace]
        await line.open({"token": who.token})
        assert (await line.ask("join_workspace", {"workspaceId": acme}))["success"] is True
        return line

    yield enter
    for line in lines:
        await line.leave()


@pytest.fixture
async def connect(urls: Any) -> AsyncIterator[Open]:
    """Opens a line of secure chat: `phone = await connect(alice)`."""
    clients: list[Client] = []

    async def enter(who: Colleague) -> Client:
        clients.append(client := Client(next(urls), "/ws"))
        await client.open(who.token)
        await client.beat()
        return client

    yield enter
    for client in clients:
        await client.leave()


@pytest.fixture
async def room(alice: Colleague, bob: Colleague, carol: Colleague, acme: str) -> str:
    """The id of one that Alice owns, with Bob and Carol."""
    for one in (bob, carol):
        assert await alice.adds(acme, one) == 200
    made: str = (await alice.makes(acme, bob, carol, isEncrypted=True))["id"]
    return made


async def heard(line: Line, event: str, nth: int = 1) -> Any:
    """The data of the nth event of that name, once it has come."""
    await until(lambda: len(line.events(event)) >= nth)
    return line.events(event)[nth - 1]


async def told(client: Client, kind: str, nth: int = 1) -> dict[str, Any]:
    """The nth frame of that type, once it has come."""
    await until(lambda: len(client.all(kind)) >= nth)
    return client.all(kind)[nth - 1]


async def sends(client: Client, room: str, message_id: str) -> dict[str, Any]:
    """What is answered to a message of secure chat."""
    answer = await client.ask(
        "message",
        messageId=message_id,
        roomId=room,
        messageType="group",
        encryptedContent="Y2lwaGVy",
        encryptionMetadata=METADATA,
    )
    assert answer["type"] == "message_sent", answer
    return answer


async def test_what_secure_chat_sends_is_heard_in_both_namespaces(
    alice, bob, carol, room, join, connect
):
    phone, chat, main = await connect(alice), await join(bob, CHAT), await join(carol, MAIN)
    answer = await sends(phone, room, "m-1")
    for line in (chat, main):
        data = await heard(line, "message:new")
        assert data["conversationId"] == room
        said = data["message"]
        assert (said["id"], said["seq"], said["userId"]) == ("m-1", answer["seq"], alice.user_id)
        assert (said["content"], said["encryptionMetadata"]) == ("Y2lwaGVy", METADATA)
        assert said["isEncrypted"] is True
    assert await bob.reads(room) == [said]


async def test_what_a_workspace_sends_is_heard_by_secure_chat(alice, bob, room, join, connect):
    phone, chat = await connect(alice), await join(bob, CHAT)
    sent = {"content": "Y2lwaGVy", "clientMessageId": "m-1", "encryptionMetadata": METADATA}
    answer = await chat.ask("send_message", {"conversationId": room, **sent})
    message = (await told(phone, "new_message"))["message"]
    assert (message["messageId"], message["roomId"]) == ("m-1", room)
    assert message["seq"] == answer["message"]["seq"]
    assert (message["senderId"], message["recipientId"]) == (bob.user_id, None)
    assert (message["encryptedContent"], message["encryptionMetadata"]) == ("Y2lwaGVy", METADATA)
    _, found = await alice.ask("GET", f"/api/messages/room/{room}")
    assert [one["messageId"] for one in found["data"]["messages"]] == ["m-1"]


async def test_one_message_id_is_one_message_whichever_api_it_comes_by(alice, bob, room, connect):
    phone = await connect(alice)
    answer = await sends(phone, room, "m-1")
    again = await alice.says(room, "other", clientMessageId="m-1")
    assert (again["seq"], again["content"]) == (answer["seq"], "Y2lwaGVy")
    path, body = f"/chat/conversations/{room}/messages", {"content": "x", "clientMessageId": "m-1"}
    assert (await bob.ask("POST", path, body))[0] == 409


async def test_who_reads_in_one_has_read_in_the_other(alice, bob, room, join, connect):
    phone, chat = await connect(alice), await join(bob, CHAT)
    await chat.ask("join_conversation", {"conversationId": room})
    await sends(phone, room, "m-1")
    await heard(chat, "message:new")
    await chat.ask("mark_as_read", {"conversationId": room})
    receipt = await told(phone, "read_receipt")
    assert (receipt["messageId"], receipt["userId"]) == ("m-1", bob.user_id)
    _, found = await alice.ask("GET", f"/api/messages/room/{room}")
    assert found["data"]["messages"][0]["readBy"] == 1

    said = await chat.ask("send_message", {"conversationId": room, "content": "x"})
    await told(phone, "new_message")
    await phone.ask("read_receipt", roomId=room, messageId=said["message"]["id"])
    read = await heard(chat, "message:read")
    assert (read["userId"], read["conversationId"]) == (alice.user_id, room)
    assert (await bob.reads(room))[1]["readBy"] == 1


async def test_what_one_changes_is_changed_for_the_other(alice, bob, room, connect):
    phone = await connect(bob)
    said = await alice.says(room, "first", clientMessageId="m-1")
    await alice.ask("PUT", f"/chat/messages/{said['id']}", {"content": "second"})
    _, found = await bob.ask("GET", f"/api/messages/room/{room}")
    assert found["data"]["messages"][0]["encryptedContent"] == "second"
    frame = await told(phone, "message_edited")
    assert (frame["messageId"], frame["encryptedContent"]) == ("m-1", "second")


async def test_what_one_deletes_is_deleted_for_the_other(alice, bob, room, join, connect):
    phone, chat = await connect(alice), await join(bob, CHAT)
    for message_id in ("m-1", "m-2"):
        await sends(phone, room, message_id)
    await alice.ask("DELETE", "/api/messages/m-1", {"roomId": room})
    assert await heard(chat, "message:delete") == {"messageId": "m-1", "conversationId": room}
    await alice.ask("DELETE", f"/chat/messages/m-2?conversationId={room}")
    assert (await told(phone, "message_deleted", 2))["messageId"] == "m-2"
    assert [one["content"] for one in await bob.reads(room)] == [None, None]
    _, found = await bob.ask("GET", f"/api/messages/room/{room}")
    assert all(one["deleted"] for one in found["data"]["messages"])


WAYS_OUT = {
    "secure chat": "DELETE /api/rooms/{room}/participants/{carol}",
    "the conversation": "DELETE /chat/conversations/{room}/members/{carol}",
    "the workspace": "DELETE /chat/workspaces/{acme}/members/{carol}",
    "the event queue": "DELETE /api/groups/{room}/members/{carol}",
}


@pytest.mark.parametrize("way", WAYS_OUT)
async def test_who_has_left_hears_nothing_from_the_very_next_message(
    alice, bob, carol, acme, room, join, connect, way
):
    phone, bobs = await connect(alice), await join(bob, CHAT)
    chat, main, raw = await join(carol, CHAT), await join(carol, MAIN), await connect(carol)
    await sends(phone, room, "m-1")
    for line in (bobs, chat, main):
        await heard(line, "message:new")
    await told(raw, "new_message")

    method, path = WAYS_OUT[way].format(room=room, acme=acme, carol=carol.user_id).split(" ")
    assert (await alice.ask(method, path))[0] == 200
    await sends(phone, room, "m-2")
    await heard(bobs, "message:new", 2)
    assert (await carol.ask("GET", f"/chat/conversations/{room}/messages"))[0] == 404
    assert (await carol.ask("GET", f"/api/messages/room/{room}"))[0] == 404
    for line in (chat, main):
        answer = await line.ask("send_message", {"conversationId": room, "content": "x"})
        assert answer["error"] == "not_found"
        assert len(line.events("message:new")) == 1
    await raw.beat()
    assert len(raw.all("new_message")) == 1


async def test_the_lists_of_both_agree(alice, bob, carol, acme, room, connect):
    phone = await connect(alice)
    for number in range(3):
        await sends(phone, room, f"m-{number}")
    await bob.ask("POST", f"/chat/conversations/{room}/read", {"messageId": "m-1"})
    sealed = (await alice.makes(acme, bob))["id"]
    for who, unread in ((bob, 1), (carol, 3)):
        _, theirs = await who.ask("GET", "/api/rooms")
        _, ours = await who.ask("GET", f"/chat/conversations?workspaceId={acme}")
        (shown,) = theirs["data"]["rooms"]
        listed = {one["id"]: one for one in ours["conversations"]}[room]
        assert shown["roomId"] == room
        assert shown["unreadCount"] == listed["unreadCount"] == unread
        assert shown["name"] == listed["name"] == "general"
        assert {one["userId"] for one in shown["participants"]} == {
            one["userId"] for one in listed["members"]
        }
    _, groups = await bob.ask("GET", "/api/groups")
    assert [one["group_id"] for one in groups["groups"]] == [room]
    _, ours = await bob.ask("GET", f"/chat/conversations?workspaceId={acme}")
    assert {one["id"] for one in ours["conversations"]} == {room, sealed}


async def test_who_is_added_in_one_is_in_it_in_the_other(alice, bob, carol, acme, join):
    for one in (bob, carol):
        await alice.adds(acme, one)
    room = (await alice.makes(acme, bob, isEncrypted=True))["id"]
    line = await join(carol, CHAT)
    added = {"userId": carol.user_id}
    assert (await alice.ask("POST", f"/api/rooms/{room}/participants", added))[0] == 200
    assert (await heard(line, "conversation:new"))["conversation"]["id"] == room
    await alice.says(room, "x")
    assert (await heard(line, "message:new"))["conversationId"] == room


async def test_nobody_from_outside_of_the_workspace_comes_in_by_another_api(
    alice, open_account, room
):
    dave = await open_account("dave")
    for path, body in (
        (f"/api/rooms/{room}/participants", {"userId": dave.user_id}),
        (f"/api/groups/{room}/members", {"user_id": dave.user_id}),
    ):
        assert (await alice.ask("POST", path, body))[0] == 404, path


@configured(RATE_LIMITS="off")
async def test_a_room_of_secure_chat_is_none_in_workspaces(alice, bob, acme):
    body = {"name": "Tea", "participants": [bob.user_id]}
    _, made = await alice.ask("POST", "/api/rooms", body)
    room = made["data"]["roomId"]
    await alice.ask(
        "POST", "/api/messages/send", {"roomId": room, "messageId": "m-1", "encryptedContent": "x"}
    )
    path = f"/chat/conversations/{room}"
    for method, where, sent in (
        ("GET", path, None),
        ("PUT", path, {"name": "x"}),
        ("DELETE", path, None),
        ("GET", f"{path}/messages", None),
        ("POST", f"{path}/messages", {"content": "x"}),
        ("POST", f"{path}/read", {}),
        ("POST", f"{path}/members", {"userId": bob.user_id}),
        ("DELETE", f"{path}/members/{bob.user_id}", None),
        ("PUT", "/chat/messages/m-1", {"content": "x"}),
        ("DELETE", f"/chat/messages/m-1?conversationId={room}", None),
        ("POST", "/chat/messages/m-1/reactions", {"emoji": "x"}),
    ):
        assert (await alice.ask(method, where, sent))[0] == 404, (method, where)
    _, listed = await alice.ask("GET", "/chat/conversations")
    assert listed["conversations"] == []
