"""What is edited by workspaces, on the lines of secure chat: told, where its clients encrypt it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.apis.workspaces.people import Colleague
from tests.servers import RunningServer, until
from tests.transports.raw.sockets import Client

Open = Callable[[Colleague], Awaitable[Client]]
METADATA = {"iv": "aXY="}


@pytest.fixture
async def connect(server: RunningServer) -> AsyncIterator[Open]:
    """Opens a line of secure chat: `phone = await connect(alice)`."""
    clients: list[Client] = []

    async def enter(who: Colleague) -> Client:
        clients.append(client := Client(server.node_urls[-1], "/ws"))
        await client.open(who.token)
        await client.beat()
        return client

    yield enter
    for client in clients:
        await client.leave()


async def edits(who: Colleague, message_id: str, **more: Any) -> dict[str, Any]:
    status, answer = await who.ask("PUT", f"/chat/messages/{message_id}", more)
    assert status == 200, answer
    edited: dict[str, Any] = answer["message"]
    return edited


async def test_an_edit_comes_as_ciphertext_with_its_metadata(alice, bob, acme, connect, general):
    room = (await alice.makes(acme, bob, isEncrypted=True))["id"]
    await alice.says(room, "b25l", clientMessageId="m-1")
    lines = [await connect(one) for one in (alice, bob)]
    edited = await edits(alice, "m-1", content="dHdv", encryptionMetadata=METADATA)
    for line in lines:
        await until(lambda: line.all("message_edited"))  # noqa: B023
        (told,) = line.all("message_edited")
        assert told == {
            "type": "message_edited",
            "messageId": "m-1",
            "roomId": room,
            "seq": 1,
            "encryptedContent": "dHdv",
            "encryptionMetadata": METADATA,
            "editedAt": edited["editedAt"],
        }


async def test_of_what_the_server_seals_no_line_hears(server, alice, bob, connect, general):
    await alice.says(general, "one", clientMessageId="m-1")
    line = await connect(bob)
    await edits(alice, "m-1", content="two")
    await server.settle()
    await line.beat()
    assert line.all("message_edited") == []
