"""Keys of workspaces are changed, while something is damaged, fails, or comes very late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from msgspec import structs

from server.core.errors import AppError, Code
from server.core.ids import MessageId, UserId
from server.core.kinds import Kind
from server.core.ports.conversations import MessageRef
from server.core.ports.files import ByteStream
from server.core.ports.keys import KeyEndedError
from server.core.workspaces import resealing, rotation
from server.core.workspaces.channels import ChannelWish, TextChange
from server.core.workspaces.content import EditWish, PostWish
from server.core.workspaces.rotation import KEPT_MS, LOOK_MS
from server.stores.files.disk import DiskBlobs
from server.stores.sql.database import Database, unavailable
from server.stores.sql.workspaces.keys import SqlKeys
from tests.clocks import ManualClock
from tests.core.visitors import Core
from tests.stores.sql.firms import ALICE, UNLIMITED, Firm, firm_of, founded
from tests.stores.sql.keyrings import run_sql
from tests.stores.sql.teams import code_of


@pytest.fixture
async def firm(database, clock) -> Firm:
    return await founded([database], clock)


async def rounds(core: Core, clock: ManualClock, count: int = 10) -> None:
    """Let the reaper go round, a minute each time."""
    for _ in range(count):
        with suppress(AppError):
            await core.rotation.expire()
        clock.advance(ms=LOOK_MS)


# --- what is damaged ---


async def test_a_box_that_cannot_be_opened_keeps_its_key_and_stops_no_other(firm, clock):
    for one in ("m1", "m2"):
        await firm.say(firm.core, ALICE, "tea", one)
    await run_sql(firm.core.database, "UPDATE messages SET ciphertext = $1 WHERE seq = 1", b"AAAA")
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    assert (await firm.under(1), await firm.under(2)) == (1, 1)
    clock.advance(ms=2 * KEPT_MS)
    await firm.core.rotation.expire()
    assert await firm.versions() == [1, 2]


async def test_a_damaged_name_and_a_portion_of_damaged_messages_stop_nothing_after_them(
    firm, clock, monkeypatch
):
    monkeypatch.setattr(resealing, "PORTION", 2)
    for number in range(5):
        await firm.say(firm.core, ALICE, "tea", f"m{number}")
    database = firm.core.database
    await run_sql(database, "UPDATE rooms SET name = $1", b"AAAA")
    await run_sql(database, "UPDATE messages SET ciphertext = $1 WHERE seq < 4", b"AAAA")
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    assert (await firm.under(1), await firm.under(2)) == (3, 2)


async def test_boxes_that_are_not_even_text_stop_nothing_after_them(firm, clock):
    for one in ("m1", "m2"):
        await firm.say(firm.core, ALICE, "tea", one)
    for sql in (
        "UPDATE rooms SET name = $1",
        "UPDATE messages SET ciphertext = $1 WHERE seq = 1",
    ):
        await run_sql(firm.core.database, sql, b"\xff\xfe")
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    assert (await firm.under(1), await firm.under(2)) == (1, 1)


async def test_what_is_damaged_is_told_once_and_counted(firm, clock, caplog):
    for number in range(3):
        await firm.say(firm.core, ALICE, "tea", f"m{number}")
    await run_sql(firm.core.database, "UPDATE messages SET ciphertext = $1 WHERE seq < 3", b"AAAA")
    await firm.core.rotation.rotate(firm.id)
    for _ in range(3):
        await rounds(firm.core, clock)
        clock.advance(ms=resealing.AGAIN_MS)
    assert len([one for one in caplog.records if one.message == "not_opened"]) == 2
    (line,) = [one for one in caplog.records if one.message == "key_kept"]
    assert line.fields == {"workspace": firm.id, "version": 1, "damaged": 2}


async def test_what_is_damaged_and_then_deleted_keeps_its_key_no_more(firm, clock):
    await firm.say(firm.core, ALICE, "tea", "m1")
    await run_sql(firm.core.database, "UPDATE messages SET ciphertext = $1", b"AAAA")
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    await firm.core.posts._store.delete(
        UserId("alice"), MessageRef(MessageId("m1"), firm.room), clock.now_ms()
    )
    clock.advance(ms=KEPT_MS)
    await rounds(firm.core, clock)
    assert await firm.versions() == [2]


async def test_an_old_key_that_is_damaged_is_told_once_and_keeps_no_other_from_being_changed(
    firm, clock, caplog, monkeypatch
):
    monkeypatch.setattr(rotation, "AGED", 1)
    spoil = "UPDATE workspace_keys SET wrapped = $1"
    await run_sql(firm.core.database, spoil, bytes(72))
    clock.advance(ms=1)
    other = await firm_of(firm.cores)
    clock.advance(ms=rotation.AGE_MS)
    for _ in range(4):
        await firm.core.rotation.expire()
        clock.advance(ms=rotation.AGED_MS)
    assert (await SqlKeys(firm.core.database).newest(other.id))[0].version == 2
    assert len([one for one in caplog.records if one.message == "key_not_rotated"]) == 1


# --- what fails ---


class Choking:
    """A database to which more than so many changes in one transaction are too many."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most

    def __getattr__(self, name: str):
        return getattr(self._database, name)

    async def write(self, steps):
        return await self._database.write(lambda: self._checked(steps()))

    def _checked(self, steps):
        try:
            statement = next(steps)
            while True:
                if statement.many and len(statement.many) > self._most:
                    raise unavailable()
                statement = steps.send((yield statement))
        except StopIteration as end:
            return end.value


