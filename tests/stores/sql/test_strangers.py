"""Into how many rooms strangers can put somebody, who takes part, and what is noted of it."""

import asyncio

import pytest

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.limits import REQUEST_LIFE_MS, Bounds
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import rows
from tests.stores.sql.households import NOW_MS, Household

ALICE, BOB, CAROL, DAN = map(UserId, ("alice", "bob", "carol", "dan"))
BOUNDS = Bounds(rooms_by_stranger=2, rooms_by_strangers=3, requests_by_strangers=2)


@pytest.fixture
async def home(database) -> Household:
    """Alice, Bob, Carol and Dan, who do not know each other."""
    await migrate(database)
    made = Household(database, BOUNDS)
    await made.settle("alice", "bob", "carol", "dan")
    return made


async def code_of(awaitable) -> Code:
    with pytest.raises(AppError) as caught:
        await awaitable
    return caught.value.code


async def test_one_stranger_puts_somebody_into_so_many_rooms_and_all_into_so_many(home):
    own = [await home.room_of("bob", "alice") for _ in range(BOUNDS.rooms_by_stranger)]
    assert await code_of(home.room_of("bob", "carol", "alice")) is Code.LIMIT_REACHED
    alone = await home.room_of("bob")
    adding = home.rooms.add_member(BOB, alone, ALICE, None, NOW_MS)
    assert await code_of(adding) is Code.LIMIT_REACHED
    await home.room_of("carol", "alice")
    assert await code_of(home.room_of("dan", "alice")) is Code.LIMIT_REACHED
    await home.room_of("alice")

    await home.rooms.remove_member(ALICE, own[0], ALICE, NOW_MS)
    await home.room_of("dan", "alice")
    assert len(await home.rooms.rooms_of(ALICE, 10)) == 4


async def test_whoever_somebody_has_written_to_or_let_in_is_no_stranger(home):
    await home.send("alice", "bob")
    for _ in range(BOUNDS.rooms_by_strangers + 1):
        await home.room_of("bob", "alice")
    await home.room_of("alice", "carol")
    for _ in range(BOUNDS.rooms_by_strangers + 1):
        await home.room_of("carol", "alice")


async def test_who_has_written_to_somebody_is_a_stranger_until_it_is_answered(home):
    await home.send("bob", "alice")
    for _ in range(BOUNDS.rooms_by_stranger):
        await home.room_of("bob", "alice")
    assert await code_of(home.room_of("bob", "alice")) is Code.LIMIT_REACHED

    await home.send("alice", "bob")
    await home.room_of("bob", "alice")


async def test_a_room_in_which_somebody_has_said_something_counts_no_more(home):
    first, _ = [await home.room_of("bob", "alice") for _ in range(BOUNDS.rooms_by_stranger)]
    await home.send("alice", first)

    await home.room_of("bob", "alice")


@pytest.fixture
async def asked(home: Household) -> Household:
    """Bob and Carol have written to Alice, who has not answered: that is as many as may."""
    for one in ("bob", "carol"):
        await home.send(one, "alice")
    return home


async def test_so_many_strangers_may_wait_for_an_answer_and_no_more(asked):
    assert await code_of(asked.send("dan", "alice")) is Code.LIMIT_REACHED
    assert await asked.rooms.peer(DAN, ALICE) is None

    await asked.send("bob", "alice")
    await asked.send("dan", "carol")
    await asked.send("alice", "carol")
    await asked.send("dan", "alice")


async def test_rooms_into_which_strangers_put_somebody_are_no_conversations_that_wait(home):
    for _ in range(BOUNDS.rooms_by_stranger):
        await home.room_of("bob", "alice")
    await home.send("carol", "alice")


async def test_who_knows_somebody_is_not_kept_away_by_those_who_wait(asked):
    await asked.room_of("alice", "dan")
    await asked.send("dan", "alice")


async def test_somebody_writes_to_whom_it_will_however_many_wait_for_it(asked):
    await asked.send("alice", "dan")
    await asked.send("dan", "alice")


@pytest.mark.parametrize("column", ["banned_ms", "deleted_ms"])
async def test_who_is_blocked_or_gone_makes_room_for_another(asked, column):
    await asked.block("alice", "bob")
    await asked.send("dan", "alice")
    await asked.settle("eve")
    assert await code_of(asked.send("eve", "alice")) is Code.LIMIT_REACHED

    await asked.change(f"UPDATE accounts SET {column} = 1 WHERE user_id = 'carol'")  # noqa: S608
    await asked.send("eve", "alice")


