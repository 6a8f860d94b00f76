"""Files of conversations, over HTTP: put by one, fetched by the others, and by nobody else."""

import asyncio
import random

import aiohttp
import pytest

from server.core.workspaces.files import UNSENT_MS
from tests.apis.session_relay.sessions import configured
from tests.servers import until
from tests.transports.wire import connected, head

CONTENT = random.Random(7).randbytes(200_000)

MAX_BYTES = 250_000


async def test_a_file_is_told_as_the_contract_has_it_and_others_fetch_it(shelf, alice, bob, acme):
    told = {"Content-Type": "image/png", "X-File-Name": "na%C3%AFve.png"}
    status, answer = await shelf.put(alice, CONTENT, **told)
    assert (status, answer["success"]) == (201, True)
    shown = answer["file"]
    assert shown == {
        "id": shown["id"],
        "conversationId": shelf.room,
        "workspaceId": acme,
        "userId": alice.user_id,
        "name": "naïve.png",
        "type": "image/png",
        "size": len(CONTENT),
        "url": f"/chat/files/{shown['id']}",
        "createdAt": shown["createdAt"],
    }
    await alice.says(shelf.room, "look", attachments=[{"fileId": shown["id"]}])

    status, body, headers = await shelf.fetch(bob, shown["url"])
    assert (status, body) == (200, CONTENT)
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''na%C3%AFve.png"


@pytest.mark.parametrize("name", ["a%0Ab", "a%00b", "%E2%80%A8", "a%1Bb"])
async def test_a_name_of_more_than_one_line_is_refused(shelf, alice, name):
    status, answer = await shelf.put(alice, b"abc", **{"X-File-Name": name})
    assert (status, answer["code"]) == (400, "invalid_request")
    assert "control characters" in answer["message"]


async def test_who_is_not_in_the_conversation_finds_neither_it_nor_its_files(
    shelf, alice, bob, carol
):
    file = await shelf.keeps(alice, CONTENT)
    assert await shelf.status(bob, file) == 404  # no message has it yet
    await alice.says(shelf.room, "look", attachments=[{"fileId": file["id"]}])
    assert await shelf.status(bob, file) == 200
    unknown = await shelf.fetch(carol, "/chat/files/019a9d3e-0000-7000-8000-000000000000")
    refused = await shelf.fetch(carol, file["url"])
    assert refused[0] == unknown[0] == 404
    assert refused[1] == unknown[1]
    assert (await shelf.put(carol, CONTENT))[0] == 404


async def test_a_token_of_a_guest_is_refused(shelf, http, alice):
    file = await shelf.keeps(alice, CONTENT)
    async with http.post("/api/auth/guest", json={"displayName": "Gus"}) as response:
        gus = type(alice)(http, "gus", (await response.json())["token"])
    assert (await shelf.put(gus, CONTENT))[0] == 403
    assert await shelf.status(gus, file) == 403


# --- what is refused leaves nothing ---


@configured(MAX_FILE_BYTES=MAX_BYTES)
async def test_a_file_that_is_too_large_is_refused_however_it_is_said(shelf, alice):
    async def pieces():
        for _ in range(6):
            yield bytes(MAX_BYTES // 5)

    for content in (bytes(MAX_BYTES + 1), pieces()):
        status, answer = await shelf.put(alice, content)
        assert (status, answer["code"]) == (413, "payload_too_large")
    assert shelf.blobs() == []
    file = await shelf.keeps(alice, bytes(MAX_BYTES))
    assert shelf.blobs() == [file["id"]]


async def test_an_upload_that_is_cut_off_leaves_nothing(shelf, server, alice):
    headers = {"Authorization": f"Bearer {alice.token}", "Content-Length": "1000000"}
    async with connected(server.url) as (_, writer):
        writer.write(head("POST", f"/chat/conversations/{shelf.room}/files", headers) + CONTENT)
        await writer.drain()
        await until(shelf.blobs)
    await shelf.leaves()


@configured(MAX_WORKSPACE_FILE_BYTES=3 * len(CONTENT))
async def test_of_eight_at_once_so_many_come_in_as_the_workspace_has_room_for(shelf, alice, bob):
    put = [shelf.put(one, CONTENT) for one in (alice, bob) for _ in range(4)]
    answers = await asyncio.gather(*put)
    assert sorted(status for status, _ in answers) == [201] * 3 + [409] * 5
    await shelf.leaves(*(answer["file"] for status, answer in answers if status == 201))


@configured(MAX_ACCOUNT_BYTES=2 * len(CONTENT))
async def test_an_account_has_room_for_so_many_and_for_more_when_it_has_deleted_some(shelf, alice):
    first = await shelf.keeps(alice, CONTENT)
    said = await alice.says(shelf.room, "x", attachments=[{"fileId": first["id"]}])
    status, refused = await shelf.put(alice, CONTENT)
    assert (status, refused["code"]) == (409, "limit_reached")
    await alice.ask("DELETE", f"/chat/messages/{said['id']}")
    await shelf.leaves()
    assert (await shelf.put(alice, bytes(len(CONTENT) - 1_000)))[0] == 201


async def test_no_file_at_all_is_no_file(shelf, alice):
    form = aiohttp.FormData({"caption": "abc"}, default_to_multipart=True)
    status, answer = await shelf.put(alice, form)
    assert (status, answer["code"]) == (400, "invalid_request")


# --- garbage ---


async def test_what_no_message_has_after_a_day_is_deleted(shelf, alice, clock):
    sent, unsent = await shelf.keeps(alice, b"sent"), await shelf.keeps(alice, b"never sent")
    await alice.says(shelf.room, "x", attachments=[{"fileId": sent["id"]}])
    assert shelf.blobs() == sorted((sent["id"], unsent["id"]))
    clock.advance(ms=UNSENT_MS)
    await shelf.leaves(sent)


async def test_with_its_conversation_a_file_goes(shelf, server, alice, bob, clock):
    file = await shelf.keeps(alice, CONTENT)
    await alice.says(shelf.room, "x", attachments=[{"fileId": file["id"]}])
    assert (await alice.ask("DELETE", f"/chat/conversations/{shelf.room}"))[0] == 200
    assert await shelf.status(bob, file) == 404
    await server.nodes[0]._durable.messages.expire(clock.now_ms(), 100)
    await shelf.leaves()


@pytest.mark.parametrize("by", ["alice", "bob"])
async def test_with_its_message_a_file_goes_whoever_deletes_it(shelf, alice, bob, by):
    """Alice owns the conversation; Bob has sent the message."""
    file = await shelf.keeps(bob, CONTENT)
    said = await bob.says(shelf.room, "x", attachments=[{"fileId": file["id"]}])
    who = {"alice": alice, "bob": bob}[by]
    assert (await who.ask("DELETE", f"/chat/messages/{said['id']}"))[0] == 200
    assert [await shelf.status(one, file) for one in (alice, bob)] == [404, 404]
    await shelf.leaves()
