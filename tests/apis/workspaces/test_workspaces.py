"""Workspaces and who is in them, over HTTP."""

from typing import Any

import pytest

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


# --- what tokens of other systems name ---


def of_another_system(http: Any, user: str | int, **claims: Any) -> Colleague:
    return Colleague(http, user, by_secret({"sub": user, **claims}, SECRET.encode()))


async def test_a_token_of_another_system_leads_into_the_workspaces_that_it_names(http, server):
    dave = of_another_system(http, 7, login="Dave", workspaceIds=["acme", "beta"])
    erin = of_another_system(http, "erin", workspaceId="acme")
    assert [one["id"] for one in await dave.workspaces()] == ["acme", "beta"]
    assert [one["id"] for one in await erin.workspaces()] == ["acme"]
    _, answer = await erin.ask("GET", "/chat/workspaces/acme/members")
    assert {(one["userId"], one["name"]) for one in answer["members"]} >= {("7", "Dave")}
    assert (await erin.ask("GET", "/chat/workspaces/beta/members"))[0] == 404


async def test_who_was_removed_is_out_whatever_its_token_names(http, alice, acme):
    dave = of_another_system(http, "dave", workspaceId=acme)
    assert [one["id"] for one in await dave.workspaces()] == [acme]
    assert await alice.removes(acme, dave) == 200
    assert await dave.workspaces() == []


async def test_a_token_of_another_system_is_nobodys_account_here(http, alice):
    forged = of_another_system(http, alice.user_id, workspaceId="acme")
    assert (await forged.ask("GET", "/chat/workspaces"))[0] == 403


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
