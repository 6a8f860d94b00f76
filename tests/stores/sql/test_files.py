"""What is known of files: who may read one, how much they take, and when one is garbage."""

import asyncio

import pytest
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, FileId, UserId, new_id
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef
from server.stores.durable import Durable
from tests.stores.sql.filing import DUE_MS, FILE, channel_on
from tests.stores.sql.households import BOUNDS, NOW_MS, Household
from tests.stores.sql.teams import asks, code_of


@pytest.fixture
async def channel(home):
    return await channel_on(home)


# --- who may read it ---


async def test_a_file_is_found_as_it_was_put_by_who_has_sent_it(channel):
    new = await channel.begin()
    await channel.home.files.finish(FILE, 400, DUE_MS)
    got = await channel.get("alice")
    assert (got.file_id, got.room_id, got.uploader) == (FILE, channel.id, "alice")
    assert (got.size_bytes, got.created_ms) == (400, NOW_MS)
    assert (got.key, got.wrapped_key, got.details) == (
        new.place.key,
        new.wrapped_key,
        new.details,
    )


async def test_a_file_comes_with_the_key_under_which_it_is_and_a_new_one_with_the_newest(channel):
    old = (await channel.begin("old")).place.key
    await channel.home.files.finish(FileId("old"), 400, DUE_MS)
    await channel.home.change(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, 2, $2, $2, 1)",
        channel.team_id,
        b"newer",
    )
    await channel.home.change(
        "UPDATE workspaces SET key_version = 2 WHERE workspace_id = $1", channel.team_id
    )
    newest = (await channel.begin("new")).place.key
    await channel.home.files.finish(FileId("new"), 400, DUE_MS)
    assert (old.version, newest.version, newest.wrapped) == (1, 2, b"newer")
    assert (await channel.get("alice", "old")).key == old
    assert (await channel.get("alice", "new")).key == newest


async def test_until_a_message_has_it_a_file_is_there_for_nobody_else(channel):
    await channel.put()
    assert await code_of(channel.get("bob")) is Code.NOT_FOUND
    await channel.send(FILE)
    assert (await channel.get("bob")).size_bytes == 400


async def test_while_it_still_comes_a_file_is_there_for_nobody(channel):
    await channel.begin()
    assert await code_of(channel.get("alice")) is Code.NOT_FOUND


@pytest.mark.parametrize("who", ["carol", "nobody"])
async def test_who_is_not_in_the_conversation_puts_and_finds_nothing_there(channel, who):
    await channel.put()
    await channel.send(FILE)
    assert await code_of(channel.get(who)) is Code.NOT_FOUND
    assert await code_of(channel.home.files.place(asks(who), channel.id)) is Code.NOT_FOUND


async def test_who_was_removed_from_the_workspace_finds_nothing_any_more(channel):
    await channel.put()
    await channel.send(FILE)
    await channel.home.change(
        "UPDATE workspace_members SET removed_ms = 1 WHERE user_id = 'bob' AND workspace_id = $1",
        channel.team_id,
    )
    assert await code_of(channel.get("bob")) is Code.NOT_FOUND
    assert await code_of(channel.home.files.place(asks("bob"), channel.id)) is Code.NOT_FOUND


async def test_a_token_that_no_longer_names_the_workspace_finds_nothing(channel):
    await channel.put()
    await channel.send(FILE)
    await channel.home.change("UPDATE workspace_members SET source = 'claim' WHERE user_id = 'bob'")
    assert await code_of(channel.get("bob")) is Code.NOT_FOUND
    named = asks("bob", channel.team_id)
    assert (await channel.home.files.get(named, FILE, NOW_MS)).size_bytes == 400


async def test_a_file_cannot_be_put_into_a_room_of_no_workspace(home, channel):
    other = await home.room_of("alice", "bob")
    assert await code_of(home.files.place(asks("alice"), other)) is Code.NOT_FOUND


async def test_what_may_not_be_read_of_the_past_may_not_be_fetched(channel):
    await channel.put()
    await channel.send(FILE)
    await channel.home.change("UPDATE room_members SET joined_seq = 9 WHERE user_id = 'bob'")
    assert await code_of(channel.get("bob")) is Code.NOT_FOUND


async def test_with_its_message_a_file_goes_for_all(channel):
    await channel.put()
    message = await channel.send(FILE)
    await channel.home.change(
        "UPDATE messages SET deleted_ms = 1 WHERE room_id = $1 AND seq = $2",
        channel.id,
        message.seq,
    )
    for who in ("alice", "bob"):
        assert await code_of(channel.get(who)) is Code.NOT_FOUND


async def test_a_message_whose_time_is_over_shows_its_file_no_more(channel):
    await channel.put()
    await channel.send(FILE, ttl_ms=5_000)
    assert (await channel.get("bob", now_ms=NOW_MS + 4_999)).size_bytes == 400
    assert await code_of(channel.get("bob", now_ms=NOW_MS + 5_000)) is Code.NOT_FOUND


# --- how much it takes ---


async def test_what_is_reserved_is_held_and_what_was_not_needed_is_given_back(channel):
    await channel.begin(reserved_bytes=1_000)
    assert await channel.held() == (1_000, 1_000)
    await channel.home.files.finish(FILE, 400, DUE_MS)
    assert await channel.held() == (400, 400)
    await channel.home.files.give_up(FILE)
    assert await channel.clean(NOW_MS) == (FILE,)
    assert await channel.held() == (0, 0)


