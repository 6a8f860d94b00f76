"""Workspaces and who is in them, over HTTP."""

from typing import Any

import pytest

from tests.apis.session_relay.sessions import configured
from tests.apis.workspaces.people import Colleague
from tests.issuers import by_secret
from tests.servers import SECRET

NOBODY = "019a9d3e-0000-7000-8000-000000000000"


async def test_a_workspace_is_told_as_the_contract_has_it(alice, acme, clock):
    (shown,) = await alice.workspaces()
    at = {name: shown.pop(name) for name in ("createdAt", "updatedAt")}
    assert at["createdAt"] == at["updatedAt"]
    assert at["createdAt"].endswith("Z")
    assert shown == {
        "id": acme,
        "name": "Acme",
        "createdById": alice.user_id,
        "role": "OWNER",
        "memberCount": 1,
    }


async def test_whoever_is_added_sees_the_workspace_and_its_members(alice, bob, acme):
    body = {"userId": bob.user_id}
    status, answer = await alice.ask("POST", f"/chat/workspaces/{acme}/members", body)
    assert (status, answer["success"], answer["member"]["role"]) == (200, True, "MEMBER")
    (shown,) = await bob.workspaces()
    assert (shown["id"], shown["role"], shown["memberCount"]) == (acme, "MEMBER", 2)
    _, answer = await bob.ask("GET", f"/chat/workspaces/{acme}/members")
    assert {(one["userId"], one["name"]) for one in answer["members"]} == {
        (alice.user_id, "alice"),
        (bob.user_id, "bob"),
    }
    assert answer["nextCursor"] is None


async def test_members_come_page_by_page_each_once(alice, bob, carol, acme):
    for one in (bob, carol):
        assert await alice.adds(acme, one) == 200
    seen, cursor = [], ""
    for _ in range(3):
        _, answer = await bob.ask("GET", f"/chat/workspaces/{acme}/members?limit=1{cursor}")
        seen += [one["userId"] for one in answer["members"]]
        cursor = f"&cursor={answer['nextCursor']}"
    assert answer["nextCursor"] is None
    assert seen == sorted([alice.user_id, bob.user_id, carol.user_id])


async def test_whoever_is_removed_is_out_and_may_come_back(alice, bob, acme):
    await alice.adds(acme, bob)
    assert await alice.removes(acme, bob) == 200
    assert await bob.workspaces() == []
    assert (await bob.ask("GET", f"/chat/workspaces/{acme}/members"))[0] == 404
    assert await alice.adds(acme, bob) == 200
    assert len(await bob.workspaces()) == 1


async def test_the_last_owner_stays_until_somebody_else_owns_it(alice, bob, acme):
    await alice.adds(acme, bob)
    assert await alice.removes(acme, alice) == 403
    assert await alice.adds(acme, alice, "MEMBER") == 403
    assert await alice.adds(acme, bob, "OWNER") == 200
    assert await alice.removes(acme, alice) == 200
    (shown,) = await bob.workspaces()
    assert (shown["role"], shown["memberCount"]) == ("OWNER", 1)


# --- rights: PLAN of each operation by each of them ---

CALLERS = ("owner", "admin", "member", "outsider", "of another", "guest", "nobody")

RIGHTS: dict[str, tuple[int, ...]] = {
    "list members": (200, 200, 200, 404, 404, 403, 401),
    "add a member": (200, 200, 403, 404, 404, 403, 401),
    "add an admin": (200, 403, 403, 404, 404, 403, 401),
    "make a member owner": (200, 403, 403, 404, 404, 403, 401),
    "remove a member": (200, 200, 403, 404, 404, 403, 401),
    "remove an admin": (200, 403, 403, 404, 404, 403, 401),
    "leave": (200, 200, 200, 404, 404, 403, 401),
    "list workspaces": (200, 200, 200, 200, 200, 403, 401),
    "make one": (201, 201, 201, 201, 201, 403, 401),
    "add who is not there": (404, 404, 403, 404, 404, 403, 401),
}


def operation(name: str, acme: str, team: dict[str, Colleague], caller: Colleague) -> Any:
    """Method, path and body."""
    members = f"/chat/workspaces/{acme}/members"
    adding = {
        "add a member": ("new", None),
        "add an admin": ("new", "ADMIN"),
        "make a member owner": ("another member", "OWNER"),
    }
    removing = {"remove a member": "another member", "remove an admin": "another admin"}
    if name in adding:
        who, role = adding[name]
        return "POST", members, {"userId": team[who].user_id, "role": role}
    if name in removing:
        return "DELETE", f"{members}/{team[removing[name]].user_id}", None
    return {
        "list members": ("GET", members, None),
        "leave": ("DELETE", f"{members}/{caller.user_id}", None),
        "list workspaces": ("GET", "/chat/workspaces", None),
        "make one": ("POST", "/chat/workspaces", {"name": "Another"}),
        "add who is not there": ("POST", members, {"userId": NOBODY}),
    }[name]