async def test_a_portion_that_fails_is_tried_in_smaller_ones(database, clock):
    firm = await founded([Choking(database, 3)], clock)
    for number in range(10):
        await firm.say(firm.core, ALICE, "tea", f"m{number}")
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock, 60)
    assert (await firm.under(1), await firm.under(2)) == (0, 10)


async def test_a_portion_that_always_fails_stops_no_other_key(database, clock):
    """Nor that those end under which nothing is."""
    firm = await founded([database], clock)
    await firm.say(firm.core, ALICE, " ".join(f"word{number}" for number in range(30)), "long")
    other = await firm_of(firm.cores)
    await other.say(other.core, ALICE, "tea", "short")
    for one in (firm, other):
        await one.core.rotation.rotate(one.id)
        clock.advance(ms=1)
    choked = Core(clock, rates=UNLIMITED, database=Choking(database, 20))
    await rounds(choked, clock, 5)
    assert (await firm.under(1), await firm.under(2)) == (1, 1)
    clock.advance(ms=KEPT_MS)
    await rounds(choked, clock, 2)
    assert await firm.versions() == [1, 2, 2]


# --- who is late ---


async def stopped_for_a_day(firm: Firm, clock: ManualClock) -> None:
    """What happens while somebody who has read its key does nothing: the key ends."""
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    clock.advance(ms=KEPT_MS)
    await rounds(firm.core, clock)
    assert await firm.versions() == [2]


async def late(firm: Firm, clock: ManualClock, monkeypatch, what: str, store: object, do) -> Any:
    """Somebody does something, and is stopped for a day between sealing and storing."""
    stored, was_stopped = getattr(store, what), False

    async def stopping(*args):
        nonlocal was_stopped
        if not was_stopped:
            was_stopped = True
            await stopped_for_a_day(firm, clock)
        return await stored(*args)

    monkeypatch.setattr(store, what, stopping)
    done = await do()
    assert was_stopped
    return done


async def test_what_was_sealed_under_a_key_that_has_ended_is_sealed_anew(firm, clock, monkeypatch):
    posts = firm.core.posts
    await late(
        *(firm, clock, monkeypatch, "append", posts._messages),
        lambda: firm.say(firm.core, ALICE, "the secret word", "late"),
    )
    assert await firm.said() == ["the secret word"]
    assert await firm.found("secret") == ["the secret word"]


async def test_an_edit_under_a_key_that_has_ended_is_sealed_anew(firm, clock, monkeypatch):
    posts = firm.core.posts
    await firm.say(firm.core, ALICE, "tea", "m1")
    ref = MessageRef(MessageId("m1"), firm.room)
    await late(
        *(firm, clock, monkeypatch, "edit", posts._store),
        lambda: posts.edit(ALICE, ref, EditWish(content="the secret word")),
    )
    assert await firm.said() == ["the secret word"]


async def test_a_first_name_under_a_key_that_has_ended_is_sealed_anew(firm, clock, monkeypatch):
    channels = firm.core.channels
    wish = ChannelWish(workspace_id=firm.id, kind=Kind.GROUP)
    made, _ = await channels.create(ALICE, wish)
    nameless = made.conversation.room_id
    await late(
        *(firm, clock, monkeypatch, "update", channels._store),
        lambda: channels.update(ALICE, nameless, TextChange(name="named")),
    )
    assert (await channels.get(ALICE, nameless)).conversation.name == "named"


async def test_a_conversation_under_a_key_that_has_ended_is_sealed_anew(firm, clock, monkeypatch):
    channels = firm.core.channels
    wish = ChannelWish(workspace_id=firm.id, kind=Kind.GROUP, name="new", members=())
    made, is_new = await late(
        *(firm, clock, monkeypatch, "create", channels._store),
        lambda: channels.create(ALICE, wish),
    )
    assert (made.conversation.name, is_new) == ("new", True)


async def one_chunk() -> AsyncIterator[bytes]:
    yield b"tea"


async def test_a_file_whose_key_is_under_one_that_has_ended_has_it_sealed_anew(
    firm, clock, monkeypatch, tmp_path
):
    files = firm.core.chat.files
    monkeypatch.setattr(files, "_blobs", DiskBlobs(tmp_path))
    stream = ByteStream(3, "tea.txt", None, one_chunk())
    sent = await late(
        *(firm, clock, monkeypatch, "begin", files._store),
        lambda: files.upload(ALICE, firm.room, stream),
    )
    assert (await files.get(ALICE, sent.file_id)).name == "tea.txt"


async def test_nothing_is_sealed_anew_under_a_key_that_has_ended(firm, clock):
    await firm.say(firm.core, ALICE, "tea", "m1")
    keys = SqlKeys(firm.core.database)
    old, _ = await keys.newest(firm.id)
    read = await keys.under(old, 10, (1, "", 0))
    ended = structs.replace(read, key=structs.replace(old, version=7))
    assert await code_of(keys.reseal(read, ended)) is Code.UNAVAILABLE
    assert await firm.said() == ["tea"]


async def test_of_who_stores_under_an_old_key_and_who_ends_it_one_is_late(databases, clock):
    firm = await founded(databases, clock)
    place = await firm.core.channels.place(ALICE, firm.room)
    await firm.core.rotation.rotate(firm.id)
    await rounds(firm.core, clock)
    wish = PostWish(room_id=firm.room, content="tea", message_id=MessageId("late"))
    new = firm.core.posts._new(ALICE, place, wish)
    stored, ended = await asyncio.gather(
        firm.core.posts._messages.append(new, clock.now_ms(), None),
        SqlKeys(databases[1]).end(clock.now_ms()),
        return_exceptions=True,
    )
    is_refused = isinstance(stored, KeyEndedError)
    assert ended == (1 if is_refused else 0)
    assert (await firm.versions() == [2]) is is_refused
