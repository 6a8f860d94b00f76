"""Who is in a workspace: by being added, or by what a token says."""

import asyncio

import pytest

from server.core.durable import Role
from server.core.errors import Code
from server.core.ids import NumericUserId, RoomId, UserId, WorkspaceId
from server.core.ports.workspaces import Departure
from server.core.workspaces.values import Standing
from server.stores.sql.steps import rows, value
from server.stores.sql.workspaces import SqlWorkspaces, leave_workspaces
from tests.stores.sql.households import NOW_MS, Household, outcomes
from tests.stores.sql.teams import KEY, Team, asks, code_of, foreigner, found, new_workspace

ALICE, BOB, CAROL = map(UserId, ("alice", "bob", "carol"))


@pytest.fixture
async def team(home) -> Team:
    """Alice owns it, Bob is a member, Carol is not in it."""
    return await found(home, ["bob"])


async def names(store: SqlWorkspaces, *who: str) -> list[str]:
    """The workspaces of somebody with what the token names."""
    return [one.workspace_id for one in await store.page(asks(*who))]


# --- made, found, left ---


async def test_whoever_makes_a_workspace_owns_it_and_finds_it_as_it_was_sealed(home):
    new = new_workspace("w")
    made = await home.workspaces.create(ALICE, new, NOW_MS)
    assert (made.name, made.key, made.role, made.members) == (new.name, new.key, Role.OWNER, 1)
    assert (made.created_by, made.created_ms) == (ALICE, NOW_MS)
    assert await home.workspaces.page(asks("alice")) == (made,)
    assert await home.workspaces.get(asks("alice"), made.workspace_id) == made
    assert await home.workspaces.key(made.workspace_id) == new.key
    assert await home.workspaces.key(made.workspace_id, 1) == new.key
    assert await code_of(home.workspaces.key(made.workspace_id, 2)) is Code.NOT_FOUND


async def test_a_workspace_comes_with_its_newest_key_and_the_older_ones_are_there(home, team):
    await home.change(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, 2, $2, $2, 1)",
        team.id,
        b"newer",
    )
    await home.change("UPDATE workspaces SET key_version = 2 WHERE workspace_id = $1", team.id)
    (listed,) = await home.workspaces.page(asks("alice"))
    got = await home.workspaces.get(asks("alice"), team.id)
    newest = await home.workspaces.key(team.id)
    assert listed.key == got.key == newest
    assert (newest.version, newest.wrapped) == (2, b"newer")
    assert (await home.workspaces.key(team.id, 1)).wrapped == KEY


async def test_for_whoever_is_not_in_a_workspace_there_is_none(team):
    store, who = team.store, asks("carol")
    assert await store.page(who) == ()
    for asked in (
        store.get(who, team.id),
        store.members(who, team.id, None, 10),
        store.set_member(who, team.id, CAROL, None, NOW_MS),
        store.set_member(who, team.id, UserId("nobody"), None, NOW_MS),
        store.remove_member(who, team.id, BOB, NOW_MS),
        store.set_standing(who, team.id, Standing.BUSY, NOW_MS),
        store.standings(who, team.id, None, 10),
    ):
        assert await code_of(asked) is Code.NOT_FOUND
    nowhere = WorkspaceId("nowhere")
    assert await code_of(store.get(asks("alice"), nowhere)) is Code.NOT_FOUND
    assert await code_of(store.set_member(who, nowhere, BOB, None, NOW_MS)) is Code.NOT_FOUND


async def test_members_are_listed_by_their_ids_in_pages_with_their_names(home, team):
    await home.workspaces.note_foreign(foreigner("7"), NOW_MS)
    await team.add("alice", "7")
    listed = await team.store.members(asks("bob"), team.id, None, 2)
    assert [(one.user_id, one.name) for one in listed] == [("7", "7 ☎"), ("alice", "alice")]
    assert type(listed[0].user_id) is NumericUserId
    rest = await team.store.members(asks("bob"), team.id, listed[-1].user_id, 2)
    assert [(one.user_id, one.role) for one in rest] == [("bob", Role.MEMBER)]


# --- what who may ---

MAY = {
    "alice": {"adds", "adds an admin", "raises", "lowers", "removes", "removes an admin"},
    "ann": {"adds", "removes"},
    "bob": set(),
}


