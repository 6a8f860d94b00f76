"""Each event of workspaces: what is acknowledged, and what others hear of it."""

import pytest

from tests.apis.workspaces.listeners import caught_up

THUMB = "👍"


@pytest.fixture
async def here(listen, alice, acme, general):
    """A connection of Alice that has joined the channel, and its workspace."""
    one = await listen(alice)
    await one.does("join_workspace", workspaceId=acme)
    await one.does("join_conversation", conversationId=general)
    return one


@pytest.fixture
async def there(listen, bob, acme, general):
    """The same of Bob."""
    one = await listen(bob)
    await one.does("join_workspace", workspaceId=acme)
    await one.does("join_conversation", conversationId=general)
    return one


# --- coming ---


async def test_joining_a_workspace_tells_ones_conversations_and_who_is_there(
    listen, alice, bob, acme, general
):
    other = (await alice.makes(acme, bob, name="other"))["id"]
    tab = await listen(bob)
    answer = await tab.does("join_workspace", workspaceId=acme)
    assert (answer["workspaceId"], answer["conversationIds"]) == (acme, sorted((general, other)))
    presence = {one["userId"]: one for one in answer["presence"]}
    assert {who: one["status"] for who, one in presence.items()} == {
        alice.user_id: "offline",
        bob.user_id: "online",
    }
    own = presence[bob.user_id]
    assert (own["id"], own["workspaceId"]) == (f"{acme}.{bob.user_id}", acme)
    assert own["lastSeen"].endswith("Z")
    assert own["updatedAt"].endswith("Z")


async def test_joining_a_conversation_tells_how_far_it_is_and_how_much_is_unread(
    listen, alice, bob, general
):
    for text in ("one", "two"):
        await alice.says(general, text)
    tab = await listen(bob)
    assert await tab.does("join_conversation", conversationId=general) == {
        "success": True,
        "conversationId": general,
        "seq": 2,
        "unreadCount": 2,
    }


async def test_who_has_left_a_conversation_hears_no_more_of_who_reads_and_types(
    here, there, general
):
    answer = await there.does("leave_conversation", conversationId=general)
    assert answer == {"success": True, "conversationId": general}
    await here.does("typing_start", conversationId=general)
    await here.does("send_message", conversationId=general, content="still here?")
    await caught_up(there)
    assert there.all("typing:start") == []
    assert there.texts() == ["still here?"]


# --- talking ---


async def test_a_message_comes_to_all_but_the_connection_that_sent_it(
    listen, alice, here, there, acme, general
):
    phone = await listen(alice)
    await phone.does("join_workspace", workspaceId=acme)
    answer = await here.does(
        "send_message", conversationId=general, content="hello", clientMessageId="m-1"
    )
    said = answer["message"]
    assert (said["id"], said["content"], said["seq"]) == ("m-1", "hello", 1)
    for one in (there, phone):
        assert await one.next("message:new") == {"message": said, "conversationId": general}
    await caught_up(here, there, phone)
    assert [len(one.all("message:new")) for one in (here, there, phone)] == [0, 1, 1]


async def test_an_event_and_a_route_answer_and_tell_the_same(alice, here, there, general):
    by_event = (await here.does("send_message", conversationId=general, content="a"))["message"]
    by_route = await alice.says(general, "b")
    assert by_route.keys() == by_event.keys()
    assert (await there.next("message:new", 2))["message"] == by_route
    assert await here.next("message:new") == {"message": by_route, "conversationId": general}


async def test_a_reply_says_to_what(here, there, general):
    first = await here.does("send_message", conversationId=general, content="lunch?")
    first_id = first["message"]["id"]
    wish = {"conversationId": general, "content": "yes", "replyToId": first_id}
    await there.does("send_message", **wish)
    heard = (await here.next("message:new"))["message"]
    assert (heard["replyToId"], heard["threadId"]) == (first_id, first_id)


async def test_a_message_that_is_sent_again_is_answered_again_and_told_once(here, there, general):
    wish = {"conversationId": general, "content": "hello", "clientMessageId": "m-1"}
    first = await here.does("send_message", **wish)
    assert await here.does("send_message", **wish) == first
    await here.does("send_message", conversationId=general, content="last")
    await there.next("message:new", 2)
    assert there.texts() == ["hello", "last"]


async def test_an_edit_comes_to_all(here, there, general):
    said = await here.does("send_message", conversationId=general, content="helo")
    edited = await here.does("edit_message", messageId=said["message"]["id"], content="hello")
    assert edited["message"]["content"] == "hello"
    assert edited["message"]["editedAt"].endswith("Z")
    for one in (here, there):
        assert await one.next("message:edit") == {"message": edited["message"]}


async def test_a_deletion_comes_to_all(here, there, general):
    said = await here.does("send_message", conversationId=general, content="oops")
    named = {"messageId": said["message"]["id"], "conversationId": general}
    answer = await here.does("delete_message", **named)
    assert answer.pop("deletedAt").endswith("Z")
    assert answer == {"success": True, **named}
    for one in (here, there):
        assert await one.next("message:delete") == named


async def test_a_reaction_comes_to_all_and_goes_as_it_came(bob, here, there, general):
    said = await here.does("send_message", conversationId=general, content="hi")
    wish = {"messageId": said["message"]["id"], "emoji": THUMB, "conversationId": general}
    for nth, users in ((1, [bob.user_id]), (2, None)):
        answer = await there.does("add_reaction", **wish)
        assert answer["message"]["reactions"].get(THUMB) == users
        for one in (here, there):
            assert await one.next("message:reaction", nth) == {"message": answer["message"]}


# --- reading and typing ---


