"""Into how many workspaces, and conversations there, strangers can put somebody."""

import asyncio

import pytest

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import rows
from server.stores.sql.workspaces import SqlWorkspaces
from tests.stores.sql.channels import Atelier
from tests.stores.sql.households import NOW_MS, Household
from tests.stores.sql.teams import Team, asks, code_of, foreigner, new_workspace

BOUNDS = Bounds(
    workspaces_by_stranger=2,
    workspaces_by_strangers=3,
    rooms_by_stranger=1,
    rooms_by_strangers=2,
    requests_by_strangers=1,
)

BOB = UserId("bob")


class Town:
    """Alice, Bob, Carol and Dan, who do not know each other and make workspaces."""

    def __init__(self, home: Household) -> None:
        self.home = home
        self.store = SqlWorkspaces(home.database, BOUNDS)

    async def team(self, owner: str, *members: str) -> Team:
        made = await self.store.create(UserId(owner), new_workspace(), NOW_MS)
        team = Team(self.store, made.workspace_id)
        for one in members:
            await team.add(owner, one)
        return team

    async def room(self, team: Team, by: str, *members: str, **other) -> RoomId:
        return await Atelier(self.home, team).room(by, *members, **other)

    async def say(self, team: Team, by: str, room: RoomId) -> None:
        await Atelier(self.home, team).say(by, room)

    async def unasked(self, room: RoomId) -> set[str]:
        sql = "SELECT user_id FROM room_members WHERE room_id = $1 AND unasked"
        found = await self.home.database.read(lambda: rows(sql, room))
        return {name for (name,) in found}


@pytest.fixture
async def town(database) -> Town:
    await migrate(database)
    home = Household(database, BOUNDS)
    await home.settle("alice", "bob", "carol", "dan")
    return Town(home)


async def test_one_stranger_puts_somebody_into_so_many_workspaces_and_all_into_so_many(town):
    first = await town.team("bob", "alice")
    await town.team("bob", "alice")
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED
    await town.team("carol", "alice")
    assert await code_of(town.team("dan", "alice")) is Code.LIMIT_REACHED
    await town.team("alice", "bob")  # what it makes itself is another matter

    await first.remove("alice", "alice")
    await town.team("dan", "alice")


async def test_of_strangers_who_come_at_once_no_more_get_in_than_the_bound(town):
    teams = [await town.team(name) for name in ("bob", "bob", "carol", "carol", "dan", "dan")]
    owners = ("bob", "bob", "carol", "carol", "dan", "dan")
    adding = [team.add(by, "alice") for team, by in zip(teams, owners, strict=True)]
    done = await asyncio.gather(*adding, return_exceptions=True)
    refused = [one.code for one in done if isinstance(one, AppError)]
    assert refused == [Code.LIMIT_REACHED] * 3


async def test_whoever_somebody_has_written_to_or_let_in_is_no_stranger(town):
    await town.home.send("alice", "bob")
    await town.team("alice", "carol")
    for _ in range(BOUNDS.workspaces_by_strangers + 1):
        await town.team("bob", "alice")
        await town.team("carol", "alice")


async def test_who_shares_a_workspace_with_somebody_who_takes_part_there_is_no_stranger(town):
    shared = await town.team("dan", "alice", "bob")
    for _ in range(BOUNDS.workspaces_by_stranger):
        await town.team("bob", "alice")
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED
    room = await town.room(shared, "dan", "alice", "bob")
    await town.say(shared, "alice", room)
    for _ in range(BOUNDS.workspaces_by_strangers):
        await town.team("bob", "alice")


async def test_who_was_removed_from_it_or_has_removed_itself_shares_no_workspace(town):
    team = await town.team("alice", "bob")
    await team.remove("alice", "bob")
    for _ in range(BOUNDS.workspaces_by_stranger):
        await town.team("bob", "alice")
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED


async def test_who_has_left_it_shares_none_with_those_who_are_still_there(town):
    team = await town.team("dan", "alice", "bob")
    await town.say(team, "alice", await town.room(team, "dan", "alice"))
    await team.remove("alice", "alice")
    for _ in range(BOUNDS.workspaces_by_stranger):
        await town.team("bob", "alice")
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED


async def test_who_comes_back_by_a_stranger_is_unasked_and_counts_for_that_one(town):
    await town.home.send("alice", "dan")
    team = await town.team("dan", "alice")
    await team.add("dan", "bob", Role.ADMIN)
    await team.remove("alice", "alice")
    await team.add("bob", "alice")
    assert await town.unasked(await town.room(team, "dan", "alice")) == {"alice"}
    await town.team("bob", "alice")
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED


