"""What operators do with workspaces, over HTTP: other keys, and what was done by whom."""

import pytest

from server.core.workspaces.rotation import KEPT_MS, LOOK_MS
from tests.apis.secure_chat.people import call
from tests.servers import ADMIN_TOKEN

ROUNDS = 20
"""Of the reaper, in which all of it is done."""

NOBODY = "019a9d3e-0000-7000-8000-000000000000"


@pytest.fixture
def operator(http, server):
    """Asks as an operator: status and answer."""

    async def ask(method, path, body=None):
        return await call(http, method, f"/api/admin/workspaces/{path}", body, ADMIN_TOKEN)

    return ask


@pytest.fixture
async def team(alice, bob, acme):
    assert await alice.adds(acme, bob) == 200
    return acme


async def audited(operator, workspace):
    """What was noted of a workspace, the newest first."""
    status, answer = await operator("GET", f"{workspace}/audit")
    assert (status, answer["next"]) == (200, None)
    return answer["entries"]


async def resealed(server, clock):
    """Have all that is under old keys sealed anew, and end those; returns how many there were."""
    node = server.nodes[0]
    keys = node._durable.workspace_keys
    clock.advance(ms=LOOK_MS)
    for _ in range(ROUNDS):
        await node.chat.rotation.expire()
        if all([(await keys.under(one, 1)).is_empty for one in await keys.retired()]):
            break
    return await keys.end(clock.now_ms() + KEPT_MS)


async def test_under_another_key_all_is_as_it_was(operator, server, clock, alice, bob, team):
    room = (await alice.makes(team, bob, name="general", description="all"))["id"]
    said = [await alice.says(room, f"tea for {name}") for name in ("one", "two")]
    opaque = (await alice.makes(team, bob, isEncrypted=True))["id"]
    await alice.says(opaque, "Y2lwaGVy")
    path = f"/chat/conversations/{room}"
    _, before = await bob.ask("GET", path)
    status, answer = await operator("POST", f"{team}/rotate-key")
    assert (status, answer) == (200, {"success": True, "workspaceId": team, "version": 2})
    assert await resealed(server, clock) == 1
    assert [one["content"] for one in await bob.reads(room)] == [one["content"] for one in said]
    assert [one["content"] for one in await bob.reads(opaque)] == ["Y2lwaGVy"]
    assert (await bob.ask("GET", path))[1] == before
    _, found = await bob.ask("GET", "/chat/search?q=two")
    assert [one["content"] for one in found["messages"]] == ["tea for two"]
    assert [one["name"] for one in await bob.workspaces()] == ["Acme"]
    await alice.says(room, "more tea")
    assert len(await bob.reads(room)) == 3


async def test_files_open_under_another_key_and_after_the_old_one_has_ended(
    operator, server, http, clock, alice, bob, team
):
    room = (await alice.makes(team, bob))["id"]
    bearer = {"Authorization": f"Bearer {alice.token}", "X-File-Name": "tea.txt"}
    path = f"{server.url}/chat/conversations/{room}/files"
    async with http.post(path, data=b"leaves", headers=bearer) as answer:
        file = (await answer.json())["file"]
    await alice.says(room, "see", attachments=[{"fileId": file["id"]}])
    assert (await operator("POST", f"{team}/rotate-key"))[0] == 200
    assert await resealed(server, clock) == 1
    bearer = {"Authorization": f"Bearer {bob.token}"}
    async with http.get(f"{server.url}{file['url']}", headers=bearer) as answer:
        assert await answer.read() == b"leaves"
        assert "tea.txt" in answer.headers["Content-Disposition"]


async def test_keys_under_the_first_master_key_are_left_and_none_is_lost(operator, team):
    status, answer = await operator("POST", "rewrap-keys", {})
    assert (status, answer) == (
        200,
        {"success": True, "rewrapped": 0, "lost": {}, "next": None},
    )


async def test_what_is_done_in_a_workspace_is_noted_with_who_did_it(
    operator, server, http, alice, bob, carol, team
):
    room = (await alice.makes(team, bob))["id"]
    path = f"/chat/conversations/{room}"
    await alice.ask("PUT", path, {"name": "renamed"})
    said = await bob.says(room, "tea")
    await bob.ask("PUT", f"/chat/messages/{said['id']}", {"content": "coffee"})
    await alice.ask("DELETE", f"/chat/messages/{said['id']}")
    await alice.adds(team, carol)
    await alice.ask("POST", f"{path}/members", {"userId": carol.user_id})
    await alice.ask("PUT", f"{path}/members/{carol.user_id}/role", {"role": "ADMIN"})
    await alice.ask("DELETE", f"{path}/members/{bob.user_id}")
    await alice.ask("DELETE", f"{path}/members/{alice.user_id}")
    await alice.ask(
        "POST", f"/chat/workspaces/{team}/members", {"userId": bob.user_id, "role": "ADMIN"}
    )
    await alice.removes(team, carol)
    await operator("POST", f"{team}/rotate-key")
    entries = await audited(operator, team)
    assert all(one["at"].endswith("Z") for one in entries)
    shown = [
        (one["action"], one["userId"], one["subjectId"], one["conversationId"])
        for one in reversed(entries)
    ]
    a, b, c = alice.user_id, bob.user_id, carol.user_id
    expected = [
        ("workspace_made", a, None, None),
        ("workspace_member_added", a, b, None),
        ("room_made", a, room, room),
        ("member_added", a, b, room),
        ("room_changed", a, room, room),
        ("message_edited", b, b, room),
        ("message_deleted", a, b, room),
        ("workspace_member_added", a, c, None),
        ("member_added", a, c, room),
        ("made_admin", a, c, room),
        ("member_removed", a, b, room),
        ("made_owner", a, c, room),
        ("member_removed", a, a, room),
        ("workspace_member_role", a, b, None),
        ("workspace_member_removed", a, c, None),
        ("key_rotated", None, None, None),
    ]
    assert [one for one in expected if one not in shown] == []
    assert [one for one in shown if one not in expected] in ([], [("room_ended", c, room, room)])


async def test_nothing_that_was_said_is_noted(operator, alice, bob, team):
    room = (await alice.makes(team, bob, name="Kanarienvogel"))["id"]
    await alice.says(room, "Kanarienvogel")
    assert "Kanarienvogel" not in str(await audited(operator, team))


async def test_the_audit_comes_page_by_page(operator, alice, team):
    for number in range(3):
        await alice.makes(team, name=f"channel {number}")
    pages, query = [], "?limit=2"
    for _ in range(3):
        _, answer = await operator("GET", f"{team}/audit{query}")
        pages.append(answer["entries"])
        query = f"?limit=2&before={answer['next']}"
    assert answer["next"] is None
    assert [len(one) for one in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == await audited(operator, team)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "rotate-key"), ("GET", "audit"), ("POST", None)]
)
async def test_only_operators_may(http, operator, alice, team, method, path):
    whole = f"/api/admin/workspaces/{team}/{path}" if path else "/api/admin/workspaces/rewrap-keys"
    status, problem = await alice.ask(method, whole, {} if method == "POST" else None)
    assert (status, problem["code"]) == (403, "forbidden")
    assert (await call(http, method, whole, None, None))[0] == 401
    if path:
        status, problem = await operator(method, f"{NOBODY}/{path}")
        assert (status, problem["code"]) == (404, "not_found")
