"""Keys of workspaces are changed, while several processes seal and open under them."""

import asyncio

import pytest
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import MessageId
from server.core.ports.conversations import MessageRef
from server.core.ports.keys import Sealed
from server.core.workspaces.channels import TextChange
from server.core.workspaces.content import EditWish
from server.core.workspaces.rotation import AGE_MS, KEPT_MS, LOOK_MS
from server.core.workspaces.searching import SearchWish
from server.stores.sql.steps import rows
from server.stores.sql.workspaces.keys import SqlKeys
from tests.core.visitors import MASTER_KEY, Core
from tests.stores.sql.firms import ALICE, BOB, UNLIMITED, Firm, founded
from tests.stores.sql.keyrings import run_sql
from tests.stores.sql.teams import code_of


@pytest.fixture
async def firm(database, clock) -> Firm:
    return await founded([database], clock)


async def test_after_a_rotation_everything_is_under_the_new_key_and_reads_as_before(firm, clock):
    said = [f"tea number n{number}" for number in range(5)]
    for number, text in enumerate(said):
        await firm.say(firm.core, ALICE, text, f"m{number}")
    await firm.core.posts.delete(ALICE, MessageRef(MessageId("m4"), firm.room))
    assert await firm.core.rotation.rotate(firm.id) == 2
    assert await firm.said() == [*said[:4], None]
    await firm.expire(clock)
    assert (await firm.under(1), await firm.under(2)) == (0, 5)
    assert await firm.said() == [*said[:4], None]
    assert await firm.found("number n3") == ["tea number n3"]
    assert (await firm.core.workspaces.get(ALICE, firm.id)).name == "Firm"
    room = (await firm.core.channels.get(BOB, firm.room)).conversation
    assert (room.name, room.description, room.icon) == ("general", "all of us", "🐤")
    assert room.key_version == 2


async def test_what_is_under_the_old_key_and_the_new_one_is_found_together(firm, clock):
    await firm.say(firm.core, ALICE, "old tea", "m1")
    await firm.core.rotation.rotate(firm.id)
    await firm.say(firm.core, ALICE, "new tea", "m2")
    assert (await firm.under(1), await firm.under(2)) == (1, 1)
    assert await firm.found("tea") == ["new tea", "old tea"]


async def test_of_long_messages_few_are_sealed_anew_at_once_and_all_by_and_by(firm, clock):
    said = [" ".join(f"n{number}w{word:03}" for word in range(256)) for number in range(40)]
    for number, text in enumerate(said):
        await firm.say(firm.core, ALICE, text, f"m{number}")
    await firm.core.rotation.rotate(firm.id)
    for _ in range(2):  # what the conversation is called, then messages
        await firm.core.rotation.expire()
    assert 1 < await firm.under(2) < 30
    await firm.expire(clock)
    assert (await firm.under(1), await firm.under(2)) == (0, 40)
    assert await firm.said() == said


async def test_words_of_the_old_key_are_gone_with_it(firm, clock):
    await firm.say(firm.core, ALICE, "green tea", "m1")
    sql = "SELECT token FROM word_tokens"
    before = {one for (one,) in await firm.core.database.read(lambda: rows(sql))}
    await firm.core.rotation.rotate(firm.id)
    await firm.expire(clock)
    after = {one for (one,) in await firm.core.database.read(lambda: rows(sql))}
    assert len(before) == len(after) == 2
    assert not before & after


async def test_an_old_key_ends_a_day_after_nothing_is_under_it_and_not_before(firm, clock):
    await firm.say(firm.core, ALICE, "tea", "m1")
    await firm.core.rotation.rotate(firm.id)
    await firm.expire(clock)
    assert await firm.versions() == [1, 2]
    clock.advance(ms=KEPT_MS)
    await firm.expire(clock)
    assert await firm.versions() == [2]
    assert await firm.said() == ["tea"]


async def test_a_key_that_something_is_still_under_does_not_end(firm, clock):
    await firm.say(firm.core, ALICE, "tea", "m1")
    old, _ = await SqlKeys(firm.core.database).newest(firm.id)
    await firm.core.rotation.rotate(firm.id)
    assert await SqlKeys(firm.core.database).end(clock.now_ms() + KEPT_MS) == 0
    assert (await SqlKeys(firm.core.database).retired()) == (old,)


async def test_keys_are_changed_by_themselves_when_they_are_old(firm, clock):
    clock.advance(ms=AGE_MS)
    await firm.core.rotation.expire()
    assert await firm.versions() == [1]
    clock.advance(ms=LOOK_MS + 3_600_000)
    await firm.core.rotation.expire()
    assert await firm.versions() == [1, 2]


async def test_of_two_who_change_a_key_at_once_both_have_another_version(databases, clock):
    firm = await founded(databases, clock)
    both = await asyncio.gather(*(core.rotation.rotate(firm.id) for core in firm.cores))
    assert sorted(both) == [2, 3]
    assert await firm.versions() == [1, 2, 3]


async def test_what_changed_since_it_was_read_is_left_as_it_is(firm):
    """An edit, a deletion and a new name, each between reading and sealing anew."""
    keys = SqlKeys(firm.core.database)
    for one in ("m1", "m2", "m3"):
        await firm.say(firm.core, ALICE, "tea", one)
    old, _ = await keys.newest(firm.id)
    await firm.core.rotation.rotate(firm.id)
    new, _ = await keys.newest(firm.id)
    room = await keys.under(old, 10)
    await firm.core.channels.update(ALICE, firm.room, TextChange(name="renamed"))
    assert await keys.reseal(room, structs.replace(room, key=new)) == 0
    read = await keys.under(old, 10)
    assert [one.message_id for one in read.posts] == ["m1", "m2", "m3"]
    ref = MessageRef(MessageId("m1"), firm.room)
    await firm.core.posts.edit(ALICE, ref, EditWish(content="coffee"))
    await firm.core.posts.delete(ALICE, MessageRef(MessageId("m2"), firm.room))
    stale = Sealed(key=new, posts=read.posts)
    assert await keys.reseal(read, stale) == 1
    assert await keys.reseal(read, stale) == 0, "another process was first"
    page = await firm.core.database.read(
        lambda: rows("SELECT seq, ciphertext IS NULL FROM messages ORDER BY seq")
    )
    assert [bool(nothing) for _, nothing in page] == [False, True, False]


