"""Messages of workspaces: sent, read, edited, deleted."""

import asyncio

import pytest

from server.core.durable import Status
from server.core.errors import Code
from server.core.ids import MessageId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.conversations import Device, MessageRef
from server.stores.sql.conversations import SqlMessages
from server.stores.sql.steps import rows, value
from server.stores.sql.usage import MESSAGE_BYTES, TOKEN_BYTES
from server.stores.sql.workspaces.posts import SqlPosts
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, Household, outcomes, phone
from tests.stores.sql.teams import asks, code_of

ALICE, BOB, CAROL, DAN = map(UserId, ("alice", "bob", "carol", "dan"))


@pytest.fixture(params=["sealed", "opaque"])
async def atelier(home, request) -> Atelier:
    return await atelier_of(home, is_sealed=request.param == "sealed")


@pytest.fixture
async def room(atelier):
    return await atelier.room("alice", "bob")


async def tokens_of(atelier, room) -> set[str]:
    sql = "SELECT token FROM word_tokens WHERE room_id = $1"
    return {one for (one,) in await atelier.home.database.read(lambda: rows(sql, room))}


async def stored_bytes(atelier, user="alice") -> int:
    sql = "SELECT bytes FROM stored_bytes WHERE user_id = $1"
    return await atelier.home.database.read(lambda: value(sql, user)) or 0


async def test_what_is_said_is_read_by_all_who_are_there_in_order(atelier, room):
    stored = [await atelier.say(*one) for one in (("alice", room, "m1"), ("bob", room, "m2"))]
    assert [one.post.message.seq for one in stored] == [1, 2]
    assert set(stored[0].readers) == {"alice", "bob"}
    for name in ("alice", "bob"):
        assert await atelier.read_by(name, room) == ["m1", "m2"]
    shown = await atelier.post("m1")
    assert shown.message.ciphertext == "c2VjcmV0"
    assert (shown.key is not None) is atelier.is_sealed
    assert (shown.message.workspace_id, shown.edits) == (atelier.team.id, 0)


async def test_a_message_sent_again_is_stored_once_and_shown_as_it_was_first(atelier, room):
    first = await atelier.say("alice", room, "m1")
    again = await atelier.say("alice", room, "m1", ciphertext="YW5vdGhlcg==")
    assert again.is_repeat
    assert again.message.ciphertext == first.message.ciphertext
    assert await code_of(atelier.say("bob", room, "m1")) is Code.ID_CONFLICT


async def test_pages_go_both_ways_and_say_whether_there_is_more(atelier, room):
    ids = [f"m{number}" for number in range(5)]
    for one in ids:
        await atelier.say("alice", room, one)
    page = atelier.posts.page
    asked = [await page(BOB, room, 2, NOW_MS, **wish) for wish in ({}, {"before": 3}, {"after": 3})]
    shown = [([one.message.message_id for one in page], more) for page, more in asked]
    assert shown == [(ids[3:], True), (ids[:2], False), (ids[3:], False)]


async def test_who_comes_later_reads_what_was_sealed_before_and_not_what_was_opaque(atelier, room):
    await atelier.say("alice", room, "m1")
    await atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
    await atelier.say("alice", room, "m2")
    expected = ["m1", "m2"] if atelier.is_sealed else ["m2"]
    assert await atelier.read_by("carol", room) == expected
    assert await atelier.unread("carol") == {room: 1}


async def test_a_sealed_conversation_takes_nothing_that_is_opaque_nor_the_other_way(atelier, room):
    wrong = not atelier.is_sealed
    assert await code_of(atelier.say("alice", room, is_sealed=wrong)) is Code.NOT_FOUND
    await atelier.say("alice", room, "m1")
    key_version = None if atelier.is_sealed else 1
    wish = atelier.edit("alice", "m1", key_version=key_version)
    assert await code_of(wish) is Code.NOT_FOUND


async def test_whoever_blocks_the_other_is_told_nothing_of_it_and_the_other_sees_it_stored(atelier):
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.home.block("bob", "alice")
    stored = await atelier.say("alice", pair, "m1")
    assert stored.readers == ("alice",)
    assert stored.post.is_withheld
    assert await atelier.read_by("bob", pair) == []
    (told,) = await atelier.posts.told_after(pair, 0, 10)
    assert told.is_withheld
    assert await code_of(atelier.react("bob", "m1", "x")) is Code.NOT_FOUND


async def test_what_was_missed_is_told_in_order_and_no_more_than_is_asked_for(atelier, room):
    for number in range(4):
        await atelier.say("alice", room, f"m{number}")
    told = await atelier.posts.told_after(room, 1, 2)
    assert [one.message.seq for one in told] == [2, 3]


