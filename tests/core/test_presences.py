"""Who is online, and who is told of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.core.errors import AppError, Code
from server.core.held import AT_ONCE, LIFE_MS, RENEWAL_MS
from server.core.identity import User
from server.core.ids import ConnectionId, UserId
from server.core.limits import Rate, Rates
from server.core.presences import Presences
from server.core.user_events import PresenceChanged
from server.stores.memory.presences import MemoryPresences
from tests.core.conftest import OpenCore
from tests.core.visitors import Core, refused

ALICE, BOB = UserId("alice"), UserId("bob")
GRACE_MS = 3_000


class Failing(MemoryPresences):
    """Is away while a test says so, and notes until when users are held.

    Attributes:
        dead: Whose process has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.held_until_ms = 0
        self.on_release: Callable[[], Awaitable[None]] | None = None
        self.dead: list[UserId] = []

    async def lapsed(self, now_ms, limit):
        gone, self.dead = tuple(self.dead), []
        for user_id in gone:
            await super().release(user_id, now_ms)
        return gone

    async def hold(self, users, until_ms, now_ms):
        if self.is_away:
            raise AppError(Code.UNAVAILABLE, "away")
        self.held_until_ms = until_ms
        return await super().hold(users, until_ms, now_ms)

    async def release(self, user_id, now_ms):
        if self.is_away:
            raise AppError(Code.UNAVAILABLE, "away")
        is_gone = await super().release(user_id, now_ms)
        if self.on_release:
            await self.on_release()
        return is_gone


class Town:
    """Where Bob knows Alice.

    Attributes:
        told: Who was told of what, in order.
        strangers: Of whom it cannot be told now.
        most_at_once: Users of whom it was told at a time.
    """

    def __init__(self, core: Core) -> None:
        self.clock = core.clock
        self.store = Failing()
        self.told: list[tuple[tuple[UserId, ...], UserId, bool]] = []
        self.known: dict[UserId, tuple[UserId, ...]] = {ALICE: (BOB,), BOB: (ALICE,)}
        self.strangers: set[UserId] = set()
        self.most_at_once = self._at_once = 0
        self.presences = Presences(core.parts, self.store, self._know, GRACE_MS)
        core.users.subscribe(self._tell, lambda: None)

    def _tell(self, user_id, event) -> None:
        assert isinstance(event, PresenceChanged)
        if user_id == event.users[0]:
            self.told.append((event.users, event.user_id, event.is_online))

    async def _know(self, user_id: UserId) -> tuple[UserId, ...]:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        if user_id in self.strangers:
            raise AppError(Code.UNAVAILABLE, "away")
        return self.known.get(user_id, ())

    async def comes(self, user_id: UserId, connection: str = "1") -> None:
        await self.presences.arrived(user(user_id), ConnectionId(connection))

    async def goes(self, user_id: UserId, connection: str = "1") -> None:
        await self.presences.departed(user_id, ConnectionId(connection), is_lost=True)

    async def later(self, ms: int) -> None:
        self.clock.advance(ms=ms)
        await self.presences.expire()


def user(user_id: UserId) -> User:
    return User(user_id=user_id, login=str(user_id), expires_ms=None)


@pytest.fixture
def town(open_core: OpenCore) -> Town:
    return Town(open_core(rates=Rates(presence=Rate(1, 20))))


async def test_who_comes_is_online_once_and_offline_after_the_last_has_gone(town: Town):
    await town.comes(ALICE, "1")
    await town.comes(ALICE, "2")
    await town.goes(ALICE, "1")
    await town.later(GRACE_MS)
    assert town.told == [((BOB,), ALICE, True)]

    await town.goes(ALICE, "2")
    await town.later(GRACE_MS - 1)
    assert len(town.told) == 1
    await town.later(1)
    assert town.told[1:] == [((BOB,), ALICE, False)]
    await town.later(GRACE_MS)
    assert len(town.told) == 2


async def test_who_is_back_within_the_grace_was_never_offline(town: Town):
    await town.comes(ALICE)
    for _ in range(3):
        await town.goes(ALICE)
        await town.later(GRACE_MS - 1)
        await town.comes(ALICE)
    await town.later(GRACE_MS)

    assert town.told == [((BOB,), ALICE, True)]


async def test_nobody_is_told_of_a_stranger(town: Town):
    await town.comes(UserId("mallory"))
    await town.goes(UserId("mallory"))
    await town.later(GRACE_MS)

    assert town.told == []


