"""Conversations of workspaces, over HTTP."""

import pytest

from tests.apis.session_relay.sessions import configured


@pytest.fixture
async def team(alice, bob, carol, acme):
    """Bob and Carol are in Alice's workspace."""
    for one in (bob, carol):
        assert await alice.adds(acme, one) == 200
    return acme


async def test_a_channel_is_told_as_the_contract_has_it(alice, bob, team):
    made = await alice.makes(team, bob, description="all of us", icon="🐤")
    times = [made.pop(name) for name in ("createdAt", "updatedAt")]
    assert all(one.endswith("Z") for one in times)
    members = made.pop("members")
    room_id = made.pop("id")
    assert made == {
        "workspaceId": team,
        "type": "GROUP",
        "name": "general",
        "description": "all of us",
        "icon": "🐤",
        "createdById": alice.user_id,
        "documentId": None,
        "isEncrypted": False,
        "encryptionKey": None,
        "keyEpoch": 1,
        "role": "ADMIN",
    }
    assert {(one["userId"], one["role"], one["name"]) for one in members} == {
        (alice.user_id, "ADMIN", "alice"),
        (bob.user_id, "MEMBER", "bob"),
    }
    assert {one["id"] for one in members} == {
        f"{room_id}.{alice.user_id}",
        f"{room_id}.{bob.user_id}",
    }


async def test_null_says_as_little_of_a_conversation_as_what_is_left_out(alice, acme):
    names = ("description", "icon", "documentId", "memberIds", "isEncrypted")
    made = await alice.makes(acme, name="general", **dict.fromkeys(names))
    assert (made["isEncrypted"], len(made["members"])) == (False, 1)


@pytest.mark.parametrize("kind", [{"type": "DM"}, {"type": "DOCUMENT", "documentId": "plan"}])
async def test_an_empty_name_is_none(alice, bob, team, kind):
    made = await alice.makes(team, bob, **kind, name="")
    assert made["name"] is None
    of_group = {"type": "GROUP", "workspaceId": team, "name": ""}
    assert (await alice.ask("POST", "/chat/conversations", of_group))[0] == 400
    unseen = {"workspaceId": team, "memberIds": [bob.user_id], **kind, "name": " \u200b"}
    assert (await alice.ask("POST", "/chat/conversations", unseen))[0] == 400


async def test_refusals_speak_of_conversations_as_the_routes_do(alice, bob, carol, team):
    path = f"/chat/conversations/{(await alice.makes(team, bob))['id']}"
    for who, method, status in ((carol, "GET", 404), (bob, "DELETE", 403)):
        code, told = await who.ask(method, path)
        assert code == status
        assert "conversation" in told["message"]
        assert "room" not in told["message"]


async def test_of_two_there_is_one_conversation_in_a_workspace(alice, bob, team):
    made = await alice.makes(team, bob, type="DM")
    again = await bob.makes(team, alice, type="DM")
    assert again["id"] == made["id"]
    assert made["type"] == "DM"
    assert made["name"] is None
    another = await alice.makes_workspace("Another")
    await alice.adds(another, bob)
    assert (await alice.makes(another, bob, type="DM"))["id"] != made["id"]


async def test_of_a_document_there_is_one_and_whoever_asks_comes_in(alice, bob, team, clock):
    made = await alice.makes(team, type="DOCUMENT", documentId="doc-1", name="Spec")
    clock.advance(seconds=1)
    again = await bob.makes(team, type="DOCUMENT", documentId="doc-1")
    assert again["id"] == made["id"]
    assert {one["userId"] for one in again["members"]} == {alice.user_id, bob.user_id}
    assert again["updatedAt"] > made["updatedAt"]


async def test_what_it_is_called_is_changed_by_admins_alone(alice, bob, team):
    path = f"/chat/conversations/{(await alice.makes(team, bob))['id']}"
    assert (await bob.ask("PUT", path, {"name": "mine"}))[0] == 403
    status, answer = await alice.ask("PUT", path, {"name": "ours"})
    assert (status, answer["conversation"]["name"]) == (200, "ours")
    _, answer = await bob.ask("GET", path)
    assert answer["conversation"]["name"] == "ours"


async def test_a_change_that_changes_nothing_is_none(alice, bob, team, clock):
    path = f"/chat/conversations/{(await alice.makes(team, bob, name='ours'))['id']}"
    _, before = await alice.ask("GET", path)
    clock.advance(seconds=1)
    for body in ({"name": "ours"}, {}):
        assert await alice.ask("PUT", path, body) == (200, before)
    assert (await bob.ask("PUT", path, {"name": "ours"}))[0] == 403


