"""What is said in a group: to all, to one, again, and before."""

import pytest

from server.core.identity import User
from server.core.ids import NumericUserId
from server.core.tokens import Issued
from tests.apis.random_groups.strangers import MESSAGE, Stranger
from tests.apis.session_relay.sessions import configured
from tests.issuers import by_secret
from tests.people import catch_up

SECRET = b"a secret that two systems share, of 256 bits"


async def test_a_message_reaches_all_and_its_sender_too(pair):
    alice, bob = pair
    ack = await alice.say('{"iv":"…","data":"…"}')
    heard = [await person.next("new_message") for person in (alice, bob)]

    assert set(ack) == {"success", "messageId", "timestamp", "seq"}
    assert heard[0] == heard[1]
    message = heard[0]
    assert set(message) == MESSAGE
    assert (message["id"], message["timestamp"]) == (ack["messageId"], ack["timestamp"])
    assert (message["senderId"], message["senderLogin"]) == (alice.user_id, "alice")
    assert message["encryptedContent"] == '{"iv":"…","data":"…"}'
    assert (message["messageType"], message["groupId"]) == ("text", alice.group_id)


@pytest.mark.parametrize("value", ["text", {"iv": [1, 2]}, {"iv": b"\x00\xff"}, b"\x01", [None, 1]])
async def test_whatever_is_opaque_arrives_as_it_was_sent(pair, value):
    alice, bob = pair
    await alice.say(value)

    assert (await bob.next("new_message"))["encryptedContent"] == value


async def test_a_key_exchange_with_one_member_is_for_that_one(pair, carol):
    alice, bob = pair
    await carol.enter()
    await alice.say("wrapped for bob", to=bob.user_id, messageType="key_exchange")
    heard = await bob.next("new_message")
    await catch_up(carol)

    assert (heard["messageType"], heard["to"]) == ("key_exchange", bob.user_id)
    assert carol.all("new_message") == []
    assert await carol.history() == []
    assert await bob.history() == await alice.history() == ["wrapped for bob"]


async def test_a_repeat_by_id_answers_as_the_first_and_delivers_nothing(pair):
    alice, bob = pair
    first = await alice.say("once", id="m-1")
    again = await alice.say("once", id="m-1")
    await catch_up(bob)

    assert again == first
    assert len(bob.all("new_message")) == 1


async def test_an_id_of_somebody_else_is_refused(pair):
    alice, bob = pair
    await alice.say("mine", id="m-1")

    assert (await bob.say("mine too", id="m-1"))["error"] == "id_conflict"


async def test_history_comes_by_pages_from_the_newest(pair):
    alice, bob = pair
    acks = [await alice.say(f"word {n}") for n in range(5)]
    group = {"groupId": alice.group_id}
    newest = await bob.ask("get_group_messages", {**group, "limit": 2})
    before = {"limit": 3, "before": newest["messages"][0]["id"]}
    older = await bob.ask("get_group_messages", {**group, **before})

    texts = [[one["encryptedContent"] for one in page["messages"]] for page in (newest, older)]
    assert texts == [["word 3", "word 4"], ["word 0", "word 1", "word 2"]]
    assert (newest["hasMore"], older["hasMore"]) == (True, False)
    assert older["messages"][0]["id"] == acks[0]["messageId"]


async def test_typing_is_told_to_the_others_only(pair):
    alice, bob = pair
    assert await alice.ask("typing_start", {"groupId": alice.group_id}) == {"success": True}
    await alice.ask("typing_stop", {"groupId": alice.group_id})
    await bob.next("user_typing", 2)
    await catch_up(alice)

    told = {"groupId": alice.group_id, "userId": alice.user_id, "login": "alice"}
    typing = [{**told, "isTyping": is_typing} for is_typing in (True, False)]
    assert bob.all("user_typing") == typing
    assert alice.heard == []


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("send_group_message", {"encryptedMessage": "x"}),
        ("get_group_messages", {}),
        ("leave_group", {}),
        ("typing_start", {}),
        ("report_member", {"userId": "u", "reason": "r"}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_who_is_not_in_a_group_cannot_tell_whether_it_is_there(
    pair, carol, event, more, known
):
    group_id = pair[0].group_id if known else "00000000-0000-7000-8000-000000000000"
    refused = await carol.ask(event, {"groupId": group_id, **more})

    assert refused == {
        "success": False,
        "error": "not_found",
        "message": "you are in no group of that id",
    }


async def test_nobody_speaks_for_somebody_else(pair):
    alice, bob = pair

    assert (await alice.say("as bob", senderId=bob.user_id))["error"] == "forbidden"


@configured(JWT_SECRET=SECRET.decode())
async def test_a_user_whose_id_is_a_number_is_told_so_however_it_was_addressed(alice, server, http):
    await alice.enter()
    user = User(user_id=NumericUserId(7), login="7", expires_ms=None)
    seven = await Stranger(server, http, Issued(by_secret({"sub": 7}, SECRET), user)).arrive()
    await seven.enter()
    for to in (7, "7"):
        await alice.say("psst", to=to)
    heard = [await seven.next("new_message") for _ in range(2)]
    ack = await alice.ask("get_group_messages", {"groupId": alice.group_id})

    assert [message["to"] for message in (*heard, *ack["messages"])] == [7] * 4
    await seven.vanish()


async def test_each_list_of_a_group_is_told_however_many_tabs_there_are(pair, carol):
    alice, _ = pair
    tabs = [await alice.another_tab() for _ in range(20)]
    for tab in tabs:
        await tab.next("joined_group")
    await carol.enter("a key")
    await carol.enter("another key")
    await carol.ask("leave_group", {"groupId": carol.group_id})

    await catch_up(*tabs)
    for tab in tabs:
        told = [data["epoch"] for event, data in tab.heard if event == "key_rotation_needed"]
        assert told == [3, 4, 5]
    for tab in tabs:
        await tab.vanish()
