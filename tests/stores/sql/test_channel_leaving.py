"""Conversations of workspaces that people leave: who owns them then, and which of them end."""

import json

import pytest

from server.core.errors import Code
from server.core.ids import UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.stores.durable import Durable
from server.stores.sql.steps import rows, value
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.teams import code_of, foreigner

ALICE, BOB, CAROL = map(UserId, ("alice", "bob", "carol"))


@pytest.fixture
async def atelier(home) -> Atelier:
    return await atelier_of(home)


async def test_whoever_leaves_is_followed_by_an_heir_and_the_last_one_ends_it(atelier):
    room = await atelier.room("alice", "bob")
    left = await atelier.channels.remove_member(ALICE, room, ALICE, NOW_MS)
    assert left.workspace_id == atelier.team.id
    assert [one.user_id for one in left.conversation.participants] == ["bob"]
    assert left.conversation.epoch == 2
    assert await atelier.people(room, "bob") == {"bob": "owner"}
    assert (await atelier.channels.remove_member(BOB, room, BOB, NOW_MS)).conversation is None


async def test_who_is_taken_out_of_a_workspace_is_in_none_of_its_conversations(atelier):
    room = await atelier.room("alice", "bob")
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.say("bob", pair, "m1")
    assert set(await atelier.team.remove("alice", "bob")) == {room, pair}
    assert await code_of(atelier.channels.get(BOB, pair)) is Code.NOT_FOUND
    assert await atelier.read_by("alice", pair) == ["m1"]
    assert await code_of(atelier.say("alice", pair)) is Code.RECIPIENT_NOT_FOUND
    await atelier.team.add("alice", "bob")
    back = await atelier.make("alice", "bob", kind=Kind.DIRECT)
    assert (back.channel.conversation.room_id, back.joined) == (pair, ("bob",))
    assert await atelier.read_by("bob", pair) == ["m1"]
    await atelier.say("alice", pair, "m2")


async def has_ended(atelier, room):
    sql = "SELECT deleted_ms FROM rooms WHERE room_id = $1"
    return await atelier.home.database.read(lambda: value(sql, room)) is not None


@pytest.mark.parametrize("last", ["deleted", "removed"])
async def test_a_direct_one_ends_with_the_last_of_the_two_however_they_go(atelier, last):
    accounts = Durable(atelier.home.database, Bounds()).accounts
    pair = await atelier.room("carol", "bob", kind=Kind.DIRECT)
    if last == "deleted":
        await atelier.team.remove("alice", "bob")
        assert not await has_ended(atelier, pair)
        await accounts.delete(CAROL, NOW_MS)
    else:
        await accounts.delete(CAROL, NOW_MS)
        assert not await has_ended(atelier, pair)
        await atelier.team.remove("alice", "bob")
    assert await has_ended(atelier, pair)


async def test_a_direct_one_stays_for_a_user_of_another_system(atelier):
    await atelier.home.workspaces.note_foreign(foreigner("7"), NOW_MS)
    await atelier.team.add("alice", "7")
    pair = await atelier.room("bob", "7", kind=Kind.DIRECT)
    await Durable(atelier.home.database, Bounds()).accounts.delete(BOB, NOW_MS)
    assert not await has_ended(atelier, pair)
    await atelier.team.remove("alice", "7")
    assert await has_ended(atelier, pair)


@pytest.mark.parametrize(("by", "reason"), [("alice", "member_removed"), ("bob", "member_left")])
async def test_what_queues_hear_of_a_removal_counts_for_who_has_removed(atelier, by, reason):
    post = Post(atelier.home, Bounds())
    await atelier.room("carol", "bob", is_sealed=False)
    await post.store.see([phone("carol"), phone("bob")], NOW_MS)
    await atelier.team.remove(by, "bob")
    sql = "SELECT DISTINCT sender_id FROM queued_events"
    found = await atelier.home.database.read(lambda: rows(sql))
    assert [one for (one,) in found] == [by]
    (told,) = await post.read(phone("bob"))
    assert json.loads(told.metadata or b"{}")["reason"] == reason