@pytest.mark.parametrize("is_sealed", [True, False])
async def test_a_workspace_in_which_somebody_has_said_something_counts_no_more(town, is_sealed):
    teams = [await town.team("bob", "alice") for _ in range(BOUNDS.workspaces_by_stranger)]
    room = await town.room(teams[0], "bob", "alice", is_sealed=is_sealed)
    assert await code_of(town.team("bob", "alice")) is Code.LIMIT_REACHED
    await Atelier(town.home, teams[0], is_sealed=is_sealed).say("alice", room)
    assert await town.unasked(room) == set()
    await town.team("bob", "alice")


async def test_who_makes_a_conversation_there_takes_part(town):
    team = await town.team("bob", "alice")
    await town.room(team, "alice", "bob")
    for _ in range(BOUNDS.workspaces_by_strangers + 1):
        await town.team("bob", "alice")


async def test_who_comes_into_a_document_of_its_own_takes_part(town):
    team = await town.team("bob", "alice", "carol")
    document = {"kind": Kind.DOCUMENT, "document_id": "d"}
    room = await town.room(team, "bob", **document)
    await town.room(team, "alice", **document)
    await Atelier(town.home, team).channels.add_member(
        asks("carol"), room, UserId("carol"), None, NOW_MS
    )
    assert await town.unasked(room) == set()


async def test_users_of_other_systems_are_bounded_as_well(town):
    await town.store.note_foreign(foreigner("eve"), NOW_MS)
    for _ in range(BOUNDS.workspaces_by_stranger):
        await town.team("bob", "eve")
    assert await code_of(town.team("bob", "eve")) is Code.LIMIT_REACHED
    claimed = new_workspace()
    await town.store.claim(asks("eve", claimed.workspace_id), [claimed], NOW_MS)


# --- conversations of these workspaces ---


async def test_whom_a_stranger_has_put_there_is_no_acquaintance_by_a_conversation(town):
    team = await town.team("bob", "alice")
    room = await town.room(team, "bob", "alice", is_sealed=False)
    assert await town.unasked(room) == {"alice"}
    assert await town.home.rooms.acquaintances(UserId("alice"), 10) == ()
    await town.home.room_of("bob", "alice")
    assert await code_of(town.home.room_of("bob", "alice")) is Code.LIMIT_REACHED


async def test_strangers_put_somebody_into_so_many_conversations_of_workspaces(town):
    team = await town.team("bob", "alice", "carol")
    for _ in range(BOUNDS.rooms_by_strangers):
        await town.room(team, "bob", "alice")
    assert await code_of(town.room(team, "bob", "alice")) is Code.LIMIT_REACHED
    alone = await town.room(team, "bob")
    channels = Atelier(town.home, team).channels
    adding = channels.add_member(asks("bob"), alone, UserId("alice"), None, NOW_MS)
    assert await code_of(adding) is Code.LIMIT_REACHED
    await town.room(team, "carol", "alice", kind=Kind.DIRECT)
    await town.room(team, "alice")
    await channels.add_member(asks("bob"), alone, UserId("alice"), None, NOW_MS)


async def test_what_somebody_says_in_one_workspace_is_nothing_to_another(town):
    one, other = await town.team("bob", "alice"), await town.team("carol", "alice")
    await town.say(one, "alice", await town.room(one, "bob", "alice"))
    assert await town.unasked(await town.room(other, "carol", "alice")) == {"alice"}


async def test_no_other_rooms_count_among_these(town):
    await town.home.send("alice", "dan")
    friends = await town.team("dan", "alice")
    for _ in range(BOUNDS.rooms_by_strangers):
        await town.room(friends, "dan", "alice")
    await town.home.room_of("bob", "alice")
    team = await town.team("bob", "alice", "carol")
    for name in ("bob", "carol"):
        await town.room(team, name, "alice", kind=Kind.DIRECT)
    for _ in range(BOUNDS.rooms_by_strangers):
        await town.room(team, "bob", "alice")
    assert await code_of(town.room(team, "bob", "alice")) is Code.LIMIT_REACHED


async def test_they_do_not_count_among_what_strangers_elsewhere_may(town):
    team = await town.team("bob", "alice")
    await town.room(team, "bob", "alice", is_sealed=False)
    await town.room(team, "bob", "alice", kind=Kind.DIRECT, is_sealed=False)
    await town.home.room_of("bob", "alice")
    await town.home.send("carol", "alice")


async def test_who_comes_back_into_a_direct_one_by_another_is_still_unasked(town):
    team = await town.team("bob", "alice")
    pair = await town.room(team, "bob", "alice", kind=Kind.DIRECT)
    await team.remove("bob", "alice")
    await team.add("bob", "alice")
    assert await town.room(team, "bob", "alice", kind=Kind.DIRECT) == pair
    assert await town.unasked(pair) == {"alice"}