@pytest.mark.parametrize("name", MAY)
async def test_admins_add_and_remove_members_and_owners_do_all_else(name, home):
    await home.settle("ann", "ben", "dan", "eve")
    wishes = {
        "adds": lambda team: team.add(name, "carol"),
        "adds an admin": lambda team: team.add(name, "dan", Role.ADMIN),
        "raises": lambda team: team.add(name, "eve", Role.ADMIN),
        "lowers": lambda team: team.add(name, "ben", Role.MEMBER),
        "removes": lambda team: team.remove(name, "eve"),
        "removes an admin": lambda team: team.remove(name, "ben"),
    }
    for what, wish in wishes.items():
        team = await found(home, ["bob", "eve"], ["ann", "ben"])
        if what in MAY[name]:
            await wish(team)
        else:
            before = await team.roles()
            assert await code_of(wish(team)) is Code.FORBIDDEN, what
            assert await team.roles() == before
        assert await team.count() == len(await team.roles())


async def test_asking_for_what_is_so_already_changes_nothing(home, team):
    noted = await home.count("audit")
    assert await team.add("alice", "bob") is Role.MEMBER
    assert await team.add("bob", "bob") is Role.MEMBER
    assert await team.add("bob", "alice") is Role.OWNER
    assert await team.count() == 2
    assert await home.count("audit") == noted


async def test_a_workspace_keeps_an_owner(team):
    assert await code_of(team.remove("alice", "alice")) is Code.FORBIDDEN
    assert await code_of(team.add("alice", "alice", Role.ADMIN)) is Code.FORBIDDEN
    await team.add("alice", "bob", Role.OWNER)
    await team.remove("alice", "alice")
    assert await team.roles("bob") == {"bob": Role.OWNER}
    assert await code_of(team.remove("bob", "bob")) is Code.FORBIDDEN


async def test_of_two_owners_who_leave_at_once_one_stays(databases):
    nodes = [Household(one) for one in databases]
    await nodes[0].settle("alice", "bob")
    for _ in range(5):
        team = await found(nodes[0])
        await team.add("alice", "bob", Role.OWNER)
        there = Team(nodes[1].workspaces, team.id)
        got = await outcomes(team.remove("alice", "alice"), there.remove("bob", "bob"))
        assert sorted(isinstance(one, tuple) for one in got) == [False, True]


async def test_a_member_leaves_and_comes_back_as_one_that_is_new(team):
    await team.remove("bob", "bob")
    assert await code_of(team.store.get(asks("bob"), team.id)) is Code.NOT_FOUND
    assert await team.roles() == {"alice": Role.OWNER}
    assert await code_of(team.remove("alice", "bob")) is Code.RECIPIENT_NOT_FOUND
    back = await team.store.set_member(asks("alice"), team.id, BOB, None, NOW_MS + 9)
    assert (back.role, back.joined_ms) == (Role.MEMBER, NOW_MS + 9)
    assert await team.count("bob") == 2


async def test_an_admin_who_was_removed_is_none_when_added_again(home, team):
    await team.add("alice", "bob", Role.ADMIN)
    await team.remove("alice", "bob")
    assert await team.add("alice", "bob") is Role.MEMBER


async def test_only_who_is_known_and_has_not_blocked_the_asker_is_added(home, team):
    assert await code_of(team.add("alice", "nobody")) is Code.RECIPIENT_NOT_FOUND
    await home.block("carol", "alice")
    assert await code_of(team.add("alice", "carol")) is Code.RECIPIENT_NOT_FOUND
    await home.workspaces.note_foreign(foreigner("x"), NOW_MS)
    assert await team.add("alice", "x") is Role.MEMBER
    await home.settle("dan")
    await home.change("UPDATE accounts SET deleted_ms = 1 WHERE user_id = 'dan'")
    assert await code_of(team.add("alice", "dan")) is Code.RECIPIENT_NOT_FOUND


# --- tokens of other systems ---


async def test_a_user_of_another_system_is_nobody_elses(home):
    store = home.workspaces
    await store.note_foreign(foreigner("x", "https://a.example"), NOW_MS)
    await store.note_foreign(foreigner("x", "https://a.example"), NOW_MS + 1)
    for taken in (foreigner("x"), foreigner("x", "https://b.example"), foreigner("alice")):
        assert await code_of(store.note_foreign(taken, NOW_MS + 2)) is Code.FORBIDDEN
    seen = "SELECT user_id, issuer, seen_ms FROM foreign_users"
    assert [tuple(one) for one in await home.database.read(lambda: rows(seen))] == [
        ("x", "https://a.example", NOW_MS + 1)
    ]