@pytest.mark.parametrize(
    "bounds",
    [
        structs.replace(BOUNDS, workspace_file_bytes=1_999),
        structs.replace(BOUNDS, account_bytes=1_999),
    ],
    ids=["workspace", "account"],
)
async def test_of_files_that_come_at_once_no_more_are_taken_than_there_is_room_for(
    database, bounds
):
    home = Household(database, bounds)
    await home.settle("alice", "bob", "carol")
    channel = await channel_on(home)
    begun = await asyncio.gather(
        *(channel.begin(f"f{number}") for number in range(8)), return_exceptions=True
    )
    refused = [one.code for one in begun if isinstance(one, AppError)]
    assert refused == [Code.LIMIT_REACHED] * 7
    assert await channel.held() == (1_000, 1_000)
    assert await channel.ask("SELECT COUNT(*) FROM files") == 1


async def test_the_last_byte_that_there_is_room_for_may_be_held(database):
    exact = structs.replace(BOUNDS, workspace_file_bytes=1_000, account_bytes=1_000)
    home = Household(database, exact)
    await home.settle("alice", "bob", "carol")
    channel = await channel_on(home)
    assert await code_of(channel.begin(reserved_bytes=1_001)) is Code.LIMIT_REACHED
    await channel.begin(reserved_bytes=1_000)
    assert await channel.held() == (1_000, 1_000)


# --- garbage ---


async def test_a_file_that_no_message_has_is_garbage_in_time_and_one_that_has_is_not(channel):
    await channel.put("unsent")
    await channel.put("sent")
    await channel.send("sent")
    assert await channel.clean(DUE_MS - 1) == ()
    assert await channel.clean(DUE_MS) == ("unsent",)
    assert await code_of(channel.get("alice", "unsent")) is Code.NOT_FOUND
    assert (await channel.get("alice", "sent")).size_bytes == 400


async def test_a_file_that_goes_on_coming_is_no_garbage(channel):
    await channel.begin()
    await channel.home.files.go_on(FILE, DUE_MS + 1_000)
    assert await channel.clean(DUE_MS) == ()
    assert await channel.clean(DUE_MS + 1_000) == (FILE,)


async def test_what_was_given_up_neither_goes_on_nor_is_finished(channel):
    await channel.begin()
    assert await channel.home.files.garbage(DUE_MS, 10) == (FILE,)
    files = channel.home.files
    assert await code_of(files.go_on(FILE, DUE_MS)) is Code.NOT_FOUND
    assert await code_of(files.finish(FILE, 400, DUE_MS)) is Code.NOT_FOUND
    assert await channel.held() == (1_000, 1_000)


async def test_garbage_is_found_until_it_is_forgotten(channel):
    await channel.put()
    for _ in range(2):
        assert await channel.home.files.garbage(DUE_MS, 10) == (FILE,)
    await channel.home.files.forget([FILE])
    await channel.home.files.forget([FILE])
    assert await channel.home.files.garbage(DUE_MS, 10) == ()
    assert await channel.held() == (0, 0)


async def test_what_is_no_garbage_is_not_forgotten(channel):
    await channel.put()
    await channel.home.files.forget([FILE])
    assert (await channel.get("alice")).size_bytes == 400
    assert await channel.held() == (400, 400)


async def test_files_of_a_message_that_was_deleted_are_garbage_at_once(channel):
    await channel.put()
    message = await channel.send(FILE)
    await channel.home.messages.delete(UserId("alice"), MessageRef(message.message_id), NOW_MS)
    assert await channel.clean(NOW_MS) == (FILE,)


async def test_files_of_messages_whose_time_is_over_are_garbage(channel):
    await channel.put()
    await channel.send(FILE, ttl_ms=5_000)
    await channel.home.messages.expire(NOW_MS + 5_000, 10)
    assert await channel.clean(NOW_MS + 5_000) == (FILE,)


async def test_files_of_a_room_that_ended_are_garbage(channel):
    await channel.put("sent")
    await channel.send("sent")
    await channel.put("unsent")
    await channel.begin("coming")
    await channel.home.rooms.delete(UserId("alice"), channel.id, NOW_MS)
    await channel.home.messages.expire(NOW_MS, 100)
    assert sorted(await channel.clean(NOW_MS)) == ["sent", "unsent"]
    assert await channel.clean(DUE_MS) == ("coming",)
    assert (await channel.held())[0] == 0


async def test_what_a_deleted_account_had_sent_and_no_message_has_is_garbage_at_once(channel):
    await channel.put("sent")
    await channel.send("sent")
    await channel.put("unsent")
    await channel.begin("coming")
    await channel.put("bobs", by="bob")
    durable = Durable(channel.home.database, BOUNDS)
    await durable.accounts.revoke_device(UserId("alice"), DeviceId("alice-phone"), NOW_MS)
    assert await channel.clean(NOW_MS) == ()
    await durable.accounts.delete(UserId("alice"), NOW_MS)
    assert await channel.clean(NOW_MS) == ("unsent",)
    assert (await channel.get("bob", "sent")).file_id == "sent"


async def test_garbage_comes_in_portions(channel):
    ids = [FileId(new_id()) for _ in range(5)]
    for one in ids:
        await channel.put(one)
    assert len(await channel.home.files.garbage(DUE_MS, 3)) == 3


async def test_garbage_that_was_not_tried_yet_comes_first(channel):
    files = [FileId(f"file {number}") for number in range(4)]
    for one in files:
        await channel.put(one)
    first = await channel.home.files.garbage(DUE_MS + 1, 2)
    then = await channel.home.files.garbage(DUE_MS + 2, 2)
    assert sorted(first + then) == files
    assert await channel.home.files.garbage(DUE_MS + 3, 2) == first


def test_an_account_may_hold_at_least_one_file_of_the_usual_size():
    assert Bounds().file_bytes < Bounds().account_bytes < Bounds().workspace_file_bytes