async def test_members_come_and_go_and_have_roles(alice, bob, carol, team):
    path = f"/chat/conversations/{(await alice.makes(team, bob))['id']}"
    assert (await carol.ask("GET", path))[0] == 404
    status, answer = await alice.ask("POST", f"{path}/members", {"userId": carol.user_id})
    assert (status, len(answer["conversation"]["members"])) == (200, 3)
    role = {"role": "ADMIN"}
    assert (await bob.ask("PUT", f"{path}/members/{carol.user_id}/role", role))[0] == 403
    assert (await alice.ask("PUT", f"{path}/members/{carol.user_id}/role", role))[0] == 200
    _, answer = await carol.ask("GET", path)
    assert answer["conversation"]["role"] == "ADMIN"
    assert (await carol.ask("DELETE", f"{path}/members/{bob.user_id}"))[0] == 200
    assert (await bob.ask("GET", path))[0] == 404


async def test_a_conversation_that_has_ended_is_none(alice, bob, team):
    made = await alice.makes(team, bob)
    path = f"/chat/conversations/{made['id']}"
    assert (await bob.ask("DELETE", path))[0] == 403
    assert await alice.ask("DELETE", path) == (
        200,
        {"success": True, "conversationId": made["id"]},
    )
    assert (await alice.ask("GET", path))[0] == 404


async def test_lists_say_what_was_said_last_and_how_much_is_unread(alice, bob, team, clock):
    first = (await alice.makes(team, bob, name="first"))["id"]
    clock.advance(seconds=1)
    second = (await alice.makes(team, bob, name="second", isEncrypted=True))["id"]
    for text in ("one", "two"):
        clock.advance(seconds=1)
        await alice.says(first, text)
    _, answer = await bob.ask("GET", f"/chat/conversations?workspaceId={team}")
    shown = {one["id"]: one for one in answer["conversations"]}
    assert [one["id"] for one in answer["conversations"]] == [first, second]
    assert (shown[first]["unreadCount"], shown[first]["lastMessage"]["content"]) == (2, "two")
    assert (shown[second]["unreadCount"], shown[second]["lastMessage"]) == (0, None)
    assert [len(one["members"]) for one in shown.values()] == [2, 2]
    assert [one["memberCount"] for one in shown.values()] == [2, 2]
    _, counts = await bob.ask("GET", f"/chat/workspaces/{team}/unread-count")
    assert (counts["total"], counts["conversations"]) == (2, {first: 2})


async def test_lists_come_page_by_page(alice, bob, team, clock):
    made = []
    for name in ("one", "two", "three"):
        clock.advance(seconds=1)
        made.append((await alice.makes(team, name=name))["id"])
    seen, cursor = [], ""
    for _ in range(3):
        path = f"/chat/conversations?workspaceId={team}&limit=1{cursor}"
        _, answer = await alice.ask("GET", path)
        seen += [one["id"] for one in answer["conversations"]]
        cursor = f"&cursor={answer['nextCursor']}"
    assert (seen, answer["nextCursor"]) == (made[::-1], None)


async def test_what_was_read_is_unread_no_more(alice, bob, team):
    room_id = (await alice.makes(team, bob))["id"]
    first, *_ = [await alice.says(room_id, text) for text in ("one", "two", "three")]
    path = f"/chat/conversations/{room_id}/read"
    _, answer = await bob.ask("POST", path, {"messageId": first["id"]})
    assert (answer["conversationId"], answer["unreadCount"]) == (room_id, 2)
    assert answer["lastReadAt"].endswith("Z")
    _, answer = await bob.ask("POST", path, {})
    assert answer["unreadCount"] == 0
    assert [one["readBy"] for one in await alice.reads(room_id)] == [1, 1, 1]


@configured(REQUIRE_ENCRYPTION="true")
@pytest.mark.parametrize("said", [{}, {"isEncrypted": False}], ids=["unsaid", "false"])
async def test_where_encryption_is_required_no_conversation_is_made_without(alice, acme, said):
    body = {"type": "GROUP", "workspaceId": acme, "name": "general", **said}
    status, problem = await alice.ask("POST", "/chat/conversations", body)
    assert (status, problem["code"]) == (403, "forbidden")
    assert "isEncrypted: true" in problem["message"], "the way out"
    assert (await alice.makes(acme, isEncrypted=True))["isEncrypted"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "CHANNEL"},
        {"name": None},
        {"type": "DM"},
        {"type": "DM", "memberIds": ["a", "b"]},
        {"type": "DOCUMENT"},
        {"documentId": "doc"},
        {"workspaceId": None},
        {"memberIds": "bob"},
        {"isEncrypted": "yes"},
        {"description": "x" * 2001},
    ],
    ids=str,
)
async def test_a_conversation_that_is_not_right_is_refused(alice, acme, changes):
    body = {"type": "GROUP", "workspaceId": acme, "name": "general", **changes}
    status, problem = await alice.ask("POST", "/chat/conversations", body)
    assert (status, problem["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("document_id", ["", "a\0", "a\nb", "x" * 129, 7, ["a"]], ids=ascii)
async def test_a_document_has_an_id_that_every_database_can_keep(alice, acme, document_id):
    body = {"type": "DOCUMENT", "workspaceId": acme, "documentId": document_id}
    status, problem = await alice.ask("POST", "/chat/conversations", body)
    assert (status, problem["code"]) == (400, "invalid_request")
