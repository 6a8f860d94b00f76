"""A room in which the server seals what is said: for secure chat and the event queue there is none.

Whatever names it is answered as what is nowhere, and nothing that happens there is told.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.apis.event_queue import EVENT_QUEUE
from server.apis.secure_chat import SECURE_CHAT
from server.core.identity import User
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.ports.conversations import MessageRef
from server.core.workspaces.channels import ChannelWish, TextChange
from server.core.workspaces.content import EditWish, PostWish
from tests.apis.secure_chat.messages.conftest import Member
from tests.servers import RunningServer
from tests.transports.raw.sockets import Client

NOWHERE = "nowhere"


class Work:
    """A sealed room of Alice's and Bob's, in which she has said something: `m1`."""

    def __init__(self, server: RunningServer, alice: Member, bob: Member) -> None:
        self.chat = server.nodes[0].chat
        self.alice, self.bob = (
            User(user_id=UserId(one.user_id), login="", expires_ms=None, family_id="f")
            for one in (alice, bob)
        )
        self.workspace_id = WorkspaceId("")
        self.room = RoomId("")

    async def begin(self) -> None:
        made = await self.chat.workspaces.create(self.alice, "Work")
        self.workspace_id = made.workspace_id
        await self.chat.workspaces.set_member(self.alice, made.workspace_id, self.bob.user_id, None)
        self.room = await self.make(Kind.GROUP)
        await self.say("m1")

    async def make(self, kind: Kind) -> RoomId:
        wish = ChannelWish(
            workspace_id=self.workspace_id,
            kind=kind,
            name="" if kind is Kind.DIRECT else "x",
            members=(self.bob.user_id,),
        )
        made, _ = await self.chat.channels.create(self.alice, wish)
        return made.conversation.room_id

    async def say(self, message_id: str) -> None:
        wish = PostWish(room_id=self.room, content="sealed", message_id=MessageId(message_id))
        await self.chat.posts.send(self.alice, wish)


@pytest.fixture
async def work(server: RunningServer, alice: Member, bob: Member) -> Work:
    one = Work(server, alice, bob)
    await one.begin()
    return one


@pytest.fixture
async def socket(server: RunningServer, bob: Member) -> AsyncIterator[Client]:
    """Bob's line."""
    client = Client(server.node_urls[-1], "/ws")
    await client.open(bob.token)
    await client.beat()
    yield client
    await client.leave()


def asks(member: Member) -> dict[str, Any]:
    """What each route that names a room takes besides."""
    return {
        "PUT /api/rooms/{roomId}": {"name": "x"},
        "POST /api/rooms/{roomId}/participants": {"userId": member.user_id},
        "PUT /api/rooms/{roomId}/participants/{userId}": {"role": "admin"},
        "POST /api/groups/{group_id}/members": {"user_id": member.user_id},
    }


def naming() -> list[tuple[str, str]]:
    """The routes of both whose path names a room."""
    routes = (*SECURE_CHAT.routes, *EVENT_QUEUE.routes)
    return [
        (one.method, one.path)
        for one in routes
        if "{roomId}" in one.path or "{group_id}" in one.path
    ]


@pytest.mark.parametrize("route", naming(), ids=" ".join)
async def test_a_route_that_names_it_answers_as_if_it_named_nothing(work, alice, bob, route):
    method, path = route
    told = []
    for room in (work.room, NOWHERE):
        filled = path.replace("{roomId}", room).replace("{group_id}", room)
        filled = filled.replace("{userId}", bob.user_id).replace("{user_id}", bob.user_id)
        told.append(await alice.ask(method, filled, **asks(bob).get(f"{method} {path}", {})))
    assert told[0] == told[1]
    assert (told[0][0], told[0][1]["error"]) == (404, "not_found")


BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sending": ("POST", "/api/messages/send", {"encryptedContent": "x", "messageType": "group"}),
    "an event": ("POST", "/api/events", {"event_type": "MESSAGE", "encrypted_payload": "x"}),
    "a status": ("PUT", "/api/messages/m1/status", {"status": "read"}),
    "deletion": ("DELETE", "/api/messages/m1", {}),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_body_that_names_it_is_answered_as_if_it_named_nothing(work, alice, what):
    method, path, fields = BODIES[what]
    field = "group_id" if "events" in path else "roomId"
    told = [await alice.ask(method, path, **fields, **{field: one}) for one in (work.room, NOWHERE)]
    assert told[0] == told[1]
    assert (told[0][0], told[0][1]["error"]) == (404, "not_found")


async def test_a_message_of_it_is_none_by_its_id_alone(work, alice, bob):
    for method, path, fields in (BODIES["a status"], BODIES["deletion"]):
        status, answer = await alice.ask(method, path, **fields)
        assert (status, answer["error"]) == (404, "not_found")
    wish = {"messageIds": ["m1"], "status": "read"}
    _, answer = await bob.ask("POST", "/api/messages/status/bulk", **wish)
    assert answer["data"] == {"updated": 0, "notFound": ["m1"]}


async def test_it_is_in_no_list_and_in_no_search(work, alice, bob):
    await work.make(Kind.DIRECT)
    assert (await bob.get("/api/rooms"))["rooms"] == []
    assert (await bob.get("/api/messages/conversations"))["conversations"] == []
    assert (await bob.get("/api/messages/offline"))["messages"] == []
    assert (await bob.get(f"/api/messages/direct/{alice.user_id}"))["messages"] == []
    status, answer = await bob.ask("GET", "/api/groups")
    assert (status, answer["groups"]) == (200, [])
    for wish in ({}, {"roomId": work.room}, {"participantId": alice.user_id}):
        _, answer = await bob.ask("POST", "/api/messages/search", **wish)
        assert answer["data"]["messages"] == []


FRAMES = {
    "message": {"messageId": "m2", "encryptedContent": "x", "messageType": "group"},
    "typing": {},
    "stop_typing": {},
    "delivery_receipt": {"messageId": "m1"},
    "read_receipt": {"messageId": "m1"},
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_a_frame_that_names_it_is_answered_as_if_it_named_nothing(work, socket, kind):
    told = []
    for room in (work.room, NOWHERE):
        answer = await socket.ask(kind, roomId=room, **FRAMES[kind])
        told.append({**answer, "ref": ""})
    assert told[0] == told[1]
    assert told[0].get("code") == "not_found"


async def test_nothing_that_happens_there_is_told(work, socket):
    await socket.beat()
    before = len(socket.heard)
    chat, alice, ref = work.chat, work.alice, MessageRef(MessageId("m1"), work.room)
    await work.say("m2")
    await chat.posts.edit(alice, ref, EditWish(content="other"))
    await chat.posts.react(alice, ref, "👍")
    await chat.channels.read(work.bob, work.room, None)
    await chat.channels.tell_typing(alice, work.room, is_typing=True)
    await chat.channels.update(alice, work.room, TextChange(name="other"))
    await chat.posts.delete(alice, ref)
    await chat.channels.remove_member(alice, work.room, work.bob.user_id)
    await chat.channels.add_member(alice, work.room, work.bob.user_id, None)
    await chat.channels.delete(alice, work.room)
    await work.make(Kind.GROUP)
    await chat.workspaces.remove_member(alice, work.workspace_id, work.bob.user_id)
    await socket.beat()
    assert {one["type"] for one in socket.heard[before:]} == {"heartbeat_ack"}