async def test_who_has_read_is_told_and_counts_less(bob, here, there, general):
    said = [
        (await here.does("send_message", conversationId=general, content=text))["message"]
        for text in ("one", "two")
    ]
    answer = await there.does("mark_as_read", conversationId=general, messageId=said[0]["id"])
    assert (answer["conversationId"], answer["unreadCount"]) == (general, 1)
    assert await here.next("message:read") == {
        "userId": bob.user_id,
        "conversationId": general,
        "messageId": said[0]["id"],
        "readAt": answer["lastReadAt"],
    }


async def test_all_of_it_is_read_if_no_message_is_named(bob, here, there, general):
    await here.does("send_message", conversationId=general, content="one")
    answer = await there.does("mark_as_read", conversationId=general)
    assert answer["unreadCount"] == 0
    heard = await here.next("message:read")
    assert heard.keys() == {"userId", "conversationId", "readAt"}


async def test_who_types_is_told_to_the_others(alice, here, there, general):
    for event, told in (("typing_start", "typing:start"), ("typing_stop", "typing:stop")):
        assert await here.does(event, conversationId=general) == {"success": True}
        named = {"userId": alice.user_id, "conversationId": general}
        assert await there.next(told) == named
    await caught_up(here)
    assert here.all("typing:start") == here.all("typing:stop") == []


async def test_typing_is_told_once_in_a_while_and_ends_by_itself(here, there, general, later):
    for _ in range(5):
        await here.does("typing_start", conversationId=general)
    await caught_up(there)
    assert len(there.all("typing:start")) == 1
    await later(seconds=9)
    await there.next("typing:stop")
    await here.does("typing_stop", conversationId=general)
    await caught_up(there)
    assert len(there.all("typing:stop")) == 1


# --- presence ---


async def test_presence_is_as_one_says_and_told_to_the_workspace(alice, here, there, acme):
    answer = await here.does("update_presence", status="busy", workspaceId=acme)
    shown = answer["presence"]
    assert (shown["userId"], shown["status"], shown["workspaceId"]) == (alice.user_id, "busy", acme)
    await caught_up(there)
    assert there.all("presence_update")[-1] == {
        "userId": alice.user_id,
        "status": "busy",
        "workspaceId": acme,
        "lastSeen": shown["lastSeen"],
    }


# --- conversations ---


async def test_a_new_conversation_comes_to_those_who_are_in_it(alice, bob, here, there, acme):
    made = await alice.makes(acme, bob, name="new", description="all of it", icon="*")
    for one in (here, there):
        heard = (await one.next("conversation:new"))["conversation"]
        assert heard == {**made, "role": None}
    await alice.says(made["id"], "welcome")
    assert (await there.next("message:new"))["conversationId"] == made["id"]
    assert there.all("conversation:updated") == []


async def test_a_new_member_hears_of_the_conversation_and_the_others_of_the_member(
    listen, alice, carol, here, acme, general
):
    await alice.adds(acme, carol)
    newcomer = await listen(carol)
    await newcomer.does("join_workspace", workspaceId=acme)
    body = {"userId": carol.user_id}
    await alice.ask("POST", f"/chat/conversations/{general}/members", body)
    assert (await newcomer.next("conversation:new"))["conversation"]["id"] == general
    heard = await here.next("conversation:updated")
    assert heard["conversationId"] == general
    members = {one["userId"] for one in heard["updates"]["members"]}
    assert carol.user_id in members
    assert heard["updates"]["keyEpoch"] > 1
    await alice.says(general, "welcome")
    await newcomer.next("message:new")
    assert newcomer.all("conversation:updated") == []


async def test_another_name_is_told(alice, there, general):
    await alice.ask("PUT", f"/chat/conversations/{general}", {"name": "another"})
    heard = await there.next("conversation:updated")
    assert heard["conversationId"] == general
    assert heard["updates"].keys() == {"name", "updatedAt"}
    assert heard["updates"]["name"] == "another"


async def test_who_is_removed_is_told_and_hears_no_more(alice, bob, here, there, general):
    await alice.ask("DELETE", f"/chat/conversations/{general}/members/{bob.user_id}")
    told = {"conversationId": general, "updates": {"removed": True}}
    assert await there.next("conversation:updated") == told
    heard = await here.next("conversation:updated")
    assert [one["userId"] for one in heard["updates"]["members"]] == [alice.user_id]
    await alice.says(general, "alone")
    await here.next("message:new")
    await caught_up(there)
    assert there.texts() == []
    assert await there.refused("join_conversation", conversationId=general) == "not_found"


async def test_whoever_is_taken_out_of_the_workspace_is_told_of_its_conversations(
    alice, bob, there, acme, general
):
    assert await alice.removes(acme, bob) == 200
    told = {"conversationId": general, "updates": {"removed": True}}
    assert await there.next("conversation:updated") == told
    await caught_up(there)
    assert len(there.all("conversation:updated")) == 1


async def test_the_end_of_a_conversation_is_told(alice, here, there, general):
    await alice.ask("DELETE", f"/chat/conversations/{general}")
    for one in (here, there):
        heard = await one.next("conversation:updated")
        assert heard["conversationId"] == general
        assert heard["updates"].keys() == {"deletedAt"}


# --- who does it ---


@pytest.mark.parametrize("field", ["userId", "senderId"])
async def test_a_payload_that_names_somebody_else_as_its_sender_is_refused(
    here, alice, bob, acme, general, field
):
    deeds = {
        "send_message": {"conversationId": general, "content": "x"},
        "typing_start": {"conversationId": general},
        "typing_stop": {"conversationId": general},
        "update_presence": {"workspaceId": acme, "status": "busy"},
    }
    for event, payload in deeds.items():
        assert await here.refused(event, **{**payload, field: bob.user_id}) == "forbidden", event
        await here.does(event, **{**payload, field: alice.user_id})
