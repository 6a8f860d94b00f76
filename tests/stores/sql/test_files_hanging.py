"""Files that hang on messages: which can, who has noted it, and what meets at the same time."""

import asyncio

import pytest

from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.ports.conversations import MessageRef
from server.core.ports.posts import PostChange
from server.stores.sql.workspaces.posts import SqlPosts
from tests.stores.sql.filing import DUE_MS, FILE, Channel, channel_on
from tests.stores.sql.households import BOUNDS, NOW_MS, pid_that_waits
from tests.stores.sql.teams import code_of

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
async def channel(home):
    return await channel_on(home)


async def test_only_ones_own_file_of_that_room_hangs_on_a_message_and_on_one_alone(home, channel):
    await channel.put("alices")
    await channel.put("bobs", by="bob")
    await channel.begin("coming")
    other = await home.room_of("alice", "bob")
    await home.change(
        "UPDATE rooms SET workspace_id = $2 WHERE room_id = $1", other, channel.team_id
    )
    await Channel(home, channel.team_id, RoomId(other)).put("elsewhere")
    for file_ids in (["bobs"], ["elsewhere"], ["coming"], ["unknown"], ["alices", "bobs"]):
        assert await code_of(channel.send(*file_ids)) is Code.NOT_FOUND
    sent = await channel.send("alices", "alices")
    assert sent.seq == 1  # of the others none was stored
    assert await code_of(channel.send("alices")) is Code.NOT_FOUND
    assert await channel.on(sent) == ["alices"]


async def test_a_message_that_is_sent_again_has_its_files_and_takes_no_others(channel):
    for file_id in ("first", "second"):
        await channel.put(file_id)
    sent = await channel.send("first", message_id="m1")
    assert await channel.send("first", message_id="m1") == sent
    assert await channel.send("second", message_id="m1") == sent
    assert await channel.on(sent) == ["first"]
    assert await channel.on(await channel.send("second")) == ["second"]


async def test_of_messages_that_are_sent_at_once_with_the_same_file_one_has_it(channel):
    await channel.put()
    sent = await asyncio.gather(*(channel.send(FILE) for _ in range(8)), return_exceptions=True)
    refused = [one.code for one in sent if isinstance(one, AppError)]
    assert refused == [Code.NOT_FOUND] * 7
    (message,) = [one for one in sent if not isinstance(one, AppError)]
    assert await channel.on(message) == [FILE]


async def test_what_was_garbage_before_a_message_came_is_not_hung_on_it(channel):
    await channel.put()
    assert await channel.home.files.garbage(DUE_MS, 10) == (FILE,)
    assert await code_of(channel.send(FILE)) is Code.NOT_FOUND


async def test_after_an_edit_a_message_has_the_files_that_it_names_and_the_others_are_garbage(
    channel,
):
    for file_id in ("kept", "gone", "elsewhere", "new"):
        await channel.put(file_id)
    message = await channel.send("kept", "gone")
    await channel.send("elsewhere")
    await channel.edit(message, "kept", "new")
    assert await channel.on(message) == ["kept", "new"]
    assert await channel.clean(NOW_MS) == ("gone",)
    for file_id in ("kept", "new", "elsewhere"):
        assert (await channel.get("bob", file_id)).file_id == file_id


async def test_an_edit_takes_no_file_that_its_message_could_not_have_been_sent_with(channel):
    await channel.put("mine")
    await channel.put("bobs", by="bob")
    await channel.put("elsewhere")
    message = await channel.send("mine")
    await channel.send("elsewhere")
    for file_ids in (["mine", "bobs"], ["elsewhere"], ["unknown"]):
        assert await code_of(channel.edit(message, *file_ids)) is Code.NOT_FOUND
    assert await channel.on(message) == ["mine"]
    await channel.edit(message)
    assert await channel.on(message) == []
    assert await code_of(channel.edit(message, "mine", expected=1)) is Code.NOT_FOUND


async def test_an_edit_that_says_nothing_of_files_leaves_them(channel):
    await channel.put()
    message = await channel.send(FILE)
    change = PostChange(ciphertext="bmV3", metadata=None)
    posts = SqlPosts(channel.home.database, BOUNDS)
    ref = MessageRef(message.message_id, channel.id)
    await posts.edit(UserId("alice"), ref, change, 0, NOW_MS)
    assert await channel.on(message) == [FILE]


async def test_it_is_noted_who_put_a_file_into_a_conversation_and_who_took_it_away(channel):
    for file_id in ("a", "b", "c"):
        await channel.put(file_id)
    message = await channel.send("a", "b")
    await channel.edit(message, "b", "c")
    ref = MessageRef(message.message_id, channel.id)
    await channel.home.change("UPDATE room_members SET role = 'admin' WHERE user_id = 'bob'")
    await channel.home.messages.delete(UserId("bob"), ref, NOW_MS)
    assert await channel.noted() == [
        ("file_added", "alice", "a"),
        ("file_removed", "alice", "a"),
        ("file_added", "alice", "b"),
        ("file_removed", "bob", "b"),
        ("file_added", "alice", "c"),
        ("file_removed", "bob", "c"),
    ]


# --- at the same time ---

GARBAGE = "UPDATE files SET state = 'gone', due_ms = 0 WHERE file_id = 'f1'"


@on_postgres
@pytest.mark.parametrize("way", ["sent", "edited"])
async def test_what_becomes_garbage_just_then_hangs_on_nothing(home, channel, blocker, way):
    await channel.put()
    message = await channel.send()
    await blocker.execute(GARBAGE)
    asked = channel.send(FILE) if way == "sent" else channel.edit(message, FILE)
    hanging = asyncio.create_task(code_of(asked))
    await pid_that_waits(blocker)
    await blocker.execute("COMMIT")
    assert await hanging is Code.NOT_FOUND
    assert await channel.clean(NOW_MS) == (FILE,)


@on_postgres
async def test_of_a_message_and_an_edit_that_take_the_same_file_at_once_one_has_it(channel):
    for number in range(5):
        await channel.put(f"f{number}")
        message = await channel.send()
        done = await asyncio.gather(
            channel.send(f"f{number}"),
            channel.edit(message, f"f{number}"),
            return_exceptions=True,
        )
        refused = [one.code for one in done if isinstance(one, AppError)]
        assert refused == [Code.NOT_FOUND]
