"""How far everybody has read conversations of workspaces, and what is left: never off by one."""

import asyncio
import random

import pytest

from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import MessageId, UserId
from server.core.kinds import Kind
from server.stores.sql.conversations.lists import MAX_LOOKED_AT
from server.stores.sql.steps import Statement, run_many, value
from server.stores.sql.workspaces.reading import Mark, mark_all
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, Household, outcomes, phone
from tests.stores.sql.teams import asks, code_of, found

ALICE, BOB, CAROL = map(UserId, ("alice", "bob", "carol"))


@pytest.fixture
async def atelier(home) -> Atelier:
    return await atelier_of(home)


@pytest.fixture
async def room(atelier):
    """In which Alice has said five things."""
    made = await atelier.room("alice", "bob")
    for number in range(1, 6):
        await atelier.say("alice", made, f"m{number}")
    return made


async def test_what_is_read_up_to_a_message_is_not_unread(atelier, room):
    assert await atelier.unread("bob") == {room: 5}
    position = await atelier.mark("bob", room, "m3", NOW_MS + 7)
    assert (position.seq, position.unread, position.has_moved) == (3, 2, True)
    assert position.workspace_id == atelier.team.id
    assert await atelier.unread("bob") == {room: 2}
    shown = await atelier.channels.get(ALICE, room)
    assert shown.positions["bob"] == (3, NOW_MS + 7)


async def test_what_is_unread_in_a_workspace_is_what_others_said_there(atelier, room):
    elsewhere = Atelier(atelier.home, await found(atelier.home, ["bob"]))
    await elsewhere.say("alice", await elsewhere.room("alice", "bob"))
    await atelier.say("bob", await atelier.room("bob"))
    assert await atelier.unread("bob") == {room: 5}


async def test_without_a_message_all_of_it_is_read(atelier, room):
    assert (await atelier.mark("bob", room)).seq == 5
    assert await atelier.unread("bob") == {}


async def test_nobody_goes_back(atelier, room):
    await atelier.mark("bob", room, "m4", NOW_MS + 1)
    back = await atelier.mark("bob", room, "m2", NOW_MS + 2)
    assert (back.seq, back.read_ms, back.has_moved) == (4, NOW_MS + 1, False)
    assert await atelier.unread("bob") == {room: 1}


async def test_a_message_that_is_not_there_is_not_read(atelier, room):
    other = await atelier.room("alice", "bob")
    await atelier.say("alice", other, "elsewhere")
    for named in ("nothing", "elsewhere"):
        assert await code_of(atelier.mark("bob", room, named)) is Code.NOT_FOUND
    assert await code_of(atelier.mark("carol", room)) is Code.NOT_FOUND
    assert await atelier.unread("bob") == {room: 5, other: 1}


async def test_nobody_has_read_what_it_may_not_read(home):
    atelier = await atelier_of(home, is_sealed=False)
    room = await atelier.room("alice", "bob")
    await atelier.say("alice", room, "of before")
    await atelier.say("alice", room, "fleeting", ttl_ms=5)
    await atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await home.block("bob", "alice")
    await atelier.say("alice", pair, "withheld")
    unreadable = (
        ("carol", room, "of before"),
        ("bob", room, "fleeting"),
        ("bob", pair, "withheld"),
    )
    for name, where, message_id in unreadable:
        marking = atelier.mark(name, where, message_id, NOW_MS + 10)
        assert await code_of(marking) is Code.NOT_FOUND, message_id
    assert (await atelier.channels.get(BOB, pair)).positions[BOB] == (0, None)
    assert (await atelier.mark("alice", pair, "withheld")).seq == 1


async def test_own_messages_and_deleted_ones_are_not_unread(atelier, room):
    await atelier.say("bob", room, "own")
    await atelier.delete("alice", "m2")
    assert await atelier.unread("bob") == {room: 4}
    assert await atelier.unread("alice") == {room: 1}


