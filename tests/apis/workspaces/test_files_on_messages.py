"""Files that messages have: whose they are, and what becomes of them when messages change."""

import pytest

from server.core.workspaces.files import UNSENT_MS

CONTENT = b"a file"


@pytest.fixture
async def secret(alice, bob, acme, shelf):
    """A shelf whose conversation is end-to-end encrypted."""
    room = (await alice.makes(acme, bob, isEncrypted=True))["id"]
    shelf.room = room
    return shelf


def named(*files):
    return [{"fileId": one["id"], "caption": "x"} for one in files]


async def test_a_message_has_the_files_that_its_attachments_name(shelf, alice, bob):
    files = [await shelf.keeps(alice, CONTENT) for _ in range(2)]
    attachments = [*named(*files), {"url": "https://elsewhere.example/x"}, {"fileId": 7}, "text"]
    said = await alice.says(shelf.room, "look", attachments=attachments)
    assert said["attachments"] == attachments
    assert [await shelf.status(bob, one) for one in files] == [200, 200]


@pytest.mark.parametrize("which", ["bob's", "of another room", "on a message", "unknown"])
async def test_a_message_takes_no_file_but_ones_own_of_its_conversation_that_none_has(
    shelf, alice, bob, acme, which
):
    file = {"id": "unknown"}
    if which == "bob's":
        file = await shelf.keeps(bob, CONTENT)
    if which == "on a message":
        file = await shelf.keeps(alice, CONTENT)
        await alice.says(shelf.room, "first", attachments=named(file))
    if which == "of another room":
        here, shelf.room = shelf.room, (await alice.makes(acme, bob, name="other"))["id"]
        file, shelf.room = await shelf.keeps(alice, CONTENT), here
    before = len(await alice.reads(shelf.room))
    path = f"/chat/conversations/{shelf.room}/messages"
    for wish in ({"attachments": named(file)}, {"fileIds": [file["id"]]}):
        status, problem = await alice.ask("POST", path, {"content": "x", **wish})
        assert (status, problem["code"]) == (404, "not_found")
    assert len(await alice.reads(shelf.room)) == before


async def test_where_attachments_are_ciphertext_the_message_says_which_files_it_has(
    secret, alice, bob, clock
):
    file = await secret.keeps(alice, CONTENT)
    hidden = {"content": "Y2lwaGVy", "attachments": ["Y2lwaGVy"], "fileIds": [file["id"]]}
    said = await alice.says(secret.room, **hidden)
    assert (said["attachments"], "fileIds" in said) == (["Y2lwaGVy"], False)
    assert (await secret.fetch(bob, file["url"]))[:2] == (200, CONTENT)
    clock.advance(ms=UNSENT_MS)
    await secret.leaves(file)


async def test_an_edit_that_names_files_has_just_those_and_one_that_does_not_keeps_all(
    shelf, alice, bob
):
    kept, dropped, added = [await shelf.keeps(alice, CONTENT) for _ in range(3)]
    said = await alice.says(shelf.room, "x", attachments=named(kept, dropped))
    path = f"/chat/messages/{said['id']}"
    status, answer = await alice.ask("PUT", path, {"content": "y"})
    assert (status, answer["message"]["attachments"]) == (200, named(kept, dropped))
    assert [await shelf.status(bob, one) for one in (kept, dropped)] == [200, 200]

    wish = {"content": "z", "attachments": named(kept), "fileIds": [added["id"]]}
    assert (await alice.ask("PUT", path, wish))[0] == 200
    assert [await shelf.status(bob, one) for one in (kept, dropped, added)] == [200, 404, 200]
    await shelf.leaves(kept, added)

    assert (await alice.ask("PUT", path, {"content": "w", "fileIds": []}))[0] == 200
    assert [await shelf.status(bob, one) for one in (kept, added)] == [404, 404]


async def test_an_edit_takes_no_file_of_somebody_else(shelf, alice, bob):
    file = await shelf.keeps(bob, CONTENT)
    said = await alice.says(shelf.room, "x")
    path = f"/chat/messages/{said['id']}"
    status, problem = await alice.ask("PUT", path, {"content": "y", "fileIds": [file["id"]]})
    assert (status, problem["code"]) == (404, "not_found")
    (read,) = await alice.reads(shelf.room)
    assert read["content"] == "x"


async def test_what_is_sent_again_has_its_file_still(shelf, alice, bob):
    file = await shelf.keeps(alice, CONTENT)
    wish = {"attachments": named(file), "clientMessageId": "m-1"}
    first = await alice.says(shelf.room, "x", **wish)
    assert await alice.says(shelf.room, "x", **wish) == first
    assert await shelf.status(bob, file) == 200


async def test_what_is_said_by_events_has_files_as_well(listen, shelf, alice, bob):
    first, second = [await shelf.keeps(alice, CONTENT) for _ in range(2)]
    tab = await listen(alice)
    wish = {"conversationId": shelf.room, "content": "x"}
    said = (await tab.does("send_message", **wish, attachments=named(first)))["message"]
    assert await shelf.status(bob, first) == 200
    await tab.does("edit_message", messageId=said["id"], content="y", fileIds=[second["id"]])
    assert [await shelf.status(bob, one) for one in (first, second)] == [404, 200]
    assert await tab.refused("send_message", **wish, fileIds=["unknown"]) == "not_found"


@pytest.mark.parametrize(
    "wish",
    [
        {"fileIds": "a"},
        {"fileIds": [7]},
        {"fileIds": ["a\0b"]},
        {"attachments": [{"fileId": "a\0b"}]},
        {"fileIds": [f"{number}" for number in range(21)]},
        {"fileIds": ["a"] * 2, "attachments": [{"fileId": f"{number}"} for number in range(20)]},
    ],
    ids=["text", "number", "control", "control inside", "many", "many together"],
)
async def test_files_that_are_not_named_right_are_refused(shelf, alice, wish):
    said = await alice.says(shelf.room, "x")
    asked = (
        ("POST", f"/chat/conversations/{shelf.room}/messages"),
        ("PUT", f"/chat/messages/{said['id']}"),
    )
    for method, path in asked:
        status, problem = await alice.ask(method, path, {"content": "x", **wish})
        assert (status, problem["code"]) == (400, "invalid_request"), method
