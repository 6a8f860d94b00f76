"""Files of conversations, over HTTP: put by one, fetched by the others, and by nobody else."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from server.core.ids import FileId
from server.stores.sql.attached import hang_files
from server.stores.sql.steps import run
from tests.apis.session_relay.sessions import configured

ROOM = "general"

CONTENT = random.Random(7).randbytes(200_000)

MAX_BYTES = 250_000


class Channel:
    """A conversation of Acme in which Alice and Bob are, and Carol is not."""

    def __init__(self, http: aiohttp.ClientSession, server: Any) -> None:
        self._http = http
        self._database = server.nodes[0]._durable.database

    async def do(self, steps: Any) -> None:
        await self._database.write(lambda: steps)

    async def put(self, who: Any, content: bytes = CONTENT, **headers: str) -> tuple[int, Any]:
        told = {"Authorization": f"Bearer {who.token}", **headers}
        path = f"/chat/conversations/{ROOM}/files"
        async with self._http.post(path, data=content, headers=told) as response:
            return response.status, await response.json(content_type=None)

    async def fetch(self, who: Any, path: str, **headers: str) -> tuple[int, bytes, Any]:
        told = {"Authorization": f"Bearer {who.token}", **headers}
        async with self._http.get(path, headers=told) as response:
            return response.status, await response.read(), response.headers

    async def send(self, *file_ids: str) -> None:
        """Have a message of Alice's with these."""
        message = (
            "INSERT INTO messages (room_id, seq, message_id, sender_id, type, ciphertext, "
            "created_ms, withheld) VALUES ($1, 1, 'm1', $2, 'group', $3, 1, FALSE)"
        )
        await self.do(run(message, ROOM, self.alice_id, b""))
        await self.do(hang_files(ROOM, 1, self.alice_id, [FileId(one) for one in file_ids]))

    alice_id = ""


@pytest.fixture
async def channel(http, server, alice, bob, carol, acme):
    made = Channel(http, server)
    made.alice_id = alice.user_id
    for one in (bob, carol):
        await alice.adds(acme, one)
    room = (
        "INSERT INTO rooms (room_id, kind, name, description, created_by, created_ms, updated_ms, "
        "seq, active_ms, workspace_id) VALUES ($1, 'group', $2, $2, $3, 1, 1, 0, 1, $4)"
    )
    member = (
        "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, read_seq) "
        "VALUES ($1, $2, 'member', 1, 0, 0)"
    )
    await made.do(run(room, ROOM, b"", alice.user_id, acme))
    for one in (alice, bob):
        await made.do(run(member, ROOM, one.user_id))
    return made


async def test_a_file_is_told_as_the_contract_has_it_and_others_fetch_it(
    channel, alice, bob, acme, clock
):
    told = {"Content-Type": "image/png", "X-File-Name": "na%C3%AFve.png"}
    status, answer = await channel.put(alice, **told)
    assert (status, answer["success"]) == (201, True)
    shown = answer["file"]
    assert shown == {
        "id": shown["id"],
        "conversationId": ROOM,
        "workspaceId": acme,
        "userId": alice.user_id,
        "name": "naïve.png",
        "type": "image/png",
        "size": len(CONTENT),
        "url": f"/chat/files/{shown['id']}",
        "createdAt": shown["createdAt"],
    }
    await channel.send(shown["id"])

    status, body, headers = await channel.fetch(bob, shown["url"])
    assert (status, body) == (200, CONTENT)
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''na%C3%AFve.png"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_any_range_of_it_is_that_slice(channel, alice):
    _, answer = await channel.put(alice)
    edges = (0, 1, 65_535, 65_536, 65_537, 131_072, len(CONTENT) - 1)
    for start in edges:
        for last in edges:
            if start <= last:
                wanted = {"Range": f"bytes={start}-{last}"}
                status, body, _ = await channel.fetch(alice, answer["file"]["url"], **wanted)
                assert (status, body) == (206, CONTENT[start : last + 1])


async def test_several_parts_of_it_come_at_the_same_time(channel, alice):
    _, answer = await channel.put(alice)
    starts = range(0, len(CONTENT), 10_000)
    parts = await asyncio.gather(
        *(
            channel.fetch(alice, answer["file"]["url"], Range=f"bytes={start}-{start + 9_999}")
            for start in starts
        )
    )
    assert b"".join(body for _, body, _ in parts) == CONTENT


async def test_who_is_not_in_the_conversation_finds_neither_it_nor_its_files(
    channel, alice, bob, carol
):
    _, answer = await channel.put(alice)
    url = answer["file"]["url"]
    assert (await channel.fetch(bob, url))[0] == 404  # no message has it yet
    await channel.send(answer["file"]["id"])
    assert (await channel.fetch(bob, url))[0] == 200
    unknown = await channel.fetch(carol, "/chat/files/019a9d3e-0000-7000-8000-000000000000")
    refused = await channel.fetch(carol, url)
    assert refused[0] == unknown[0] == 404
    assert refused[1] == unknown[1]
    assert (await channel.put(carol))[0] == 404


async def test_a_token_of_a_guest_is_refused(channel, http, alice):
    _, answer = await channel.put(alice)
    async with http.post("/api/auth/guest", json={"displayName": "Gus"}) as response:
        gus = type(alice)(http, "gus", (await response.json())["token"])
    assert (await channel.put(gus))[0] == 403
    assert (await channel.fetch(gus, answer["file"]["url"]))[0] == 403


@configured(MAX_FILE_BYTES=MAX_BYTES)
async def test_a_file_that_is_too_large_is_refused_however_it_is_said(channel, http, alice):
    async def pieces():
        for _ in range(6):
            yield bytes(MAX_BYTES // 5)

    for content in (bytes(MAX_BYTES + 1), pieces()):
        status, answer = await channel.put(alice, content)
        assert (status, answer["code"]) == (413, "payload_too_large")
    assert (await channel.put(alice, bytes(MAX_BYTES)))[0] == 201


@configured(MAX_WORKSPACE_FILE_BYTES=3 * len(CONTENT))
async def test_of_eight_at_once_so_many_come_in_as_there_is_room_for(channel, alice, bob):
    put = [channel.put(one) for one in (alice, bob) for _ in range(4)]
    statuses = [status for status, _ in await asyncio.gather(*put)]
    assert sorted(statuses) == [201] * 3 + [409] * 5


async def test_no_file_at_all_is_no_file(channel, http, alice):
    form = aiohttp.FormData({"caption": "abc"}, default_to_multipart=True)
    status, answer = await channel.put(alice, form)
    assert (status, answer["code"]) == (400, "invalid_request")