async def test_a_token_brings_its_user_into_the_workspaces_that_it_names(home, team):
    store, who = home.workspaces, asks("x", team.id, "their own")
    assert await store.unclaimed(who) == tuple(sorted(who.claimed))
    wanted = [new_workspace(one) for one in await store.unclaimed(who)]
    await store.claim(who, wanted, NOW_MS)
    assert await store.unclaimed(who) == ()
    assert set(await names(store, "x", *who.claimed)) == {team.id, "their own"}
    assert (await team.roles())["x"] is Role.MEMBER
    assert await team.count() == 3
    own = await store.get(who, WorkspaceId("their own"))
    assert (own.created_by, own.role, own.members) == ("x", Role.MEMBER, 1)


async def test_an_operator_owns_the_workspaces_that_its_token_brings_it_into(home):
    who = asks("x", "w", role=Role.OWNER)
    await home.workspaces.claim(who, [new_workspace("w")], NOW_MS)
    assert (await home.workspaces.get(who, WorkspaceId("w"))).role is Role.OWNER


async def test_a_token_that_names_a_workspace_no_more_opens_it_no_more(home):
    store = home.workspaces
    await store.claim(asks("x", "w"), [new_workspace("w")], NOW_MS)
    assert await names(store, "x") == []
    assert await code_of(store.get(asks("x"), WorkspaceId("w"))) is Code.NOT_FOUND
    assert (
        await code_of(store.standings(asks("x", "v"), WorkspaceId("w"), None, 10)) is Code.NOT_FOUND
    )
    assert await names(store, "x", "w") == ["w"]


async def test_a_removal_outranks_what_tokens_say_until_somebody_adds_again(home, team):
    store, who = home.workspaces, asks("x", team.id)
    await store.note_foreign(foreigner("x"), NOW_MS)
    await store.claim(who, [new_workspace(team.id)], NOW_MS)
    await team.remove("alice", "x")
    assert await store.unclaimed(who) == ()
    await store.claim(who, [new_workspace(team.id)], NOW_MS)
    assert await names(store, "x", team.id) == []
    await team.add("alice", "x")
    assert await names(store, "x") == [team.id], "without a claim, too"


async def test_a_claim_takes_nothing_from_who_was_added(home, team):
    await home.workspaces.claim(asks("alice", team.id), [new_workspace(team.id)], NOW_MS)
    assert (await team.roles())["alice"] is Role.OWNER
    assert await names(home.workspaces, "alice") == [team.id]
    assert await team.count() == 2


async def test_claims_of_many_at_once_make_one_workspace_and_count_everybody_once(databases):
    nodes = [Household(one) for one in databases]
    people = [f"p{number}" for number in range(6)]

    async def enter(name: str, node: Household) -> None:
        who = asks(name, "w1", "w2")
        wanted = [new_workspace(one) for one in ("w2", "w1")]
        await node.workspaces.claim(who, wanted, NOW_MS)

    await asyncio.gather(*(enter(one, node) for one in people for node in nodes))
    for workspace_id in ("w1", "w2"):
        made = await nodes[0].workspaces.get(asks("p0", workspace_id), WorkspaceId(workspace_id))
        assert made.members == len(people)
        assert made.key == new_workspace(workspace_id).key
        assert made.key.wrapped == KEY


# --- bounds ---


# --- leaving rooms, and the server ---


async def in_workspace(home: Household, team: Team, room: RoomId) -> RoomId:
    await home.change("UPDATE rooms SET workspace_id = $2 WHERE room_id = $1", room, team.id)
    return room


async def test_who_is_removed_leaves_the_rooms_of_the_workspace_and_no_others(home, team):
    await team.add("alice", "carol")
    shared = await in_workspace(home, team, await home.room_of("bob", "alice", "carol"))
    alone = await in_workspace(home, team, await home.room_of("bob"))
    outside = await home.room_of("bob", "alice")
    direct = (await home.send("bob", "alice")).message.room_id
    await home.change("UPDATE rooms SET workspace_id = $2 WHERE room_id = $1", direct, team.id)

    gone = await team.store.remove_member(asks("alice"), team.id, BOB, NOW_MS)
    assert gone == Departure(
        left=tuple(sorted((shared, alone, direct))),
        changed=tuple(sorted((shared, direct))),
        opaque=tuple(sorted((shared, alone, direct))),
    )
    after = await home.rooms.get(ALICE, shared)
    assert {one.user_id: one.role for one in after.participants} == {
        "alice": Role.OWNER,
        "carol": Role.MEMBER,
    }
    assert after.epoch == 2
    assert await home.rooms.rooms_of(BOB, 10) == (outside,)
    assert await home.read_by("alice", direct) != []
    ended = "SELECT deleted_ms FROM rooms WHERE room_id = $1"
    assert await home.database.read(lambda: value(ended, alone)) == NOW_MS


