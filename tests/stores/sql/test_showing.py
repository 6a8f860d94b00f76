"""What messages of workspaces show: nothing of other rooms, nor what one may not read."""

import pytest

from server.core.durable import Status
from server.core.ids import MessageId, UserId
from server.core.kinds import Kind
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.teams import asks, found

BOB, CAROL = map(UserId, ("bob", "carol"))

ROOMS = "xyz"
"""One before and one after another, in whatever order a query comes by them."""


@pytest.fixture(params=["sealed", "opaque"])
async def atelier(home, request) -> Atelier:
    return await atelier_of(home, is_sealed=request.param == "sealed")


@pytest.fixture
async def opaque(home) -> Atelier:
    return await atelier_of(home, is_sealed=False)


async def thread(atelier, user, room, named, now_ms=NOW_MS):
    return await atelier.read_by(user, room, thread=MessageId(named), now_ms=now_ms)


async def three_rooms(atelier):
    """In each a thread at the first place, but the answers to it at other ones."""
    rooms = {}
    for at, name in enumerate(ROOMS, 1):
        rooms[name] = await atelier.room("alice", "bob")
        await atelier.say("alice", rooms[name], f"{name}1")
        for number in range(2, 5):
            answered = f"{name}1" if number == at + 1 else ""
            await atelier.say("alice", rooms[name], f"{name}{number}", answered)
    return rooms


async def test_of_rooms_side_by_side_each_has_its_own_threads(atelier):
    rooms = await three_rooms(atelier)
    for at, (name, room) in enumerate(rooms.items(), 1):
        assert await thread(atelier, "bob", room, f"{name}1") == [f"{name}1", f"{name}{at + 1}"]
        page, _ = await atelier.posts.page(BOB, room, 10, NOW_MS)
        answered = {one.message.message_id: (one.reply_to, one.thread) for one in page}
        none = {f"{name}{number}": (None, None) for number in range(1, 5)}
        assert answered == {**none, f"{name}{at + 1}": (f"{name}1", f"{name}1")}


async def test_of_rooms_side_by_side_each_has_its_own_reactions_and_readers(atelier):
    rooms = await three_rooms(atelier)
    for name, room in rooms.items():
        await atelier.react("bob", f"{name}1", name)
        if name != "y":
            await atelier.mark("bob", room)
    shown = [await atelier.post(f"{name}1") for name in ROOMS]
    assert [one.reactions for one in shown] == [((name, ("bob",)),) for name in ROOMS]
    assert [one.read_by for one in shown] == [1, 0, 1]


async def test_of_those_who_react_at_once_each_process_shows_the_same_order(atelier):
    room = await atelier.room("alice", "bob")
    await atelier.say("alice", room, "m1")
    for name, emoji in (("bob", "x"), ("alice", "x"), ("bob", "y")):
        await atelier.react(name, "m1", emoji, now_ms=NOW_MS)
    assert (await atelier.post("m1")).reactions == (("x", ("alice", "bob")), ("y", ("bob",)))


async def test_a_thread_shows_nothing_that_was_withheld_or_is_over(atelier):
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.say("alice", pair, "a")
    await atelier.say("bob", pair, "fleeting", "a", ttl_ms=5)
    await atelier.home.block("bob", "alice")
    await atelier.say("alice", pair, "withheld", "a")
    assert await thread(atelier, "bob", pair, "a") == ["a", "fleeting"]
    assert await thread(atelier, "alice", pair, "a", NOW_MS + 10) == ["a", "withheld"]


async def test_a_thread_shows_nothing_of_before_one_was_there(opaque):
    room = await opaque.room("alice", "bob")
    await opaque.room("alice", "carol")  # where she was from the first
    await opaque.say("alice", room, "a")
    await opaque.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
    await opaque.say("bob", room, "b", "a")
    assert await thread(opaque, "carol", room, "b") == ["b"]


async def test_nothing_is_told_of_rooms_that_have_ended_or_are_of_no_workspace(atelier):
    room = await atelier.room("alice", "bob")
    await atelier.say("alice", room, "m1")
    await atelier.home.change("UPDATE rooms SET deleted_ms = 1 WHERE room_id = $1", room)
    elsewhere = (await atelier.home.send("alice", "bob")).message.room_id
    for one in (room, elsewhere):
        assert await atelier.posts.told_after(one, 0, 10) == ()


# --- who has read it ---


async def test_nobody_counts_among_the_readers_of_what_it_has_said_itself(atelier):
    room = await atelier.room("alice", "bob")
    await atelier.say("alice", room, "m1")
    await atelier.mark("alice", room)
    assert (await atelier.post("m1")).read_by == 0
    await atelier.mark("bob", room)
    assert (await atelier.post("m1")).read_by == 1


async def test_what_has_come_is_not_read_and_who_has_left_reads_nothing(opaque):
    rooms = [await opaque.room("alice", "bob") for _ in range(2)]
    for at, room in enumerate(rooms):
        for number in range(2):
            await opaque.say("alice", room, f"{number} of {at}")
    await opaque.home.acknowledge(phone("bob"), "1 of 0", status=Status.DELIVERED)
    await opaque.home.acknowledge(phone("bob"), "1 of 1", status=Status.READ)
    shown = [(await opaque.post(f"1 of {at}")).read_by for at in range(2)]
    assert shown == [0, 1]
    await opaque.channels.remove_member(BOB, rooms[1], BOB, NOW_MS)
    assert (await opaque.post("1 of 1")).read_by == 0


# --- under which key ---


async def test_each_message_comes_with_the_key_of_its_workspace_and_version(home):
    first = await atelier_of(home)
    second = Atelier(home, await found(home, ["bob"]))
    for one in (first, second):
        for version in (2, 3):
            await home.change(
                "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, "
                "created_ms) VALUES ($1, $2, $3, $3, 1)",
                *(one.team.id, version, f"{version} of {one.team.id}".encode()),
            )
    for number, one in enumerate((first, second)):
        await one.say("alice", await one.room("alice", "bob"), f"m{number}")
        await one.edit("alice", f"m{number}", key_version=2)
        key = (await one.post(f"m{number}", "bob")).key
        assert key is not None
        assert (key.version, key.wrapped) == (2, f"2 of {one.team.id}".encode())