async def test_what_nobody_answers_counts_for_thirty_days(asked):
    late = NOW_MS + REQUEST_LIFE_MS - 1
    assert await code_of(asked.send("dan", "alice", now_ms=late)) is Code.LIMIT_REACHED
    await asked.send("dan", "alice", now_ms=late + 1)


async def test_of_strangers_who_write_at_once_no_more_begin_than_may(home):
    await home.settle("eve")
    sent = await asyncio.gather(
        *(home.send(one, "alice") for one in ("bob", "carol", "dan", "eve")),
        return_exceptions=True,
    )
    refused = [one for one in sent if isinstance(one, AppError)]
    assert [one.code for one in refused] == [Code.LIMIT_REACHED] * 2


async def test_presence_is_of_those_who_both_take_part(home):
    room = await home.room_of("bob", "alice")
    await home.send("carol", "alice")
    assert await home.rooms.acquaintances(ALICE, 9) == ()
    assert await home.rooms.acquaintances(BOB, 9) == ()

    await home.send("alice", "carol")
    assert await home.rooms.acquaintances(ALICE, 9) == (CAROL,)
    assert await home.rooms.acquaintances(CAROL, 9) == (ALICE,)
    await home.send("alice", room)
    assert set(await home.rooms.acquaintances(ALICE, 9)) == {BOB, CAROL}
    await home.block("alice", "bob")
    assert await home.rooms.acquaintances(ALICE, 9) == (CAROL,)
    assert await home.rooms.acquaintances(BOB, 9) == ()


async def test_what_somebody_says_twice_where_it_was_put_is_stored_once(home):
    room = await home.room_of("bob", "alice")
    both = await asyncio.gather(*(home.send("alice", room, "m1") for _ in range(2)))
    assert sorted(one.is_repeat for one in both) == [False, True]
    assert await home.rooms.acquaintances(ALICE, 9) == (BOB,)


# --- what is noted ---


async def noted(home: Household, room: RoomId) -> list[tuple[str, ...]]:
    """Who has done what to whom in a room, in order."""
    found = await home.database.read(
        lambda: rows(
            "SELECT action, user_id, subject_id FROM audit WHERE room_id = $1 "
            "ORDER BY at_ms, entry_id",
            room,
        )
    )
    return [tuple(one) for one in found]


async def test_who_comes_goes_and_gets_a_role_is_noted(home):
    room = await home.room_of("alice", "bob")
    add, remove = home.rooms.add_member, home.rooms.remove_member
    await add(ALICE, room, CAROL, Role.ADMIN, NOW_MS + 1)
    await add(ALICE, room, CAROL, Role.ADMIN, NOW_MS + 2)
    await add(ALICE, room, CAROL, Role.MEMBER, NOW_MS + 3)
    await remove(ALICE, room, BOB, NOW_MS + 4)
    await remove(ALICE, room, ALICE, NOW_MS + 5)
    await home.rooms.delete(CAROL, room, NOW_MS + 6)

    found = await noted(home, room)
    assert found[0] == ("member_added", "alice", "bob")
    assert sorted(found[1:3]) == [
        ("made_admin", "alice", "carol"),
        ("member_added", "alice", "carol"),
    ]
    assert found[3:5] == [("made_member", "alice", "carol"), ("member_removed", "alice", "bob")]
    assert sorted(found[5:7]) == [
        ("made_owner", "alice", "carol"),
        ("member_removed", "alice", "alice"),
    ]
    assert found[7:] == [("room_ended", "carol", room)]


async def test_what_is_refused_is_not_noted(home):
    room = await home.room_of("alice", "bob")
    assert await code_of(home.rooms.add_member(BOB, room, CAROL, None, 1)) is Code.FORBIDDEN
    assert await code_of(home.rooms.remove_member(BOB, room, ALICE, 1)) is Code.FORBIDDEN

    assert await noted(home, room) == [("member_added", "alice", "bob")]


async def test_whoever_owns_a_room_after_an_account_was_deleted_is_noted(home):
    room = await home.room_of("alice", "bob")
    await home.database.write(lambda: leave_rooms(ALICE, None, NOW_MS + 1))

    assert (await noted(home, room))[-1] == ("made_owner", "alice", "bob")