async def test_an_account_that_is_deleted_leaves_its_workspaces_to_those_longest_there(home):
    await home.settle("ann", "ben")
    teams = [
        await found(home, ["bob"], ["ann", "ben"]),
        await found(home, ["bob", "carol"]),
        await found(home, ["bob"], ["ann"]),
        await found(home),
    ]
    await teams[0].add("alice", "bob", Role.OWNER)
    await home.change("UPDATE workspace_members SET joined_ms = 1 WHERE user_id = 'carol'")
    await home.change(
        "UPDATE workspace_members SET joined_ms = $1 WHERE user_id = 'ann'", NOW_MS + 1
    )
    await home.database.write(lambda: leave_workspaces(ALICE, None, NOW_MS))
    assert await teams[0].roles("bob") == {
        "ann": Role.ADMIN,
        "ben": Role.ADMIN,
        "bob": Role.OWNER,
    }
    assert await teams[1].roles("carol") == {"bob": Role.MEMBER, "carol": Role.OWNER}
    assert await teams[1].count("carol") == 2
    assert await teams[2].roles("bob") == {"ann": Role.OWNER, "bob": Role.MEMBER}
    assert await names(home.workspaces, "alice") == []


# --- what they say of themselves ---


async def test_a_workspace_that_nobody_owns_gets_no_owner_by_a_member_who_goes(home, team):
    await home.change("UPDATE workspace_members SET role = 'member'")
    await home.database.write(lambda: leave_workspaces(BOB, None, NOW_MS))
    assert await team.roles() == {"alice": Role.MEMBER}


async def test_where_another_owns_it_too_nobody_becomes_owner_when_one_goes(home, team):
    await team.add("alice", "bob", Role.OWNER)
    noted = "SELECT COUNT(*) FROM audit WHERE action = 'workspace_member_role'"
    before = await home.database.read(lambda: value(noted))
    await home.database.write(lambda: leave_workspaces(ALICE, None, NOW_MS))
    assert await team.roles("bob") == {"bob": Role.OWNER}
    assert await home.database.read(lambda: value(noted)) == before


async def test_what_members_say_of_themselves_is_kept_with_when_they_were_there(team):
    await team.store.set_standing(asks("bob"), team.id, Standing.BUSY, NOW_MS + 5)
    await team.store.note_gone(team.id, [BOB, ALICE, CAROL], NOW_MS + 9)
    await team.store.note_gone(team.id, [BOB], NOW_MS + 7)
    alice, bob = await team.store.standings(asks("alice"), team.id, None, 10)
    assert (alice.user_id, alice.standing, alice.seen_ms) == (ALICE, Standing.ONLINE, NOW_MS + 9)
    assert (bob.standing, bob.said_ms, bob.seen_ms) == (Standing.BUSY, NOW_MS + 5, NOW_MS + 9)


async def test_all_that_is_done_in_a_workspace_is_noted(home, team):
    await team.add("alice", "bob", Role.ADMIN)
    await team.remove("bob", "bob")
    noted = "SELECT action, user_id, subject_id, workspace_id FROM audit WHERE workspace_id = $1"
    found_rows = await home.database.read(lambda: rows(noted, team.id))
    assert {(one[0], one[1], one[2]) for one in found_rows} == {
        ("workspace_made", "alice", None),
        ("workspace_member_added", "alice", "bob"),
        ("workspace_member_role", "alice", "bob"),
        ("workspace_member_removed", "bob", "bob"),
    }


async def test_it_is_noted_in_a_workspace_that_an_account_has_left_it_by_being_deleted(home, team):
    await team.add("alice", "bob")
    await home.database.write(lambda: leave_workspaces(BOB, None, NOW_MS + 1))
    noted = "SELECT action, user_id, subject_id, at_ms FROM audit WHERE workspace_id = $1"
    found_rows = await home.database.read(lambda: rows(noted, team.id))
    left = ("workspace_member_removed", "bob", "bob", NOW_MS + 1)
    assert left in [tuple(one) for one in found_rows]


async def test_how_somebody_stands_is_found_for_nobody_in_particular(team):
    await team.store.set_standing(asks("bob"), team.id, Standing.AWAY, NOW_MS + 1)
    (bob,) = [
        one
        for one in await team.store.standings(asks("bob"), team.id, None, 10)
        if one.user_id == BOB
    ]

    assert await team.store.standing(team.id, BOB) == bob
    assert (bob.standing, bob.said_ms) == (Standing.AWAY, NOW_MS + 1)
    assert await team.store.standing(team.id, CAROL) is None
    await team.remove("alice", "bob")
    assert await team.store.standing(team.id, BOB) is None