async def test_one_sees_those_alone_with_whom_one_shares_a_room(town: Town):
    for one in (ALICE, BOB, UserId("mallory")):
        await town.comes(one)

    assert await town.presences.online(user(BOB), None) == (ALICE,)
    assert await town.presences.online(user(BOB), [UserId("mallory")]) == ()
    assert await town.presences.online(user(UserId("mallory")), [ALICE, BOB]) == ()


async def test_whom_one_asks_about_is_gone_through_once_however_many_one_knows(town: Town):
    carol = UserId("carol")
    town.known = {ALICE: (BOB, carol), BOB: (ALICE,), carol: (ALICE,)}
    await town.comes(BOB)
    await town.comes(carol)

    assert await town.presences.online(user(ALICE), iter([carol, BOB])) == (BOB, carol)


async def test_a_store_that_is_away_keeps_nobody_out_and_hears_of_it_later(town: Town):
    town.store.is_away = True
    await town.comes(ALICE)
    assert town.told == []
    town.store.is_away = False
    await town.later(RENEWAL_MS)

    assert town.told == [((BOB,), ALICE, True)]


async def test_who_goes_while_the_store_is_away_is_offline_when_it_is_back(town: Town):
    await town.comes(ALICE)
    await town.goes(ALICE)
    town.store.is_away = True
    with pytest.raises(AppError):
        await town.later(GRACE_MS)
    town.store.is_away = False
    await town.later(1)

    assert town.told[1:] == [((BOB,), ALICE, False)]


async def test_who_comes_back_while_it_is_let_go_stays_online(town: Town):
    await town.comes(ALICE)
    await town.goes(ALICE)
    town.store.on_release = lambda: town.comes(ALICE)
    await town.later(GRACE_MS)

    assert town.told == [((BOB,), ALICE, True)]
    assert await town.presences.online(user(BOB), None) == (ALICE,)


def crowd(town: Town) -> list[UserId]:
    """People whom Bob knows."""
    found = [UserId(f"user-{number}") for number in range(100)]
    town.known.update(dict.fromkeys(found, (BOB,)))
    return found


async def test_of_whom_it_cannot_be_told_now_it_is_told_later_and_of_all_the_rest_too(town: Town):
    town.store.dead = crowd(town)
    gone = [((BOB,), user_id, False) for user_id in town.store.dead]
    town.strangers = {gone[0][1], gone[70][1]}
    await town.later(RENEWAL_MS)
    town.strangers.pop()
    await town.later(1)
    town.strangers.clear()
    await town.later(1)
    await town.later(1)

    assert sorted(town.told) == sorted(gone)


async def test_of_many_who_went_with_their_process_it_is_told_at_once_but_not_of_all(town: Town):
    town.store.dead = crowd(town)
    await town.later(RENEWAL_MS)

    assert (len(town.told), town.most_at_once) == (100, AT_ONCE)


async def test_many_who_go_at_once_are_let_go_at_once_but_not_all(town: Town):
    people = crowd(town)
    for one in people:
        await town.comes(one)
    for one in people:
        await town.goes(one)
    assert town.most_at_once == 1
    await town.later(GRACE_MS)

    assert (len(town.told), town.most_at_once) == (200, AT_ONCE)


async def test_it_is_not_told_late_that_somebody_went_who_is_back(town: Town):
    await town.comes(ALICE)
    await town.goes(ALICE)
    town.strangers = {ALICE}
    await town.later(GRACE_MS)
    # With another process, where it could be told.
    await town.store.hold((ALICE,), town.clock.now_ms() + LIFE_MS, town.clock.now_ms())
    town.strangers.clear()
    await town.later(1)

    assert town.told == [((BOB,), ALICE, True)]


async def test_it_is_told_late_that_somebody_came_who_is_still_there(town: Town):
    town.strangers = {ALICE}
    await town.comes(ALICE)
    assert town.told == []
    town.strangers.clear()
    await town.later(1)

    assert town.told == [((BOB,), ALICE, True)]


async def test_who_is_here_is_said_again_before_it_would_be_forgotten(town: Town):
    await town.comes(ALICE)
    for _ in range(10):
        await town.later(RENEWAL_MS)
        assert town.store.held_until_ms == town.clock.now_ms() + LIFE_MS


async def test_one_user_asks_only_so_often(town: Town):
    for _ in range(20):
        await town.presences.online(user(ALICE), None)
    assert (await refused(town.presences.online(user(ALICE), None))).code is Code.RATE_LIMITED
    await town.presences.online(user(BOB), None)