async def test_no_more_is_counted_than_a_thousand(atelier, room):
    await atelier.home.change(
        "INSERT INTO messages (room_id, seq, message_id, sender_id, type, ciphertext, created_ms, "
        "withheld) SELECT room_id, seq + 5 * value, message_id || value, sender_id, type, "
        "ciphertext, created_ms, withheld FROM messages, "
        "(SELECT row_number() OVER () AS value FROM (SELECT 1 FROM messages a, messages b, "
        "messages c, messages d) AS many) AS numbers WHERE room_id = $1",
        room,
    )
    assert await atelier.unread("bob") == {room: 1000}


async def say_lots(atelier, room, sender: str, begin: int, count: int) -> None:
    """Put messages into a room, as many as nobody waits for here."""
    new = [
        (room, seq, f"lots {seq}", sender, b"eA==", NOW_MS) for seq in range(begin, begin + count)
    ]
    sql = (
        "INSERT INTO messages (room_id, seq, message_id, sender_id, type, ciphertext, created_ms, "
        "withheld) VALUES ($1, $2, $3, $4, 'text', $5, $6, FALSE)"
    )
    await atelier.home.database.write(lambda: run_many(sql, new))
    await atelier.home.change("UPDATE rooms SET seq = $1 WHERE room_id = $2", new[-1][1], room)


async def test_what_is_unread_is_counted_among_the_newest_two_thousand_messages(atelier, room):
    """Else all that somebody has said and not marked as read is looked through each time."""
    await say_lots(atelier, room, "bob", 6, MAX_LOOKED_AT - 2)
    assert await atelier.unread("bob") == {room: 2}
    await say_lots(atelier, room, "bob", MAX_LOOKED_AT + 4, 2)
    assert await atelier.unread("bob") == {}
    await atelier.say("alice", room, "the newest")
    assert await atelier.unread("bob") == {room: 1}


async def test_the_sender_of_an_opaque_message_can_be_told_that_it_was_read(atelier):
    room = await atelier.room("alice", "bob", is_sealed=False)
    for one in ("m1", "m2", "m3"):
        await atelier.say("alice", room, one, is_sealed=False)
    await atelier.say("bob", room, "m4", is_sealed=False)
    position = await atelier.mark("bob", room)
    assert position.newest == ("m3", 3, "alice")
    assert (await atelier.mark("bob", room)).newest is None
    await atelier.say("bob", room, "bobs last", is_sealed=False)
    position = await atelier.mark("bob", room)
    assert (position.has_moved, position.newest) == (True, None)


async def test_nobody_is_told_that_a_sealed_message_was_read(atelier, room):
    assert (await atelier.mark("bob", room)).newest is None


async def test_nobody_is_told_of_what_was_withheld_or_deleted_that_it_was_read(home):
    atelier = await atelier_of(home, is_sealed=False)
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    for one in ("m1", "m2"):
        await atelier.say("alice", pair, one)
    await atelier.delete("alice", "m2")
    await home.block("bob", "alice")
    await atelier.say("alice", pair, "withheld")
    position = await atelier.mark("bob", pair)
    assert (position.seq, position.newest) == (3, ("m1", 1, "alice"))


async def test_of_many_at_once_each_is_answered_and_the_furthest_stays(atelier, room):
    asked = [atelier.mark("bob", room, f"m{one}") for one in (2, 5, 1, 4, 3)]
    asked += [atelier.mark("alice", room), atelier.mark("carol", room)]
    found = await outcomes(*asked)
    assert isinstance(found[-1], AppError)
    assert max(one.seq for one in found[:5]) == 5
    assert await atelier.unread("bob") == {}


async def test_of_one_place_only_the_furthest_is_written(atelier, room):
    marks = [Mark(BOB, room, MessageId(f"m{one}"), NOW_MS) for one in (2, 5, 1)]
    written: list[object] = []

    def noting(steps):
        statement: Statement = next(steps)
        while True:
            if statement.sql.startswith("UPDATE"):
                written.extend(statement.many or ())
            found = yield statement
            try:
                statement = steps.send(found)
            except StopIteration as end:
                return end.value

    await atelier.home.database.write(lambda: noting(mark_all(marks, waits=True)))
    assert written == [(room, "bob", 5, NOW_MS)]


