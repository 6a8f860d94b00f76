"""Reaping: what is over ends by the core's clock, and everybody hears of it."""

import asyncio
import contextlib

import pytest
from msgspec import structs

from server import reaper
from server.core.errors import Code
from server.core.events import LeaveReason, MemberLeft, MembersChanged, RoomExpired
from server.core.expired import Expired
from server.core.kinds import SESSION
from server.core.limits import Bounds
from server.core.ports import RoomTotals
from server.core.workspaces.files import Files
from server.core.workspaces.keys import KeyRing
from server.core.workspaces.rotation import Rotation
from server.core.workspaces.vault import Vault
from server.stores.files.disk import DiskBlobs
from server.stores.memory.rooms import MemoryRooms
from server.stores.sql.workspaces.files import SqlFiles
from server.stores.sql.workspaces.keys import SqlKeys
from tests.core.visitors import MASTER_KEY, TEA_ROOM, refused
from tests.servers import until

NOTHING = Expired(rooms=0, members=0)


async def test_a_session_idle_for_30_minutes_is_gone_with_all_its_bytes(core, alice, bob, clock):
    await alice.say("x" * 10_000)
    await bob.say("y" * 10_000, to="alice")

    clock.advance(minutes=30, ms=-1)
    assert await core.rooms.expire() == NOTHING
    clock.advance(ms=1)
    expired = await core.rooms.expire()

    assert expired == Expired(rooms=1, members=0)
    assert await core.rooms.totals() == RoomTotals(rooms=0, members=0, held_bytes=0)
    assert core.heard[-1] == RoomExpired(room_id=TEA_ROOM, idle_limit_ms=SESSION.idle_limit_ms)
    assert (await refused(alice.say())).code is Code.NOT_A_MEMBER


async def test_a_session_with_typing_only_is_not_gone(core, alice, clock):
    for minute in range(60):
        clock.advance(minutes=1)
        await alice.type(is_typing=minute % 2 == 0)
        assert await core.rooms.expire() == NOTHING

    assert (await alice.say()).seq == 2


async def test_a_session_with_signals_only_is_gone(core, alice, bob, clock):
    for _ in range(3):
        clock.advance(minutes=10)
        await alice.signal(to="bob")

    assert await core.rooms.expire() == Expired(rooms=1, members=0)


async def test_a_lost_member_leaves_when_its_grace_is_over(core, alice, bob, clock):
    await core.rooms.lose(bob.connection_id)
    core.heard.clear()

    clock.advance(seconds=3, ms=-1)
    assert await core.rooms.expire() == NOTHING
    assert core.heard == []
    clock.advance(ms=1)
    await core.rooms.expire()

    assert [type(event) for event in core.heard] == [MemberLeft, MembersChanged]
    (left,) = core.heard_of(MemberLeft)
    assert (left.user_id, left.reason) == ("bob", LeaveReason.LOST)


async def test_members_who_leave_are_counted_once_each(core, alice, bob, clock):
    for member in (alice, bob):
        await core.rooms.lose(member.connection_id)
    clock.advance(seconds=3)

    assert await core.rooms.expire() == Expired(rooms=0, members=2)
    assert await core.rooms.expire() == NOTHING


async def test_who_came_back_within_the_grace_is_not_noticed(core, alice, bob, clock):
    await core.rooms.lose(bob.connection_id)
    core.heard.clear()
    clock.advance(seconds=2)
    await bob.elsewhere().join(member_token=bob.member_token)
    clock.advance(seconds=2)

    assert await core.rooms.expire() == NOTHING
    assert core.heard_of(MemberLeft) == core.heard_of(MembersChanged) == []


# --- the reaper that calls it ---


@pytest.fixture
def often(monkeypatch):
    """Lets the reaper do its rounds without waiting for long."""
    monkeypatch.setattr(reaper, "INTERVAL_S", 0.001)


@contextlib.asynccontextmanager
async def reaping(chat):
    """A reaper at work, and what it has told."""
    told: list[Expired] = []
    lags: list[float] = []
    task = asyncio.create_task(reaper.reap(chat, told.append, lags.append))
    try:
        yield told, lags
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_the_reaper_tells_of_every_round_what_it_took_away(often, core, alice, clock):
    async with reaping(core.chat) as (told, lags):
        await until(lambda: len(told) > 2)
        clock.advance(minutes=30)
        await until(lambda: Expired(rooms=1, members=0) in told)

    assert told[0] == NOTHING
    assert all(lag >= 0 for lag in lags)
    assert len(lags) >= len(told)


