"""Threads and reactions of messages of workspaces."""

import asyncio

import pytest

from server.core.errors import Code
from server.core.ids import MessageId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.stores.sql.workspaces.posts import SqlPosts
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, outcomes
from tests.stores.sql.teams import code_of

ALICE, BOB = map(UserId, ("alice", "bob"))


@pytest.fixture(params=["sealed", "opaque"])
async def atelier(home, request) -> Atelier:
    return await atelier_of(home, is_sealed=request.param == "sealed")


@pytest.fixture
async def room(atelier):
    """In which Alice has begun a thread, `a`, which Bob and she have answered."""
    made = await atelier.room("alice", "bob")
    await atelier.say("alice", made, "a")
    await atelier.say("bob", made, "b", "a", now_ms=NOW_MS + 1)
    await atelier.say("alice", made, "between", now_ms=NOW_MS + 2)
    await atelier.say("alice", made, "c", "b", now_ms=NOW_MS + 3)
    return made


async def in_thread(atelier, room, named, **wish):
    return await atelier.read_by("bob", room, thread=MessageId(named), **wish)


async def test_what_answers_an_answer_is_in_the_thread_of_the_first(atelier, room):
    shown = {one: await atelier.post(one) for one in ("a", "b", "c", "between")}
    assert [(one.reply_to, one.thread) for one in shown.values()] == [
        (None, None),
        ("a", "a"),
        ("b", "a"),
        (None, None),
    ]
    assert (shown["a"].replies, shown["a"].last_reply_ms) == (2, NOW_MS + 3)
    assert (shown["b"].replies, shown["b"].last_reply_ms) == (0, None)


async def test_a_thread_is_read_by_any_of_its_messages_page_by_page(atelier, room):
    for named in ("a", "b", "c"):
        assert await in_thread(atelier, room, named) == ["a", "b", "c"]
    assert await in_thread(atelier, room, "between") == ["between"]
    page, has_more = await atelier.posts.page(BOB, room, 2, NOW_MS, thread=MessageId("a"))
    assert [one.message.message_id for one in page] == ["b", "c"]
    assert has_more
    assert await in_thread(atelier, room, "a", limit=2, before=2) == ["a"]
    assert await in_thread(atelier, room, "a", limit=1, after=1) == ["b"]
    assert await atelier.read_by("bob", room) == ["a", "b", "between", "c"]


async def test_a_new_answer_is_told_with_its_thread(atelier, room):
    stored = await atelier.say("bob", room, "d", "c")
    assert (stored.post.reply_to, stored.post.thread) == ("c", "a")


async def test_only_what_one_can_read_is_answered(atelier, room):
    elsewhere = await atelier.room("bob", "carol")
    await atelier.say("carol", elsewhere, "secret")
    for named in ("secret", "nothing"):
        assert await code_of(atelier.say("alice", room, reply_to=named)) is Code.NOT_FOUND
        assert await code_of(in_thread(atelier, room, named)) is Code.NOT_FOUND
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.home.block("bob", "alice")
    await atelier.say("alice", pair, "withheld")
    await atelier.home.change("DELETE FROM account_blocks")
    assert await code_of(atelier.say("bob", pair, reply_to="withheld")) is Code.NOT_FOUND


async def test_what_comes_at_once_with_what_it_answers_is_in_its_thread(atelier, room):
    said = [atelier.say("alice", room, "x0")]
    said += [atelier.say("alice", room, f"x{one}", f"x{one - 1}") for one in range(1, 4)]
    await asyncio.gather(*said)
    assert await in_thread(atelier, room, "x3") == ["x0", "x1", "x2", "x3"]
    assert (await atelier.post("x0")).replies == 3


async def test_answers_that_are_deleted_or_forgotten_do_not_count(atelier, room):
    await atelier.say("bob", room, "d", "a", now_ms=NOW_MS + 9, ttl_ms=5)
    assert (await atelier.post("a")).replies == 3
    assert await atelier.home.messages.expire(NOW_MS + 20, 10) == 1
    assert ((await atelier.post("a")).replies, (await atelier.post("a")).last_reply_ms) == (
        2,
        NOW_MS + 3,
    )
    await atelier.delete("alice", "c")
    assert ((await atelier.post("a")).replies, (await atelier.post("a")).last_reply_ms) == (
        1,
        NOW_MS + 1,
    )
    await atelier.delete("alice", "c")
    assert (await atelier.post("a")).replies == 1


async def test_of_answers_deleted_at_once_each_is_counted_once(atelier, room):
    for number in range(6):
        await atelier.say("bob", room, f"x{number}", "a")
    await asyncio.gather(*(atelier.delete("bob", f"x{number}") for number in range(6)))
    assert (await atelier.post("a")).replies == 2


async def test_a_first_message_that_is_deleted_keeps_its_thread(atelier, room):
    await atelier.delete("alice", "a")
    assert (await atelier.post("a")).replies == 2
    assert await in_thread(atelier, room, "c") == ["a", "b", "c"]


# --- reactions ---


async def test_reactions_stand_in_order_of_the_first_of_each(atelier, room):
    for at, (name, emoji) in enumerate((("bob", "🎉"), ("alice", "👍"), ("alice", "🎉"))):
        assert (await atelier.react(name, "a", emoji, now_ms=NOW_MS + at)).is_changed
    assert (await atelier.post("a")).reactions == (("🎉", ("bob", "alice")), ("👍", ("alice",)))
    page, _ = await atelier.posts.page(BOB, room, 10, NOW_MS)
    assert [one.message.message_id for one in page if one.reactions] == ["a"]


async def test_without_a_word_it_is_the_other_way_round_and_with_one_it_is_safe_to_repeat(
    atelier, room
):
    for wanted, is_changed, left in (
        (None, True, 1),
        (True, False, 1),
        (None, True, 0),
        (False, False, 0),
        (True, True, 1),
        (False, True, 0),
    ):
        done = await atelier.react("bob", "a", "👍", wanted)
        assert (done.is_changed, len(done.post.reactions)) == (is_changed, left)


async def test_reactions_of_a_message_are_bounded(atelier, room):
    atelier.posts = SqlPosts(atelier.home.database, Bounds(emojis=2, reactions=3))
    for name, emoji in (("alice", "1"), ("alice", "2"), ("bob", "1")):
        await atelier.react(name, "a", emoji)
    assert await code_of(atelier.react("bob", "a", "2")) is Code.LIMIT_REACHED
    await atelier.react("bob", "a", "1")
    assert await code_of(atelier.react("bob", "a", "3")) is Code.LIMIT_REACHED
    await atelier.react("bob", "a", "2")


async def test_the_last_place_goes_to_one_of_two_reactions_at_once(atelier, room):
    atelier.posts = SqlPosts(atelier.home.database, Bounds(reactions=1))
    results = await outcomes(atelier.react("alice", "a", "1"), atelier.react("bob", "a", "1"))
    assert [getattr(one, "code", None) for one in results].count(Code.LIMIT_REACHED) == 1


async def test_nobody_reacts_who_cannot_read_it(atelier, room):
    assert await code_of(atelier.react("carol", "a", "👍")) is Code.NOT_FOUND
