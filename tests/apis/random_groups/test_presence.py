"""Who is there, and for how long without a connection."""

from tests.apis.random_groups.strangers import logins
from tests.people import catch_up
from tests.servers import until


async def test_a_lost_member_leaves_after_the_grace(pair, later, server):
    alice, bob = pair
    await bob.vanish()
    await until(lambda: server.connections == 1)
    await later(seconds=2.9)
    await catch_up(alice)
    assert alice.heard == []

    await later(seconds=0.2)

    left = await alice.next("user_left")
    assert (left["login"], left["reason"]) == ("bob", "lost")
    assert (await alice.next("system_message"))["message"] == "“bob” lost the connection"
    assert (await alice.next("key_rotation_needed"))["epoch"] == 3


async def test_who_lets_its_token_run_out_is_told_that_it_is_out(pair, later):
    alice, bob = pair
    tab = await bob.another_tab()
    for _ in range(24 * 60 // 29):
        await later(minutes=29)
        await alice.say("still here")
    await later(minutes=20)
    await alice.next("auth-expired")
    await later(minutes=1)

    for one in (bob, tab):
        assert await one.next("group_closed") == {"groupId": bob.group_id, "reason": "signed_out"}
    await tab.vanish()


async def test_who_comes_back_within_the_grace_was_never_away(pair, later, server):
    alice, bob = pair
    await bob.vanish()
    await until(lambda: server.connections == 1)
    back = await bob.another_tab()
    entered = await back.next("joined_group")
    await later(seconds=10)
    await catch_up(alice)

    assert logins(entered["group"]) == ["alice", "bob"]
    assert alice.heard == []
    await back.vanish()


async def test_who_joined_by_rest_has_a_minute_to_connect(alice, stranger, later):
    await alice.enter()
    bob = await stranger("bob")
    await bob.vanish()
    _, joined = await bob.post("/api/groups/join-random", {"publicKey": "k"})
    await later(seconds=59)
    _, there = await bob.get("/api/groups/current")
    await later(seconds=2)
    _, gone = await bob.get("/api/groups/current")

    assert logins(joined["group"]) == ["alice", "bob"]
    assert there["group"]["id"] == alice.group_id
    assert gone == {"success": True, "group": None}


async def test_who_joined_by_rest_and_connects_stays(alice, stranger, later):
    await alice.enter()
    bob = await stranger("bob")
    await bob.post("/api/groups/join-random", {"publicKey": "k"})
    entered = await bob.next("joined_group")
    await later(minutes=5)

    assert logins(entered["group"]) == ["alice", "bob"]
    await alice.say("hello")
    assert (await bob.next("new_message"))["encryptedContent"] == "hello"


async def test_an_idle_group_ends_for_all(pair, later):
    alice, bob = pair
    await later(minutes=30)

    for person in pair:
        closed = await person.next("group_closed")
        assert closed == {"groupId": alice.group_id, "reason": "expired"}
    assert (await alice.say("anybody?"))["error"] == "not_found"
    assert logins(await bob.enter()) == ["bob"]


async def test_a_group_with_talk_in_it_does_not_end(pair, later):
    alice, bob = pair
    await later(minutes=29)
    await alice.say("still here")
    await later(minutes=29)
    await bob.ask("typing_start", {"groupId": bob.group_id})
    await later(minutes=29)

    assert (await alice.say("and here"))["success"]
