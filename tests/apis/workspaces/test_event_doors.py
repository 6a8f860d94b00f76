"""Who may do what by events of workspaces, and what is answered to everything else."""

import pytest

from server.transports.api import CHAT
from tests.apis.workspaces.listeners import Listener, caught_up
from tests.apis.workspaces.people import Colleague
from tests.issuers import by_secret
from tests.servers import SECRET
from tests.transports.wire import WebSocketLine

SOON_S = 60


def token_of(user, **claims):
    """Of a user of another system that has our secret."""
    return by_secret({"sub": user, "login": str(user), **claims}, SECRET.encode())


def events_of(acme, general):
    """One good payload of each event."""
    channel, message = {"conversationId": general}, {"messageId": "m-1"}
    return {
        "join_workspace": {"workspaceId": acme},
        "join_conversation": channel,
        "leave_conversation": channel,
        "send_message": {**channel, "content": "x"},
        "edit_message": {**message, "content": "x"},
        "delete_message": {**message, **channel},
        "add_reaction": {**message, **channel, "emoji": "x"},
        "typing_start": channel,
        "typing_stop": channel,
        "mark_as_read": channel,
        "update_presence": {"status": "away", "workspaceId": acme},
    }


HARMLESS = {"leave_conversation"}
"""Of which nothing is asked, and nothing told."""


async def refusals(listener, acme, general):
    """Why somebody is refused, by event."""
    found = {}
    for event, payload in events_of(acme, general).items():
        answer = await listener.ask(event, payload)
        found[event] = "" if answer["success"] else answer["error"]
    return found


@pytest.fixture
async def said(alice, general):
    """A message that Alice has sent."""
    return await alice.says(general, "between us", clientMessageId="m-1")


# --- who ---


async def test_without_a_token_every_event_is_refused(server, http, namespace, acme, general, said):
    nobody = Listener(server, Colleague(http, "", None), namespace)
    await nobody.open()
    found = await refusals(nobody, acme, general)
    assert set(found.values()) == {"unauthenticated"}
    await nobody.vanish()


async def test_a_guest_is_refused_what_is_for_people_of_a_workspace(
    http, listen, acme, general, said
):
    async with http.post("/api/auth/guest", json={}) as answer:
        token = (await answer.json())["token"]
    guest = await listen(Colleague(http, "", token))
    found = await refusals(guest, acme, general)
    assert {event for event, code in found.items() if not code} == HARMLESS
    assert set(found.values()) - {""} == {"forbidden"}


async def test_who_is_in_another_workspace_finds_nothing(listen, carol, acme, general, said):
    await carol.makes_workspace("Elsewhere")
    stranger = await listen(carol)
    found = await refusals(stranger, acme, general)
    assert {event for event, code in found.items() if not code} == HARMLESS
    assert set(found.values()) - {""} == {"not_found"}


async def test_who_is_in_the_workspace_alone_finds_nothing_of_the_conversation(
    alice, listen, carol, acme, general, said
):
    await alice.adds(acme, carol)
    colleague = await listen(carol)
    found = await refusals(colleague, acme, general)
    of_workspace = {"join_workspace", "update_presence"}
    assert {event for event, code in found.items() if not code} == HARMLESS | of_workspace
    assert set(found.values()) - {""} == {"not_found"}


async def test_a_user_of_another_system_is_where_its_token_says(http, listen, alice, acme, general):
    dora = Colleague(http, "dora", token_of("dora", workspaceIds=[acme]))
    tab = await listen(dora)
    await tab.does("join_workspace", workspaceId=acme)
    other = await listen(Colleague(http, "emil", token_of("emil", workspaceIds=["elsewhere"])))
    assert await other.refused("join_workspace", workspaceId=acme) == "not_found"
    await alice.ask("POST", f"/chat/conversations/{general}/members", {"userId": "dora"})
    await alice.says(general, "welcome")
    heard = await tab.next("message:new")
    assert heard["message"]["content"] == "welcome"


# --- when ---


async def test_with_a_token_that_has_run_out_one_hears_no_more_until_it_is_renewed(
    http, listen, clock, later, alice, acme, general
):
    now_s = clock.now_ms() // 1000
    claims = {"workspaceId": acme, "exp": now_s + SOON_S}
    dora = Colleague(http, "dora", token_of("dora", **claims))
    tab = await listen(dora)
    await tab.does("join_workspace", workspaceId=acme)
    await alice.ask("POST", f"/chat/conversations/{general}/members", {"userId": "dora"})
    await later(seconds=SOON_S)
    await tab.next("auth-expired")
    assert await tab.refused("join_workspace", workspaceId=acme) == "token_expired"

    await later(seconds=SOON_S)
    await alice.says(general, "secret")
    renewed = token_of("dora", workspaceId=acme)
    assert (await tab.ask("auth-refresh", {"token": renewed}))["success"] is True
    await tab.does("join_workspace", workspaceId=acme)
    await alice.says(general, "welcome back")
    await tab.next("message:new")
    assert tab.texts() == ["welcome back"]


async def test_who_signs_out_hears_no_more(server, listen, alice, bob, acme, general):
    tab = await listen(bob)
    await tab.does("join_workspace", workspaceId=acme)
    assert (await bob.ask("POST", "/api/auth/logout", {}))[0] == 200
    await alice.says(general, "secret")
    await server.settle()
    assert tab.texts() == []


