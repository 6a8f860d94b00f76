"""One click into a group, and what those who are there hear of it."""

import re

from tests.apis.random_groups.strangers import GROUP, MEMBER, logins, names
from tests.people import catch_up

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


async def test_whoever_is_alone_gets_a_group_of_their_own(alice):
    ack = await alice.ask("join_random_group", {"publicKey": "a key"})

    group = ack["group"]
    assert (ack["success"], ack["message"]) == (True, "Successfully joined group")
    assert set(group) == GROUP
    assert UUID.match(group["id"])
    assert re.match(r"^.+ - \d{1,2}:\d\d:\d\d [AP]M$", group["name"])
    assert group["currentMembers"] == 1
    assert 3 <= group["maxMembers"] <= 10
    (member,) = group["members"]
    assert set(member) == MEMBER
    assert (member["userId"], member["login"]) == (alice.user_id, "alice")
    assert member["publicKey"] == "a key"
    assert ISO.match(member["joinedAt"])


async def test_the_second_comes_to_the_first_and_both_know_it(alice, bob):
    await alice.enter()
    group = await bob.enter({"kty": "RSA", "n": "…"})

    assert logins(group) == ["alice", "bob"]
    assert group["epoch"] == 2
    joined = await alice.next("user_joined")
    assert (joined["login"], joined["userId"]) == ("bob", bob.user_id)
    assert joined["publicKey"] == {"kty": "RSA", "n": "…"}
    assert (await alice.next("system_message"))["message"] == "“bob” joined the group"
    rotation = await alice.next("key_rotation_needed")
    assert (rotation["groupId"], rotation["epoch"]) == (group["id"], 2)
    assert rotation["members"] == group["members"]
    await catch_up(bob)
    assert bob.heard == []


async def test_joining_again_answers_the_same_group_and_tells_nobody(pair):
    alice, bob = pair
    again = await bob.ask("join_random_group", {"publicKey": "key of bob"})
    await catch_up(alice)

    assert again["group"]["id"] == bob.group_id
    assert again["message"] == "You are in this group already"
    assert alice.heard == []


async def test_joining_again_with_another_key_makes_an_epoch(pair):
    alice, bob = pair
    group = await bob.enter("a new key")

    assert group["epoch"] == 3
    rotation = await alice.next("key_rotation_needed")
    assert rotation["epoch"] == 3
    assert [member["publicKey"] for member in rotation["members"]] == ["key of alice", "a new key"]


async def test_no_key_no_group(alice):
    refused = await alice.ask("join_random_group", {})

    assert (refused["success"], refused["error"]) == (False, "invalid_request")


async def test_another_tab_is_put_into_the_group_and_told(pair):
    alice, bob = pair
    tab = await bob.another_tab()
    entered = await tab.next("joined_group")
    await catch_up(alice)

    assert entered["group"]["id"] == bob.group_id
    assert logins(entered["group"]) == ["alice", "bob"]
    assert alice.heard == []
    await alice.say("hello")
    assert (await tab.next("new_message"))["encryptedContent"] == "hello"
    await tab.vanish()


async def test_next_leads_to_other_people(pair, carol):
    alice, bob = pair
    moved = await bob.ask("next_group", {})
    await carol.enter()

    assert moved["group"]["id"] != bob.group_id
    assert logins(moved["group"]) == ["bob"]
    assert (await alice.next("user_left"))["login"] == "bob"
    assert carol.group_id in {alice.group_id, moved["group"]["id"]}
    assert bob.user_id not in {
        member["userId"] for member in (await alice.next("key_rotation_needed"))["members"]
    }


async def test_who_moved_on_hears_no_more_of_the_group_before(pair):
    alice, bob = pair
    await bob.ask("next_group", {})
    await alice.say("still there?")
    await catch_up(bob)

    assert names(bob) == []


async def test_who_left_is_not_brought_back_to_the_same_people(pair, later):
    alice, bob = pair
    left = await bob.ask("leave_group", {"groupId": bob.group_id})
    alone = await bob.enter()

    assert left == {"success": True, "message": "Successfully left group"}
    assert logins(alone) == ["bob"]
    await bob.ask("leave_group", {"groupId": bob.group_id})
    await later(seconds=121)
    assert logins(await bob.enter()) == ["alice", "bob"]
    assert alice.group_id == bob.group_id


async def test_a_session_of_a_groups_name_is_another_room(pair, carol):
    alice, _ = pair
    for name in (alice.group_id, f"random:{alice.group_id}"):
        await carol.join(name, "carol", isCreator=True)
    carol.heard.clear()
    await alice.say("for the group")
    await catch_up(carol)

    assert carol.heard == []