async def test_secure_chat_reads_on_from_there_and_moves_it(home):
    atelier = await atelier_of(home, is_sealed=False)
    room = await atelier.room("alice", "bob")
    for one in ("m1", "m2", "m3"):
        await atelier.say("alice", room, one)
    await atelier.mark("bob", room, "m1")
    await home.acknowledge(phone("bob"), "m3", status=Status.READ)
    assert await atelier.unread("bob") == {room: 1}
    await home.acknowledge(phone("bob"), "m2", status=Status.READ)
    assert (await atelier.channels.get(ALICE, room)).positions[BOB][0] == 3
    assert await atelier.unread("bob") == {}


# --- and whatever is done in whatever order ---


class World:
    """What ought to be unread, said as plainly as possible."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, bool]] = []  # id, sender, deleted
        self.read: dict[str, int] = {"alice": 0}

    def unread(self, user: str) -> int:
        behind = self.messages[self.read[user] :]
        return sum(sender != user and not deleted for _, sender, deleted in behind)


async def act(world: World, ateliers: list[Atelier], room, dice: random.Random) -> None:
    atelier = dice.choice(ateliers)
    user = dice.choice(("alice", "bob", "carol"))
    if user not in world.read:
        await atelier.channels.add_member(asks("alice"), room, UserId(user), None, NOW_MS)
        world.read[user] = len(world.messages)
        return
    what = dice.choice(("send", "send", "send", "delete", "read", "read", "leave"))
    if what == "send":
        message_id = f"m{len(world.messages)}"
        await atelier.say(user, room, message_id)
        world.messages.append((message_id, user, False))
    elif what == "delete" and world.messages:
        at = dice.randrange(len(world.messages))
        message_id, sender, _ = world.messages[at]
        if sender == user or user == "alice":
            await atelier.delete(user, message_id)
            world.messages[at] = (message_id, sender, True)
    elif what == "read" and world.messages:
        at = dice.randrange(len(world.messages))
        await atelier.mark(user, room, world.messages[at][0])
        world.read[user] = max(world.read[user], at + 1)
    elif what == "leave" and user != "alice":
        await atelier.channels.remove_member(UserId(user), room, UserId(user), NOW_MS)
        del world.read[user]


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_unread_is_exact_whoever_sends_deletes_reads_comes_and_goes(databases, seed):
    homes = [Household(one) for one in databases]
    await homes[0].settle("alice", "bob", "carol")
    first = await atelier_of(homes[0])
    ateliers = [first, Atelier(homes[1], first.team)]
    room = await first.room("alice")
    world, dice = World(), random.Random(seed)
    for _ in range(60):
        await act(world, ateliers, room, dice)
        for user in world.read:
            found = await dice.choice(ateliers).unread(user)
            assert found.get(room, 0) == world.unread(user), (user, world.messages)


async def test_whatever_comes_in_at_once_from_two_processes_all_of_it_is_counted(databases):
    homes = [Household(one) for one in databases]
    await homes[0].settle("alice", "bob", "carol")
    first = await atelier_of(homes[0])
    second = Atelier(homes[1], first.team)
    room = await first.room("alice", "bob", "carol")
    said = [one.say("alice", room, f"{at}") for at, one in enumerate((first, second) * 10)]
    reading = [one.mark("bob", room) for one in (first, second) * 5]
    await asyncio.gather(*said, *reading)
    read_seq = "SELECT read_seq FROM room_members WHERE user_id = 'bob' AND room_id = $1"
    stands = await homes[0].database.read(lambda: value(read_seq, room))
    assert await second.unread("bob") == ({room: 20 - stands} if stands < 20 else {})
    assert await first.unread("carol") == {room: 20}
    assert (await second.mark("bob", room)).unread == 0
