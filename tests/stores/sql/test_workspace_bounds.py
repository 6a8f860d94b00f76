"""How many are in a workspace, and in how many workspaces somebody is."""

from server.core.durable import Role
from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.limits import Bounds
from tests.stores.sql.households import NOW_MS, Household, outcomes
from tests.stores.sql.teams import Team, asks, code_of, found, new_workspace

ALICE, BOB = map(UserId, ("alice", "bob"))


async def test_a_workspace_never_holds_more_than_its_bound_however_they_come(databases):
    nodes = [Household(one, Bounds(workspace_members=3)) for one in databases]
    await nodes[0].settle("alice", "b1", "b2", "b3")
    team = await found(nodes[0])
    other = Team(nodes[1].workspaces, team.id)
    wanted = [new_workspace(team.id)]
    got = await outcomes(
        team.add("alice", "b1"),
        other.add("alice", "b2"),
        team.add("alice", "b3"),
        other.store.claim(asks("c1", team.id), wanted, NOW_MS),
        team.store.claim(asks("c2", team.id), wanted, NOW_MS),
    )
    refused = [one.code for one in got if isinstance(one, AppError)]
    assert set(refused) <= {Code.LIMIT_REACHED}
    assert len(await team.roles()) == await team.count() == 3
    await team.remove("alice", next(one for one in await team.roles() if one != "alice"))
    await team.store.claim(asks("c3", team.id), wanted, NOW_MS)
    assert "c3" in await team.roles()


async def test_nobody_is_in_more_workspaces_than_the_bound_or_makes_more(databases):
    bounds = Bounds(workspaces_per_user=3, workspaces_by_user=2)
    nodes = [Household(one, bounds) for one in databases]
    await nodes[0].settle("alice", "bob")
    made = await outcomes(
        *(node.workspaces.create(ALICE, new_workspace(), NOW_MS) for node in nodes * 3)
    )
    refused = [one.code for one in made if isinstance(one, AppError)]
    assert refused == [Code.TOO_MANY_ROOMS] * 4
    teams = [await _team_of_bob(nodes[0]) for _ in range(2)]
    assert await teams[0].add("bob", "alice") is Role.MEMBER
    assert await code_of(teams[1].add("bob", "alice")) is Code.LIMIT_REACHED
    await teams[0].remove("alice", "alice")
    assert await teams[1].add("bob", "alice") is Role.MEMBER
    making = nodes[0].workspaces.create(ALICE, new_workspace(), NOW_MS)
    assert await code_of(making) is Code.TOO_MANY_ROOMS


async def _team_of_bob(home: Household) -> Team:
    made = await home.workspaces.create(BOB, new_workspace(), NOW_MS)
    return Team(home.workspaces, made.workspace_id)


async def test_who_is_in_as_many_as_may_be_makes_none(database):
    home = Household(database, Bounds(workspaces_per_user=2))
    await home.settle("alice", "bob")
    teams = [await _team_of_bob(home) for _ in range(2)]
    for one in teams:
        await one.add("bob", "alice")
    making = home.workspaces.create(ALICE, new_workspace(), NOW_MS)
    assert await code_of(making) is Code.TOO_MANY_ROOMS
    await teams[0].remove("alice", "alice")
    await home.workspaces.create(ALICE, new_workspace(), NOW_MS)
