"""Who hears what in a workspace, and who does not."""

import aiohttp
import pytest

from tests.apis.workspaces.listeners import caught_up
from tests.apis.workspaces.people import Colleague

MESSAGES = ("message:new", "message:edit", "message:delete", "message:reaction")
OF_THE_PRESENT = ("message:read", "typing:start", "typing:stop")
"""What whoever has joined the workspace alone need not hear."""


@pytest.fixture
async def member(listen, bob, acme, general):
    """Bob, who has joined the workspace."""
    one = await listen(bob)
    await one.does("join_workspace", workspaceId=acme)
    return one


@pytest.fixture
async def present(listen, bob, general):
    """Bob, who has joined the conversation alone."""
    one = await listen(bob)
    await one.does("join_conversation", conversationId=general)
    return one


@pytest.fixture
async def outsider(listen, alice, carol, acme):
    """Carol, who is in the workspace, has joined it, and is not in the conversation."""
    await alice.adds(acme, carol)
    one = await listen(carol)
    await one.does("join_workspace", workspaceId=acme)
    return one


async def do_all(tab, general):
    """All that can be done in a conversation."""
    channel = {"conversationId": general}
    said = (await tab.does("send_message", **channel, content="hello"))["message"]
    named = {"messageId": said["id"], **channel}
    await tab.does("edit_message", **named, content="hello, all")
    await tab.does("add_reaction", **named, emoji="x")
    await tab.does("typing_start", **channel)
    await tab.does("typing_stop", **channel)
    await tab.does("delete_message", **named)


def names(listener):
    """What it has heard of conversations, in order."""
    return [name for name, _ in listener.heard if name != "presence_update"]


async def test_who_has_joined_the_workspace_hears_messages_and_not_who_types(
    listen, alice, member, general
):
    tab = await listen(alice)
    await do_all(tab, general)
    await tab.does("mark_as_read", conversationId=general)
    await caught_up(member)
    assert names(member) == ["message:new", "message:edit", "message:reaction", "message:delete"]


async def test_who_has_joined_the_conversation_hears_all_of_it(listen, alice, present, general):
    tab = await listen(alice)
    await do_all(tab, general)
    await caught_up(present)
    assert names(present) == [
        "message:new",
        "message:edit",
        "message:reaction",
        "typing:start",
        "typing:stop",
        "message:delete",
    ]


async def test_whoever_is_removed_while_typing_types_no_more_for_the_others(
    listen, alice, bob, present, general
):
    tab = await listen(alice)
    await tab.does("join_conversation", conversationId=general)
    await present.does("typing_start", conversationId=general)
    await tab.next("typing:start")
    await alice.ask("DELETE", f"/chat/conversations/{general}/members/{bob.user_id}")
    assert (await tab.next("typing:stop"))["userId"] == bob.user_id


async def test_who_is_not_in_it_hears_nothing(listen, alice, outsider, general):
    tab = await listen(alice)
    await do_all(tab, general)
    await caught_up(outsider)
    assert names(outsider) == []


async def test_who_has_joined_nothing_hears_nothing(listen, alice, bob, general):
    tab, idle = await listen(alice), await listen(bob)
    await do_all(tab, general)
    await caught_up(idle)
    assert names(idle) == []


async def test_ones_own_other_connections_hear_that_one_has_read(listen, alice, bob, member, acme):
    room = (await alice.makes(acme, bob, name="other"))["id"]
    await alice.says(room, "hello")
    phone = await listen(bob)
    await phone.does("join_workspace", workspaceId=acme)
    await phone.does("mark_as_read", conversationId=room)
    heard = await member.next("message:read")
    assert (heard["userId"], heard["conversationId"]) == (bob.user_id, room)
    await caught_up(phone)
    assert phone.all("message:read") == []


async def test_who_wants_no_acknowledgement_hears_its_own_messages(listen, alice, general, acme):
    tab = await listen(alice)
    await tab.does("join_workspace", workspaceId=acme)
    await tab.tell("send_message", {"conversationId": general, "content": "unanswered"})
    heard = (await tab.next("message:new"))["message"]
    assert (heard["content"], heard["userId"]) == ("unanswered", alice.user_id)
    await tab.does("send_message", conversationId=general, content="answered")
    await alice.says(general, "by the route")
    await caught_up(tab)
    assert tab.texts() == ["unanswered", "by the route"]