async def test_a_page_of_secure_chat_has_what_was_said_here_if_it_is_opaque(atelier, room):
    await atelier.say("alice", room, "m1", covered=None)
    if not atelier.is_sealed:
        assert await atelier.home.read_by("bob", room) == ["m1"]
        assert await atelier.home.waiting(phone("bob")) == ["m1"]
        back = await atelier.home.send("bob", room, "m2")
        assert (back.post.message.message_id, back.post.key) == ("m2", None)
        assert await atelier.read_by("alice", room) == ["m1", "m2"]


async def test_whoever_sends_from_here_need_not_name_the_devices_of_the_others(atelier, room):
    await atelier.home.add_device("bob", "laptop")
    assert not (await atelier.say("alice", room, "m1")).is_repeat
    if not atelier.is_sealed:
        wrong = frozenset([Device(BOB, phone("alice").device_id)])
        assert await code_of(atelier.say("alice", room, covered=wrong)) is Code.DEVICE_MISMATCH


# --- edits ---


async def test_an_edit_says_something_else_in_the_same_place(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("old", "kept"))
    changed = await atelier.edit("alice", "m1", tokens=("kept", "new"))
    assert changed.is_changed
    assert set(changed.readers) == {"alice", "bob"}
    shown = await atelier.post("m1", "bob")
    assert (shown.message.ciphertext, shown.message.seq) == ("bmV3", 1)
    assert (shown.edits, shown.edited_ms) == (1, NOW_MS + 5)
    assert await tokens_of(atelier, room) == {"kept", "new"}


async def test_what_was_edited_under_a_newer_key_comes_with_that(atelier):
    room = await atelier.room("alice", "bob", is_sealed=True)
    await atelier.say("alice", room, "m1", is_sealed=True)
    await atelier.home.change(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, 2, $2, $2, 1)",
        atelier.team.id,
        b"newer",
    )
    changed = await atelier.edit("alice", "m1", key_version=2)
    shown = await atelier.post("m1", "bob")
    assert changed.post.key == shown.key
    assert shown.key is not None
    assert (shown.key.version, shown.key.wrapped) == (2, b"newer")


async def test_only_what_one_has_said_oneself_is_edited_even_by_owners(atelier, room):
    await atelier.say("bob", room, "m1")
    assert await code_of(atelier.edit("alice", "m1")) is Code.FORBIDDEN
    assert await code_of(atelier.edit("carol", "m1")) is Code.NOT_FOUND
    await atelier.delete("bob", "m1")
    assert await code_of(atelier.edit("bob", "m1")) is Code.NOT_FOUND


async def test_of_two_edits_at_once_one_is_refused(atelier, room):
    await atelier.say("alice", room, "m1")
    results = await outcomes(atelier.edit("alice", "m1"), atelier.edit("alice", "m1"))
    codes = [one.code for one in results if not hasattr(one, "post")]
    assert codes == [Code.ID_CONFLICT]
    assert (await atelier.post("m1")).edits == 1


async def test_whoever_edits_says_how_often_it_was_edited_before(atelier, room):
    await atelier.say("alice", room, "m1")
    assert await code_of(atelier.edit("alice", "m1", expected=1)) is Code.ID_CONFLICT
    await atelier.edit("alice", "m1")
    for expected in (0, 2):
        wish = atelier.edit("alice", "m1", expected=expected)
        assert await code_of(wish) is Code.ID_CONFLICT
    assert (await atelier.edit("alice", "m1", expected=1)).post.edits == 2


async def test_of_a_change_hears_whoever_may_read_what_was_changed(atelier, room):
    await atelier.say("alice", room, "m1")
    await atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
    readers = {"alice", "bob", "carol"} if atelier.is_sealed else {"alice", "bob"}
    assert set((await atelier.edit("alice", "m1")).readers) == readers
    assert set((await atelier.react("bob", "m1", "x")).readers) == readers
    assert set((await atelier.delete("alice", "m1")).readers) == readers


async def test_of_a_change_of_what_was_withheld_hears_its_sender_alone(atelier):
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    await atelier.home.block("bob", "alice")
    await atelier.say("alice", pair, "m1")
    assert (await atelier.edit("alice", "m1")).readers == ("alice",)
    assert (await atelier.react("alice", "m1", "x")).readers == ("alice",)
    assert (await atelier.delete("alice", "m1")).readers == ("alice",)


async def test_what_one_has_stored_is_counted_through_edits_and_deletions(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("a", "b"))
    assert await stored_bytes(atelier) == MESSAGE_BYTES + 8 + 13 + 2 * TOKEN_BYTES
    await atelier.edit("alice", "m1", text="x" * 100, tokens=("a",))
    assert await stored_bytes(atelier) == MESSAGE_BYTES + 100 + TOKEN_BYTES
    await atelier.delete("alice", "m1")
    assert await stored_bytes(atelier) == MESSAGE_BYTES
    await atelier.say("alice", room, "m2", tokens=("a",), ttl_ms=5)
    assert await atelier.home.messages.expire(NOW_MS + 10, 10) == 1
    assert await stored_bytes(atelier) == MESSAGE_BYTES