@pytest.fixture
async def team(open_account, alice, acme, http) -> dict[str, Colleague]:
    """One of each kind."""
    people = {"owner": alice}
    for name, role in (
        ("admin", "ADMIN"),
        ("member", "MEMBER"),
        ("another admin", "ADMIN"),
        ("another member", "MEMBER"),
        ("another owner", "OWNER"),
    ):
        people[name] = await open_account(name.replace(" ", "-"))
        assert await alice.adds(acme, people[name], role) == 200
    for name in ("outsider", "of another", "new"):
        people[name] = await open_account(name.replace(" ", "-"))
    await people["of another"].makes_workspace("Another")
    _, guest = await people["owner"].ask("POST", "/api/auth/guest", {})
    people["guest"] = Colleague(http, guest["user"]["id"], guest["token"])
    people["nobody"] = Colleague(http, NOBODY, None)
    return people


@configured(RATE_LIMITS="off")
@pytest.mark.parametrize("name", RIGHTS)
async def test_each_may_what_its_role_says_and_no_more(name, acme, team):
    # From those who may least: what one of them does, the next must find as it was.
    answered = {}
    for caller in reversed(CALLERS):
        status, _ = await team[caller].ask(*operation(name, acme, team, team[caller]))
        answered[caller] = status
        if status == 200 and name != "list members":
            await restore(acme, team)
    assert tuple(answered[caller] for caller in CALLERS) == RIGHTS[name]


async def restore(acme: str, team: dict[str, Colleague]) -> None:
    """Have everybody be again what it was."""
    owner = team["another owner"]
    await owner.removes(acme, team["new"])
    for name in ("owner", "admin", "member", "another admin", "another member"):
        role = name.removeprefix("another ").upper()
        assert await owner.adds(acme, team[name], role) == 200


# --- what tokens of other systems name ---


def of_another_system(http: Any, user: str | int, **claims: Any) -> Colleague:
    return Colleague(http, user, by_secret({"sub": user, **claims}, SECRET.encode()))


async def test_a_token_of_another_system_leads_into_the_workspaces_that_it_names(http, server):
    dave = of_another_system(http, 7, login="Dave", workspaceIds=["acme", "beta"])
    erin = of_another_system(http, "erin", workspaceId="acme")
    assert [one["id"] for one in await dave.workspaces()] == ["acme", "beta"]
    assert [one["id"] for one in await erin.workspaces()] == ["acme"]
    _, answer = await erin.ask("GET", "/chat/workspaces/acme/members")
    assert {(one["userId"], one["name"]) for one in answer["members"]} >= {(7, "Dave")}
    assert (await erin.ask("GET", "/chat/workspaces/beta/members"))[0] == 404


async def test_who_was_removed_is_out_whatever_its_token_names(http, alice, acme):
    dave = of_another_system(http, "dave", workspaceId=acme)
    assert [one["id"] for one in await dave.workspaces()] == [acme]
    assert await alice.removes(acme, dave) == 200
    assert await dave.workspaces() == []


async def test_a_token_of_another_system_is_nobodys_account_here(http, alice):
    forged = of_another_system(http, alice.user_id, workspaceId="acme")
    assert (await forged.ask("GET", "/chat/workspaces"))[0] == 403


@pytest.mark.at_the_door
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/chat/workspaces", {}),
        ("POST", "/chat/workspaces", {"name": 7}),
        ("POST", "/chat/workspaces", {"name": " \u200b"}),
        ("POST", "/chat/workspaces", {"name": "x" * 10_000}),
        ("POST", "/chat/workspaces/{}/members", {}),
        ("POST", "/chat/workspaces/{}/members", {"userId": NOBODY, "role": "member"}),
        ("GET", "/chat/workspaces/{}/members?limit=0", None),
        ("GET", "/chat/workspaces/{}/members?limit=201", None),
    ],
)
async def test_what_is_not_right_is_refused_by_name(alice, acme, method, path, body):
    status, problem = await alice.ask(method, path.format(acme), body)
    assert (status, problem["code"]) == (400, "invalid_request")