async def test_while_two_processes_send_and_edit_all_stays_readable_and_found(databases, clock):
    """At each step: nothing is missing, nothing is closed, and the old keys end."""
    firm = await founded(databases, clock)
    one, other = firm.cores
    done = asyncio.Event()
    said: dict[str, str] = {}

    async def talk(core: Core, user: User, name: str) -> None:
        for number in range(12):
            message_id = f"{name}{number}"
            await firm.say(core, user, f"tea {message_id}", message_id)
            said[message_id] = f"tea {message_id}"
            if number % 3 == 0:
                ref = MessageRef(MessageId(message_id), firm.room)
                await core.posts.edit(user, ref, EditWish(content=f"tea {message_id} edited"))
                said[message_id] += " edited"

    async def look(core: Core) -> None:
        while not done.is_set():
            known = set(said)
            page, _ = await core.posts.page(BOB, firm.room, 200)
            assert known <= {str(post.post.message.message_id) for post in page}
            assert all(post.content is not None for post in page)
            known = set(said)
            wish = SearchWish(text="tea", workspace_id=firm.id)
            found = (await core.posts.search(BOB, wish, None, 50)).posts
            assert known <= {str(post.post.message.message_id) for post in found}

    async def rotate(core: Core) -> None:
        while not done.is_set():
            await core.rotation.rotate(firm.id)
            for _ in range(3):
                await core.rotation.expire()
                clock.advance(ms=LOOK_MS)

    others = [asyncio.create_task(task) for task in (look(one), look(other), rotate(one))]
    others.append(asyncio.create_task(rotate(other)))
    try:
        await asyncio.gather(talk(one, ALICE, "a"), talk(other, BOB, "b"))
    finally:
        done.set()
    await asyncio.gather(*others)
    assert len(await firm.versions()) > 3
    for _ in range(2):
        await firm.expire(clock)
        clock.advance(ms=KEPT_MS)
    assert len(await firm.versions()) == 1
    assert sorted(str(text) for text in await firm.said(other)) == sorted(said.values())
    assert sorted(str(text) for text in await firm.found("tea", other)) == sorted(said.values())


# --- master keys ---

NEW_KEY = bytes(range(1, 33))


async def test_a_new_master_key_wraps_all_keys_anew_and_the_old_one_can_go(databases, clock):
    firm = await founded(databases[:1], clock)
    await firm.say(firm.core, ALICE, "tea", "m1")
    await firm.core.rotation.rotate(firm.id)
    both = Core(clock, rates=UNLIMITED, database=databases[1], master_keys=(NEW_KEY, MASTER_KEY))
    first = await both.rotation.rewrap(None, 1)
    assert (first.count, first.lost, first.next) == (1, {}, (firm.id, 1))
    rest = await both.rotation.rewrap(first.next, 10)
    assert (rest.count, rest.lost, rest.next) == (1, {}, None)
    assert (await both.rotation.rewrap(None, 10)).count == 0
    new = Core(clock, rates=UNLIMITED, database=databases[1], master_keys=(NEW_KEY,))
    assert await firm.said(new) == ["tea"]
    await new.rotation.expire()
    assert await firm.found("tea", new) == ["tea"]


async def test_a_damaged_key_does_not_stop_others_from_coming_under_a_new_master_key(
    databases, clock
):
    firm = await founded(databases[:1], clock)
    await firm.say(firm.core, ALICE, "tea", "m1")
    await firm.core.rotation.rotate(firm.id)
    spoil = "UPDATE workspace_keys SET wrapped = $1 WHERE version = 2"
    await run_sql(databases[0], spoil, bytes(72))
    both = Core(clock, rates=UNLIMITED, database=databases[1], master_keys=(NEW_KEY, MASTER_KEY))
    assert (await both.rotation.rewrap(None, 10)).count == 1


async def test_a_master_key_that_is_lost_is_named_and_nothing_is_lost_with_it(
    databases, clock, caplog
):
    firm = await founded(databases[:1], clock)
    await firm.say(firm.core, ALICE, "tea", "m1")
    wrapped, _ = await SqlKeys(firm.core.database).newest(firm.id)
    without = Core(clock, rates=UNLIMITED, database=databases[1], master_keys=(NEW_KEY,))
    await without.rotation.check()
    (line,) = [one for one in caplog.records if one.message == "master_key_missing"]
    assert line.fields == {"master_key": wrapped.wrapped_by.hex(), "keys": 1}
    done = await without.rotation.rewrap(None, 10)
    assert (done.count, done.lost) == (0, {wrapped.wrapped_by: 1})
    assert await code_of(without.rotation.rotate(firm.id)) is Code.INTERNAL
    (line,) = [one for one in caplog.records if one.message == "not_opened"]
    assert line.fields["master_key"] == wrapped.wrapped_by.hex()
    clock.advance(ms=AGE_MS + LOOK_MS)
    await without.rotation.expire()
    assert await firm.versions() == [1]
    with pytest.raises(AppError):
        await firm.said(without)
    assert await firm.said() == ["tea"], "the one that is not lost opens it"