async def test_no_edit_makes_a_message_larger_than_its_account_may_have(atelier, room):
    await atelier.say("alice", room, "m1")
    small = Bounds(account_bytes=MESSAGE_BYTES + 50)
    atelier.posts = SqlPosts(atelier.home.database, small)
    assert await code_of(atelier.edit("alice", "m1", text="x" * 51)) is Code.LIMIT_REACHED
    assert (await atelier.post("m1")).edits == 0
    await atelier.edit("alice", "m1", text="x" * 50)
    messages = SqlMessages(atelier.home.database, small)
    atelier.home.messages = messages
    assert await code_of(atelier.say("alice", room)) is Code.LIMIT_REACHED


async def test_who_has_more_than_its_account_may_have_can_still_say_less(atelier, room):
    await atelier.say("alice", room, "m1")
    atelier.posts = SqlPosts(atelier.home.database, Bounds(account_bytes=MESSAGE_BYTES))
    before = await stored_bytes(atelier)
    await atelier.edit("alice", "m1", text="x")
    assert MESSAGE_BYTES < await stored_bytes(atelier) < before


# --- deletions ---


async def test_admins_delete_what_others_have_said_and_members_only_their_own(atelier, room):
    for number, name in enumerate(("alice", "bob", "bob")):
        await atelier.say(name, room, f"m{number}", tokens=("a",))
    assert await code_of(atelier.delete("bob", "m0")) is Code.FORBIDDEN
    for name, message_id in (("alice", "m1"), ("bob", "m2")):
        assert (await atelier.delete(name, message_id)).is_changed
    assert not (await atelier.delete("bob", "m2")).is_changed
    shown = await atelier.post("m1")
    assert shown.message.ciphertext is None
    assert shown.message.deleted_ms == NOW_MS
    assert await atelier.home.count("word_tokens") == 1


async def test_what_was_deleted_has_no_words_and_no_reactions_left(atelier, room):
    await atelier.say("alice", room, "m1", tokens=("a",))
    await atelier.react("bob", "m1", "x")
    await atelier.delete("alice", "m1")
    assert await tokens_of(atelier, room) == set()
    assert (await atelier.post("m1")).reactions == ()
    assert await code_of(atelier.react("bob", "m1", "x")) is Code.NOT_FOUND


async def test_who_has_left_deletes_nothing_any_more(atelier, room):
    await atelier.say("bob", room, "m1")
    await atelier.channels.remove_member(BOB, room, BOB, NOW_MS)
    assert await code_of(atelier.delete("bob", "m1")) is Code.NOT_FOUND


async def test_secure_chat_deletes_with_all_that_belongs_to_it(atelier, room):
    if atelier.is_sealed:
        return
    await atelier.say("alice", room, "m1")
    await atelier.say("bob", room, "m2", reply_to="m1")
    await atelier.react("alice", "m2", "x")
    await atelier.home.messages.delete(BOB, MessageRef(MessageId("m2")), NOW_MS)
    assert (await atelier.post("m1")).replies == 0
    assert await atelier.home.count("reactions") == 0
    noted = "SELECT user_id, subject_id FROM audit WHERE action = 'message_deleted'"
    ((by, whose),) = await atelier.home.database.read(lambda: rows(noted))
    assert (by, whose) == ("bob", "bob")


# --- who has read it ---


async def test_it_is_read_by_those_who_stand_behind_it(atelier, room):
    await atelier.say("alice", room, "m1")
    await atelier.say("alice", room, "m2")
    await atelier.mark("bob", room, "m1")
    assert [(await atelier.post(one)).read_by for one in ("m1", "m2")] == [1, 0]


async def test_secure_chat_shows_what_was_read_here_and_the_other_way_round(atelier, room):
    if atelier.is_sealed:
        return
    for one in ("m1", "m2"):
        await atelier.say("alice", room, one)
    await atelier.mark("bob", room, "m1")
    page = await atelier.home.messages.history(ALICE, room, 10, NOW_MS)
    assert [(one.status, one.read) for one in page.messages] == [(Status.READ, 1), (Status.SENT, 0)]
    await atelier.home.acknowledge(phone("bob"), "m2", status=Status.READ)
    assert (await atelier.post("m2")).read_by == 1
    assert await atelier.unread("bob") == {}


async def test_two_processes_number_what_is_said_without_gaps(databases):
    homes = [Household(one) for one in databases]
    await homes[0].settle("alice", "bob", "carol")
    first = await atelier_of(homes[0])
    second = Atelier(homes[1], first.team)
    room = await first.room("alice", "bob")
    said = [
        process.say(name, room, f"{name}{number}", reply_to="")
        for number in range(10)
        for process, name in ((first, "alice"), (second, "bob"))
    ]
    stored = await asyncio.gather(*said)
    assert sorted(one.message.seq for one in stored) == list(range(1, 21))
