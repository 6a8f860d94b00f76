"""RoomStore: idle rooms are forgotten with all their bytes; what operators see of the others."""

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import RoomExpired
from server.core.ids import RoomId
from server.core.ports import RoomSummary, RoomTotals
from tests.stores.guests import POLICY, TEA_ROOM, refusal, texts, user_ids

EMPTY = RoomTotals(rooms=0, members=0, held_bytes=0)
EXPIRED = RoomExpired(room_id=TEA_ROOM, idle_limit_ms=POLICY.idle_limit_ms)

# --- idleness ---


async def test_a_session_idle_for_30_minutes_is_gone_with_all_its_bytes(house, alice, bob, clock):
    await alice.say("x" * 1_000)
    await bob.say("psst", to="alice", is_broadcast=False)
    await bob.lose()

    clock.advance(minutes=30, ms=-1)
    assert await house.expire_idle() == ()
    assert (await house.rooms.totals()).rooms == 1
    clock.advance(ms=1)
    assert await house.expire_idle() == (EXPIRED,)
    assert await house.rooms.totals() == EMPTY
    assert await house.rooms.summaries(None, 10) == ()
    assert await house.expire_idle() == ()


async def test_a_session_with_typing_only_is_not_gone(house, alice, clock):
    for _ in range(5):
        clock.advance(minutes=29)
        await alice.type()

    assert await house.expire_idle() == ()
    clock.advance(minutes=30)
    assert await house.expire_idle() == (EXPIRED,)


async def test_a_reserved_session_that_nobody_joins_ends_when_it_was_said_to(house, clock):
    reservation = await house.reserve()

    clock.advance(ms=reservation.expires_ms - clock.now_ms() - 1)
    assert await house.expire_idle() == ()
    clock.advance(ms=1)
    assert await house.expire_idle() == (EXPIRED,)


@pytest.mark.parametrize("sign_of_life", ["join", "join again", "message", "typing"])
async def test_join_message_and_typing_keep_a_session(house, alice, bob, clock, sign_of_life):
    signs = {
        "join": house.guest("carol").join,
        "join again": bob.join,
        "message": bob.say,
        "typing": bob.type,
    }
    clock.advance(minutes=29)

    await signs[sign_of_life]()

    clock.advance(minutes=30, ms=-1)
    assert await house.expire_idle() == ()
    clock.advance(ms=1)
    assert await house.expire_idle() == (EXPIRED,)


@pytest.mark.parametrize(
    "act",
    ["reserve", "reserve badly", "lose", "leave", "knock", "save key", "lock", "remove", "look"],
)
async def test_nothing_else_keeps_a_session(house, alice, bob, clock, act):
    acts = {
        "reserve": house.reserve,
        "reserve badly": lambda: refusal(house.reserve(key_hash=b"k" * 32)),
        "lose": bob.lose,
        "leave": bob.leave,
        "knock": lambda: refusal(bob.elsewhere().join()),
        "save key": lambda: bob.save_key("new key"),
        "lock": alice.lock,
        "remove": lambda: alice.remove("bob"),
        "look": alice.members,
    }
    clock.advance(minutes=29)

    await acts[act]()

    clock.advance(minutes=1)
    assert await house.expire_idle() == (EXPIRED,)


async def test_rooms_go_each_at_its_own_time(house, clock):
    for room_id in ("one", "two", "three"):
        await house.with_members("alice", room_id=room_id)
        clock.advance(minutes=1)
    one = house.guest("bob", "one")
    await one.join()
    clock.advance(minutes=28)  # "two" was made 30 minutes ago

    assert [event.room_id for event in await house.expire_idle()] == ["two"]
    clock.advance(minutes=1)
    assert [event.room_id for event in await house.expire_idle()] == ["three"]
    assert await house.room_ids() == ["one"]


async def test_every_room_has_the_idle_limit_of_its_own_policy(house, alice, clock):
    house.policy = structs.replace(POLICY, idle_limit_ms=1_000)
    await house.with_members("dave", room_id="hasty-room")

    clock.advance(ms=1_000)

    assert await house.expire_idle() == (
        RoomExpired(room_id=RoomId("hasty-room"), idle_limit_ms=1_000),
    )
    assert user_ids(await alice.members()) == ["alice"]


async def test_the_connections_of_an_expired_room_are_attached_to_it_no_longer(
    house, alice, bob, clock
):
    coffee = house.guest("alice", "coffee-room")
    coffee.connection_id = alice.connection_id
    clock.advance(minutes=30)
    await coffee.join(as_creator=True)

    await house.expire_idle()

    assert await alice.rooms() == {"coffee-room"}
    assert await bob.rooms() == set()
    assert await refusal(alice.say()) is Code.NOT_A_MEMBER
    assert await refusal(bob.elsewhere().join(token=bob.token)) is Code.ROOM_NOT_FOUND
    await alice.lose()
    assert await coffee.rooms() == set()


async def test_nothing_of_an_expired_room_is_found_in_the_next_of_that_id(house, alice, bob, clock):
    await alice.say("secret", message_id="m-1")
    await alice.lock()
    clock.advance(minutes=30)
    await house.expire_idle()

    joined = await bob.elsewhere().join(
        as_creator=True, token=alice.token, key_hash=b"k" * 32, public_key="a key"
    )

    assert joined.room_created
    assert joined.is_new
    assert joined.is_creator
    assert not joined.locked
    assert not joined.truncated
    assert joined.seq == 1
    assert texts(joined) == []
    assert user_ids(joined.members) == ["bob"]


# --- what operators see ---


async def test_a_summary_counts_and_shows_no_content(house, alice, bob, clock):
    created_ms = clock.now_ms()
    await alice.say("hello")
    clock.advance(minutes=1)
    await bob.type()

    (summary,) = await house.rooms.summaries(None, 10)

    assert summary == RoomSummary(
        room_id=TEA_ROOM,
        members=2,
        messages=1,
        held_bytes=await house.held_bytes(),
        created_ms=created_ms,
        active_ms=clock.now_ms(),
        locked=False,
        has_key=False,
    )


async def test_a_summary_says_whether_there_is_a_key(house):
    await house.reserve("open")
    await house.reserve("closed", b"k" * 32)

    found = await house.rooms.summaries(None, 10)

    assert {summary.room_id: summary.has_key for summary in found} == {
        "open": False,
        "closed": True,
    }


async def test_pages_of_summaries_are_in_order_and_miss_nothing(house):
    names = ["delta", "alpha", "Ω", "echo", "bravo", "charlie", "10", "9"]
    for name in names:
        await house.reserve(name)
    pages, after = [], None
    while page := await house.rooms.summaries(after, 3):
        pages.append([summary.room_id for summary in page])
        after = page[-1].room_id

    assert [len(page) for page in pages] == [3, 3, 2]
    assert [room_id for page in pages for room_id in page] == sorted(names)


async def test_a_page_begins_after_a_room_even_if_that_is_gone(house):
    for name in ("alpha", "charlie"):
        await house.reserve(name)

    (summary,) = await house.rooms.summaries("bravo", 10)

    assert summary.room_id == "charlie"
    assert await house.rooms.summaries("charlie", 10) == ()