async def test_who_wants_no_acknowledgement_hears_that_it_has_read(listen, alice, bob, general):
    await alice.says(general, "hello")
    tab = await listen(bob)
    await tab.does("join_conversation", conversationId=general)
    await tab.tell("mark_as_read", {"conversationId": general})
    assert (await tab.next("message:read"))["userId"] == bob.user_id


async def test_a_direct_message_is_for_two(listen, alice, bob, outsider, member, acme):
    tab = await listen(alice)
    await tab.does("join_workspace", workspaceId=acme)
    room = await alice.makes(acme, bob, type="DM")
    heard = (await member.next("conversation:new"))["conversation"]
    assert (heard["id"], heard["type"], heard["name"]) == (room["id"], "DM", None)
    await tab.does("send_message", conversationId=room["id"], content="between us")
    await member.next("message:new")
    await caught_up(outsider)
    assert names(outsider) == []


async def test_who_opens_a_document_is_told_of_its_conversation(
    listen, alice, carol, outsider, acme
):
    made = await alice.makes(acme, type="DOCUMENT", documentId="spec")
    await alice.says(made["id"], "what of this?")
    opened = await carol.makes(acme, type="DOCUMENT", documentId="spec")
    assert opened["id"] == made["id"]
    assert (await outsider.next("conversation:new"))["conversation"]["id"] == made["id"]
    await alice.says(made["id"], "welcome")
    await outsider.next("message:new")
    assert outsider.texts() == ["welcome"]


async def test_what_clients_encrypt_is_told_as_it_was_sent(listen, alice, bob, member, acme):
    room = (await alice.makes(acme, bob, name="secret", isEncrypted=True))["id"]
    wish = {"content": "Y2lwaGVy", "encryptionMetadata": {"iv": "aXY="}}
    await alice.says(room, **wish)
    message = (await member.next("message:new"))["message"]
    assert {name: message[name] for name in wish} == wish
    assert message["isEncrypted"] is True


async def test_messages_come_in_their_order_each_once(listen, alice, member, general, acme):
    tab = await listen(alice)
    await tab.does("join_workspace", workspaceId=acme)
    for number in range(20):
        sender = tab.does if number % 2 else None
        if sender:
            await sender("send_message", conversationId=general, content=str(number))
        else:
            await alice.says(general, str(number))
    await member.next("message:new", 20)
    assert member.texts() == [str(number) for number in range(20)]


@pytest.fixture
def at_node(server, alice):
    """Has Alice ask one of the nodes: `await at_node(0, "DELETE", path)`."""

    async def ask(number, *request):
        async with aiohttp.ClientSession(server.node_urls[number]) as http:
            status, answer = await Colleague(http, alice.user_id, alice.token).ask(*request)
            assert status in (200, 201), answer

    return ask


def held_back(node):
    """Has a node be slow in telling what is done there next: it does when the result is called."""
    teller, held = node.chat.posts._teller, []
    tell = teller.tell

    async def hold(event):
        teller.tell = tell
        held.append(event)

    teller.tell = hold
    return lambda: tell(held.pop())


async def test_no_edit_is_heard_of_what_another_node_has_deleted_since(
    server, alice, at_node, member, general
):
    path = f"/chat/messages/{(await alice.says(general, 'hello'))['id']}"
    edit_is_told = held_back(server.nodes[0])
    await at_node(0, "PUT", path, {"content": "hello, all"})
    await at_node(-1, "DELETE", path)
    await caught_up(member)
    await edit_is_told()
    await caught_up(member)
    assert names(member) == ["message:new", "message:delete"]


async def test_what_another_node_deletes_before_it_was_told_is_heard_in_its_order(
    server, at_node, member, general
):
    path = f"/chat/conversations/{general}/messages"
    is_told = held_back(server.nodes[0])
    await at_node(0, "POST", path, {"content": "hello", "clientMessageId": "one"})
    await at_node(-1, "DELETE", "/chat/messages/one")
    await caught_up(member)
    await is_told()
    await caught_up(member)
    assert names(member) == ["message:new", "message:delete"]
    (said,) = [data["message"] for name, data in member.heard if name == "message:new"]
    assert (said["content"], said["deletedAt"] is None) == (None, False)
