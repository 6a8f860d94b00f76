"""Who may come into workspaces, and what of them is readable in the database."""

import pytest
from msgspec import structs

from server.core.durable import Role
from server.core.errors import Code
from server.core.identity import User
from server.core.ids import NumericUserId, UserId, WorkspaceId
from server.core.limits import Rate, Rates
from server.core.workspaces.workspaces import KNOWN_MS, MAX_KNOWN
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import rows, run
from tests.core.visitors import refused

TEAM = WorkspaceId("team")


@pytest.fixture
async def core(open_core):
    one = open_core(rates=Rates(converse=Rate(60, 3)))
    await one.database.start()
    await migrate(one.database)
    yield one
    await one.database.close()


def of_account(user_id):
    return User(user_id=UserId(user_id), login=user_id, expires_ms=None, family_id="a sign-in")


def elsewhere(user_id, *workspace_ids, **more):
    """A user of another system."""
    named = tuple(map(WorkspaceId, workspace_ids))
    known = user_id if isinstance(user_id, UserId) else UserId(user_id)
    return User(user_id=known, login=str(known), expires_ms=None, workspace_ids=named, **more)


async def read(core, sql):
    return [tuple(one) for one in await core.database.read(lambda: rows(sql))]


async def test_names_of_workspaces_are_read_by_members_and_by_nobody_in_the_database(core):
    made = await core.workspaces.create(of_account("alice"), "Grüße ☎")
    assert (made.name, made.role) == ("Grüße ☎", Role.OWNER)
    assert await core.workspaces.page(of_account("alice")) == (made,)
    assert await core.workspaces.get(of_account("alice"), made.workspace_id) == made
    ((sealed,),) = await read(core, "SELECT name FROM workspaces")
    assert "Grüße".encode() not in sealed
    assert len(sealed) > len("Grüße ☎".encode())


async def test_the_name_of_one_workspace_is_not_shown_as_that_of_another(core):
    alice = of_account("alice")
    one, other = [await core.workspaces.create(alice, name) for name in ("one", "other")]
    swap = "UPDATE workspaces SET name = (SELECT name FROM workspaces WHERE workspace_id = $2)"
    await core.database.write(
        lambda: run(f"{swap} WHERE workspace_id = $1", one.workspace_id, other.workspace_id)
    )
    names = {shown.workspace_id: shown.name for shown in await core.workspaces.page(alice)}
    assert names == {one.workspace_id: "", other.workspace_id: "other"}


async def test_guests_are_in_no_workspace(core):
    guest = structs.replace(elsewhere("g", "team"), is_guest=True)
    for asked in (core.workspaces.create(guest, "w"), core.workspaces.page(guest)):
        assert (await refused(asked)).code is Code.FORBIDDEN
    assert await read(core, "SELECT * FROM foreign_users") == []


async def test_a_user_of_another_system_exists_from_its_first_question_on(core):
    assert await core.workspaces.page(elsewhere(NumericUserId(7))) == ()
    noted = await read(core, "SELECT user_id, is_numeric, name FROM foreign_users")
    assert [(one, bool(is_numeric), name) for one, is_numeric, name in noted] == [("7", True, b"7")]
    alice = of_account("alice")
    made = await core.workspaces.create(alice, "w")
    added = await core.workspaces.set_member(alice, made.workspace_id, UserId("7"), None)
    assert added.user_id == NumericUserId(7)
    assert type(added.user_id) is NumericUserId


async def test_a_token_opens_the_workspaces_that_it_names_and_those_have_names(core):
    (found,) = await core.workspaces.page(elsewhere("x", "team"))
    assert (found.workspace_id, found.name, found.role) == (TEAM, "team", Role.MEMBER)
    (same,) = await core.workspaces.page(elsewhere("y", "team", is_operator=True))
    assert (same.role, same.members, same.created_by) == (Role.OWNER, 2, "x")
    gone = core.workspaces.get(elsewhere("x"), TEAM)
    assert (await refused(gone)).code is Code.NOT_FOUND


async def test_what_a_token_of_an_account_names_counts_for_nothing(core):
    account = structs.replace(of_account("alice"), workspace_ids=(TEAM,))
    assert await core.workspaces.page(account) == ()


async def test_who_is_known_is_noted_again_only_after_a_while(core, clock):
    for _ in range(3):
        await core.workspaces.page(elsewhere("x", "team"))
        clock.advance(ms=KNOWN_MS // 3)
    first_ms = clock.now_ms() - KNOWN_MS // 3 * 3
    assert await read(core, "SELECT seen_ms FROM foreign_users") == [(first_ms,)]
    clock.advance(ms=KNOWN_MS)
    await core.workspaces.page(elsewhere("x", "team"))
    assert await read(core, "SELECT seen_ms FROM foreign_users") == [(clock.now_ms(),)]


async def test_a_token_that_names_more_than_the_last_one_is_looked_at_at_once(core):
    await core.workspaces.page(elsewhere("x", "team"))
    found = await core.workspaces.page(elsewhere("x", "team", "another"))
    assert sorted(one.workspace_id for one in found) == ["another", "team"]


async def test_no_more_users_are_remembered_than_the_bound(core):
    for number in range(MAX_KNOWN):
        core.workspaces._remember((UserId(str(number)), "", False, frozenset()), 1)
    await core.workspaces.page(elsewhere("x"))
    assert len(core.workspaces._known) == 1


async def test_users_of_two_issuers_are_never_one(core):
    await core.workspaces.page(elsewhere("x", issuer="https://a.example"))
    for other in (elsewhere("x"), elsewhere("x", issuer="https://b.example")):
        assert (await refused(core.workspaces.page(other))).code is Code.FORBIDDEN


async def test_making_and_adding_have_a_rate(core):
    alice = of_account("alice")
    made = await core.workspaces.create(alice, "w")
    for _ in range(2):
        await core.workspaces.set_member(alice, made.workspace_id, UserId("alice"), None)
    wish = core.workspaces.set_member(alice, made.workspace_id, UserId("alice"), None)
    assert (await refused(wish)).code is Code.RATE_LIMITED
    assert (await refused(core.workspaces.create(alice, "w"))).code is Code.RATE_LIMITED
