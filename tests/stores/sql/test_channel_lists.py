"""Lists of conversations of workspaces: which come, in which order, and what they show."""

import pytest

from server.core.ids import UserId
from server.core.kinds import Kind
from server.core.ports.channels import LISTED_MEMBERS, ListedChannel
from server.stores.sql.steps import Statement
from server.stores.sql.workspaces import listing
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS
from tests.stores.sql.teams import asks, found

ALICE, BOB = map(UserId, ("alice", "bob"))


@pytest.fixture
async def atelier(home) -> Atelier:
    return await atelier_of(home)


async def test_a_list_has_the_most_active_first_page_by_page_and_of_one_workspace(atelier):
    rooms = [await atelier.room("alice", "bob") for _ in range(3)]
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.say("alice", rooms[1], "m1", now_ms=NOW_MS + 10)
    await atelier.say("bob", rooms[0], "m2", now_ms=NOW_MS + 20)
    assert (await atelier.listed("alice"))[:2] == [rooms[0], rooms[1]]
    assert set(await atelier.listed("alice")) == {*rooms, pair}
    assert await atelier.listed("alice", kind=Kind.DIRECT) == [pair]
    page, has_more = await atelier.channels.page(
        asks("alice"), atelier.team.id, None, None, 1, NOW_MS + 20
    )
    assert has_more
    (first,) = page
    assert (first.last.message.message_id, first.unread) == ("m2", 1)
    assert first.last.key is not None
    rest = await atelier.listed("alice", before=first.place)
    assert len(rest) == 3
    assert rest[0] == rooms[1]
    elsewhere = await atelier.home.room_of("alice", "bob")
    assert elsewhere not in await atelier.listed("alice", workspace_id=None)


async def test_a_list_names_the_first_members_and_the_asker_and_says_how_many_there_are(atelier):
    rooms = [await atelier.room("bob", "alice") for _ in range(2)]
    crowd = [f"m{number:02}" for number in range(LISTED_MEMBERS)]
    for name in crowd:
        await atelier.home.change(
            "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, read_seq) "
            "VALUES ($1, $2, 'member', 1, 0, 7)",
            rooms[0],
            name,
        )
    page, _ = await atelier.channels.page(asks("alice"), None, None, None, 10, NOW_MS)
    shown = {one.channel.conversation.room_id: one for one in page}
    assert [_named(shown[room]) for room in rooms] == [[*crowd, "alice"], ["alice", "bob"]]
    assert [shown[room].members for room in rooms] == [LISTED_MEMBERS + 2, 2]
    positions = shown[rooms[0]].channel.positions
    assert {one: positions[one][0] for one in positions} == {**dict.fromkeys(crowd, 7), "alice": 0}


def _named(listed: ListedChannel) -> list[str]:
    return [one.user_id for one in listed.channel.conversation.participants]


async def test_a_page_that_is_full_says_that_there_is_more(atelier, monkeypatch):
    rooms = [await atelier.room("alice") for _ in range(3)]
    for later_ms, room in enumerate(reversed(rooms)):
        await atelier.say("alice", room, now_ms=NOW_MS + later_ms, ciphertext="x" * 100)
    monkeypatch.setattr(listing, "MAX_PAGE_BYTES", 150)
    wish = (asks("alice"), atelier.team.id, None)
    page, has_more = await atelier.channels.page(*wish, None, 3, NOW_MS)
    assert ([one.channel.conversation.room_id for one in page], has_more) == (rooms[:2], True)
    page, has_more = await atelier.channels.page(*wish, page[-1].place, 3, NOW_MS)
    assert ([one.channel.conversation.room_id for one in page], has_more) == (rooms[2:], False)


async def test_a_list_of_a_workspace_has_nothing_of_another(atelier):
    here = await atelier.room("alice", "bob")
    elsewhere = Atelier(atelier.home, await found(atelier.home, ["bob"]))
    there = await elsewhere.room("alice", "bob")
    assert await atelier.listed("bob") == [here]
    assert await elsewhere.listed("bob") == [there]
    assert set(await atelier.listed("bob", workspace_id=None)) == {here, there}


async def test_a_list_shows_of_each_conversation_who_is_there_and_how_far_each_has_read(atelier):
    rooms = [await atelier.room("alice", *others) for others in (("bob",), ("carol", "bob"), ())]
    for room in rooms:
        for number in range(2):
            await atelier.say("alice", room, f"{number} in {room}")
    await atelier.mark("bob", rooms[0], f"0 in {rooms[0]}", NOW_MS + 5)
    await atelier.mark("bob", rooms[1], None, NOW_MS + 6)
    page, _ = await atelier.channels.page(asks("alice"), None, None, None, 10, NOW_MS)
    shown = {one.channel.conversation.room_id: one.channel for one in page}
    for room in rooms:
        assert shown[room] == await atelier.channels.get(ALICE, room)
    assert shown[rooms[0]].positions == {"alice": (0, None), "bob": (1, NOW_MS + 5)}
    assert shown[rooms[1]].positions[BOB] == (2, NOW_MS + 6)


async def test_members_of_a_list_are_read_once(atelier):
    for _ in range(3):
        await atelier.room("alice", "bob", "carol")
    steps = listing.page(asks("alice"), atelier.team.id, None, None, 10, NOW_MS)
    asked: list[Statement] = []

    def noting():
        statement = next(steps)
        while True:
            asked.append(statement)
            found = yield statement
            try:
                statement = steps.send(found)
            except StopIteration as end:
                return end.value

    await atelier.home.database.read(noting)
    of_members = [one for one in asked if "room_members" in one.sql and "LIMIT" not in one.sql]
    assert len(of_members) == 1