class Moody(MemoryRooms):
    """A store that fails as long as it is in a mood, as one on another machine may."""

    in_mood = True

    async def expire_idle(self, now_ms):
        self._complain()
        return await super().expire_idle(now_ms)

    async def leave(self, room_id, connection_id, now_ms):
        self._complain()
        return await super().leave(room_id, connection_id, now_ms)

    async def lose(self, connection_id, now_ms):
        self._complain()
        await super().lose(connection_id, now_ms)

    def _complain(self):
        if self.in_mood:
            raise ConnectionError("not in the mood")


async def test_a_round_that_failed_does_not_end_the_later_ones(often, open_core, clock, caplog):
    store = Moody(Bounds())
    core = open_core(store=store)
    await core.visitor("alice").join(as_creator=True)
    clock.advance(minutes=30)
    async with reaping(core.chat) as (told, _):
        await until(lambda: "reaper_failed" in caplog.text)
        assert set(told) <= {NOTHING}
        store.in_mood = False
        await until(lambda: Expired(rooms=1, members=0) in told)


class Stuck:
    """A store that never answers, as when a bucket hangs."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.asked = asyncio.Event()

    async def never(self, *_):
        self.asked.set()
        await asyncio.Event().wait()


class StuckFiles(Stuck, SqlFiles):
    garbage = Stuck.never


class StuckKeys(Stuck, SqlKeys):
    aged = Stuck.never


async def test_files_and_keys_that_hang_keep_neither_each_other_nor_anybody_who_leaves(
    often, core, alice, clock, tmp_path
):
    files, keys = StuckFiles(core.database, Bounds()), StuckKeys(core.database)
    vault = Vault(KeyRing([MASTER_KEY]))
    chat = structs.replace(
        core.chat,
        files=Files(core.parts, files, DiskBlobs(tmp_path), core.workspaces, vault),
        rotation=Rotation(core.parts, keys, vault),
    )
    async with reaping(chat) as (told, _):
        async with asyncio.timeout(5):
            await asyncio.gather(files.asked.wait(), keys.asked.wait())
        clock.advance(minutes=30)
        await until(lambda: Expired(rooms=1, members=0) in told)


@pytest.fixture
def moody_core(open_core):
    """A core whose store is in a good mood, until a test says otherwise."""
    core = open_core(store=Moody(Bounds()))
    core.store.in_mood = False
    return core


async def test_what_was_taken_away_is_told_although_the_round_fails_later(moody_core, clock):
    alice, bob = moody_core.visitor("alice"), moody_core.visitor("bob")
    await alice.join(as_creator=True)
    await bob.join()
    await moody_core.rooms.lose(bob.connection_id)
    clock.advance(seconds=3)
    moody_core.store.in_mood = True

    with pytest.raises(ConnectionError):
        await moody_core.rooms.expire()

    assert [left.user_id for left in moody_core.heard_of(MemberLeft)] == ["bob"]


# --- losses that a store did not note ---


@pytest.mark.parametrize("going", ["lose", "leave_all"])
async def test_a_member_whose_loss_the_store_failed_to_note_leaves_after_its_grace_all_the_same(
    moody_core, clock, going
):
    alice, bob = moody_core.visitor("alice"), moody_core.visitor("bob")
    await alice.join(as_creator=True)
    await bob.join()
    moody_core.store.in_mood = True
    with pytest.raises(ConnectionError):
        await getattr(moody_core.rooms, going)(bob.connection_id)
    with pytest.raises(ConnectionError):
        await moody_core.rooms.expire()
    moody_core.store.in_mood = False

    clock.advance(seconds=2)
    await moody_core.rooms.expire()
    clock.advance(seconds=1, ms=-1)
    assert await moody_core.rooms.expire() == NOTHING
    clock.advance(ms=1)

    # The grace is of the loss, and not of when the store could be told.
    assert await moody_core.rooms.expire() == Expired(rooms=0, members=1)
    (left,) = moody_core.heard_of(MemberLeft)
    assert (left.user_id, left.reason) == ("bob", LeaveReason.LOST)
    assert [member.user_id for member in await moody_core.rooms.members(alice.actor)] == ["alice"]


async def test_a_loss_noted_late_leaves_alone_who_has_come_back_meanwhile(moody_core, clock):
    bob = moody_core.visitor("bob")
    await bob.join(as_creator=True)
    moody_core.store.in_mood = True
    with pytest.raises(ConnectionError):
        await moody_core.rooms.lose(bob.connection_id)
    moody_core.store.in_mood = False
    again = bob.elsewhere()
    await again.join(member_token=bob.member_token)

    for _ in range(3):
        clock.advance(seconds=3)
        assert await moody_core.rooms.expire() == NOTHING

    assert (await again.say()).seq == 2
    assert (await refused(bob.say())).code is Code.NOT_A_MEMBER