async def test_who_is_taken_out_of_the_workspace_hears_no_more_from_the_next_message_on(
    listen, alice, bob, acme, general
):
    tab, watcher = await listen(bob), await listen(alice)
    for one in (tab, watcher):
        await one.does("join_workspace", workspaceId=acme)
    await tab.does("join_conversation", conversationId=general)
    assert await alice.removes(acme, bob) == 200
    tab.heard.clear()
    await alice.says(general, "secret")
    await watcher.next("message:new")
    await watcher.does("update_presence", status="busy", workspaceId=acme)
    await caught_up(tab)
    assert tab.texts() == tab.all("presence_update") == []
    assert await tab.refused("join_workspace", workspaceId=acme) == "not_found"


JOINS = {
    "join_workspace": lambda acme, general: {"workspaceId": acme},
    "join_conversation": lambda acme, general: {"conversationId": general},
}


@pytest.mark.parametrize("event", JOINS)
async def test_who_has_joined_is_not_restored_after_a_drop_and_so_joins_again(
    server, bob, acme, general, event
):
    """Its joins are not kept: restored without them it would be deaf, and not know it."""
    auth = {"token": bob.token, "recover": True}
    line = await WebSocketLine(server.node_urls[0]).open(auth)
    assert (await line.ask(event, JOINS[event](acme, general)))["success"] is True
    assert (await line.join("tea-room", "bob"))["success"] is True
    await line.leave()
    async with WebSocketLine(server.node_urls[0]) as again:
        await again.open({**auth, "pid": line.welcome["pid"], "offset": line.offset})
        assert again.welcome["sid"] != line.welcome["sid"]


# --- what ---

WRONG = {
    "nothing": ("send_message", {}),
    "no content": ("send_message", {"conversationId": "c"}),
    "a number as content": ("send_message", {"conversationId": "c", "content": 7}),
    "an object as an id": ("join_workspace", {"workspaceId": {}}),
    "a list": ("join_workspace", []),
    "text": ("join_conversation", "c"),
    "an emoji of words": ("add_reaction", {"messageId": "m", "emoji": "so good"}),
    "another action": ("add_reaction", {"messageId": "m", "emoji": "x", "action": "maybe"}),
    "another status": ("update_presence", {"status": "asleep", "workspaceId": "w"}),
}


@pytest.mark.parametrize(("event", "payload"), WRONG.values(), ids=WRONG)
async def test_what_is_not_right_is_refused(listen, alice, event, payload):
    tab = await listen(alice)
    answer = await tab.ask(event, payload)
    assert (answer["success"], answer["error"]) == (False, "invalid_request")


async def told_unasked(tab, event, payload):
    """What is told of an event that wants no acknowledgement."""
    before = len(tab.heard)
    await tab.tell(event, payload)
    await caught_up(tab)
    return tab.heard[before:]


@pytest.mark.parametrize(("event", "payload"), WRONG.values(), ids=WRONG)
async def test_a_refusal_that_nobody_asked_for_is_told_by_an_event(listen, alice, event, payload):
    tab = await listen(alice)
    answer = await tab.ask(event, payload)
    assert tab.heard == []
    assert answer.pop("success") is False
    assert await told_unasked(tab, event, payload) == [("exception", answer)]


async def test_what_is_done_is_told_by_no_exception_and_nobody_else_hears_one(
    listen, alice, general
):
    tab, other = await listen(alice), await listen(alice)
    channel = {"conversationId": general}
    assert await told_unasked(tab, "join_conversation", channel) == []
    await tab.tell("join_workspace", {"workspaceId": "elsewhere"})
    assert (await tab.next("exception"))["error"] == "not_found"
    await caught_up(other)
    assert other.heard == []


async def test_an_unknown_event_is_told_in_the_words_of_its_namespace(listen, alice, namespace):
    told = await told_unasked(await listen(alice), "no-such-event", {})
    assert [name for name, _ in told] == ["exception" if namespace == CHAT else "session-error"]


@pytest.mark.parametrize("event", ["typing_start", "join-session", "join_random_group"])
async def test_other_contracts_hear_of_no_exception(listen, alice, namespace, event):
    told = dict(await told_unasked(await listen(alice), event, {}))
    assert ("exception" in told) is (namespace == CHAT)


async def test_in_the_namespace_of_workspaces_nothing_of_live_rooms_is_known(
    server, http, alice, namespace
):
    tab = Listener(server, alice, namespace)
    await tab.open()
    answer = await tab.ask("join-session", {"sessionId": "s", "userId": "u"})
    assert (answer["error"] == "unknown_event") is (namespace == CHAT)
    await tab.vanish()


async def test_one_connection_joins_no_more_than_its_bound(listen, server, alice, bob):
    bound = server.nodes[0]._settings.bounds.joined_workspaces
    tab = await listen(alice)
    for number in range(bound):
        workspace = await alice.makes_workspace(f"workspace {number}")
        await tab.does("join_workspace", workspaceId=workspace)
    one_more = await bob.makes_workspace("one more")
    await bob.adds(one_more, alice)
    assert await tab.refused("join_workspace", workspaceId=one_more) == "limit_reached"
    await tab.does("join_workspace", workspaceId=workspace)
