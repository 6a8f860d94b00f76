"""Of a message nothing is told that is older than what was told of it, whoever is heard first."""

import pytest
from msgspec import structs

from server.core.ids import UserId
from server.core.workspaces import changes
from server.core.workspaces.changes import FOLLOW_MS, KEPT_MS, Changes
from server.core.workspaces.events import PostDeleted, PostEdited, PostReacted, PostStored
from tests.servers import until

THUMB, HEART = "\N{THUMBS UP SIGN}", "\N{HEAVY BLACK HEART}"


@pytest.fixture
async def heard(hall, room):
    """What Bob hears of the conversation, in order."""
    await hall.sit_down("bob", room)
    return lambda: [
        (type(event).__name__, *_shown(event))
        for event, _ in hall.heard
        if isinstance(event, PostStored | PostEdited | PostReacted | PostDeleted)
    ]


@pytest.fixture
def do(hall, room):
    """What is done to message "1" by whichever process, of which nobody is told yet."""
    return Doing(hall, room)


class Doing:
    """Changes that are stored; the events are for the test to deliver."""

    def __init__(self, hall, room):
        self._hall, self._atelier, self._room = hall, hall.atelier, room

    async def edit(self, text, expected=0):
        done = await self._atelier.edit("alice", "1", text, expected)
        return self._event(PostEdited, post=done.post)

    async def react(self, emoji, name="bob", now_ms=1):
        done = await self._atelier.react(name, "1", emoji, now_ms=now_ms)
        return self._event(PostReacted, post=done.post)

    async def delete(self):
        said = (await self._atelier.delete("alice", "1")).post.message
        return self._event(
            PostDeleted,
            seq=said.seq,
            message_id=said.message_id,
            user_id=UserId("alice"),
            deleted_ms=said.deleted_ms,
        )

    def _event(self, kind, **what):
        return kind(workspace_id=self._hall.id, room_id=self._room, **what)


def _shown(event):
    """Words, how often they were edited, and emoji; nothing of a deletion."""
    if isinstance(event, PostDeleted):
        return ()
    post = event.post
    return post.message.ciphertext, post.edits, "".join(emoji for emoji, _ in post.reactions)


async def tell(hall, *events):
    for event in events:
        await hall.topics.publish(event)


async def test_of_what_was_told_to_be_deleted_no_edit_and_no_reaction_is_told(
    hall, room, heard, do
):
    await hall.say("alice", room, "1")
    edited, reacted, deleted = await do.edit("ZWRpdA=="), await do.react(THUMB), await do.delete()
    await tell(hall, reacted, deleted, edited, reacted)
    await hall.later(FOLLOW_MS)

    assert [name for name, *_ in heard()] == ["PostStored", "PostReacted", "PostDeleted"]
    assert hall.posts.reads == 0, "nothing is read of what was deleted"


async def test_an_older_edit_is_not_told_after_a_newer_one(hall, room, heard, do):
    await hall.say("alice", room, "1")
    first, second = await do.edit("b25l"), await do.edit("dHdv", expected=1)
    await tell(hall, second, first)
    await hall.later(FOLLOW_MS)

    assert heard()[1:] == [("PostEdited", "dHdv", 2, "")]


async def test_the_older_of_two_lists_of_reactions_is_followed_by_how_they_stand(
    hall, room, heard, do
):
    await hall.say("alice", room, "1")
    first, second = await do.react(THUMB), await do.react(HEART, now_ms=2)
    await tell(hall, second, first)
    assert [shown[-1] for shown in heard()[1:]] == [THUMB + HEART, THUMB]
    await hall.later(FOLLOW_MS)
    await hall.later(FOLLOW_MS)

    assert [shown[-1] for shown in heard()[1:]] == [THUMB + HEART, THUMB, THUMB + HEART]
    assert heard()[-1][0] == "PostReacted"
    assert hall.posts.reads == 1


async def test_reactions_in_their_order_are_told_each_once(hall, room, heard, do):
    await hall.say("alice", room, "1")
    await tell(hall, await do.react(THUMB), await do.react(HEART, now_ms=2), await do.react(THUMB))
    await hall.later(FOLLOW_MS)

    assert [shown[-1] for shown in heard()[1:]] == [THUMB, THUMB + HEART, HEART]
    assert hall.posts.reads == 1


async def test_a_reaction_from_before_an_edit_is_told_with_the_words_of_the_edit(
    hall, room, heard, do
):
    await hall.say("alice", room, "1")
    reacted, edited = await do.react(THUMB), await do.edit("bmV3")
    edited = structs.replace(edited, post=structs.replace(edited.post, reactions=()))
    await tell(hall, edited, reacted)
    assert heard()[1:] == [("PostEdited", "bmV3", 1, "")]
    await hall.later(FOLLOW_MS)

    assert heard()[2:] == [("PostReacted", "bmV3", 1, THUMB)]


async def test_what_could_not_be_read_is_read_when_the_store_is_back(hall, room, heard, do):
    await hall.say("alice", room, "1")
    first, second = await do.react(THUMB), await do.react(HEART, now_ms=2)
    await tell(hall, second, first)
    hall.posts.is_away = True
    await hall.later(FOLLOW_MS)
    hall.posts.is_away = False
    await hall.later(FOLLOW_MS)

    assert heard()[-1][-1] == THUMB + HEART
    assert hall.posts.reads == 2


async def test_what_comes_while_a_message_is_read_again_is_not_followed_by_what_was_read(
    hall, room, heard, do
):
    await hall.say("alice", room, "1")
    first, second = await do.react(THUMB), await do.react(HEART, now_ms=2)
    await tell(hall, second, first)
    last = await do.react(THUMB)
    read = hall.posts.told_after

    async def slow(*asked):
        found = await read(*asked)
        await tell(hall, last)
        return [structs.replace(one, reactions=first.post.reactions) for one in found]

    hall.posts.told_after = slow
    await hall.later(FOLLOW_MS)
    hall.posts.told_after = read
    await hall.later(FOLLOW_MS)

    assert [shown[-1] for shown in heard()[1:]] == [THUMB + HEART, THUMB, HEART]


# --- before the message itself ---


async def test_what_was_deleted_before_it_was_told_is_told_as_it_is_read(hall, room, heard, do):
    stored = await hall.store("alice", room, "1")
    await tell(hall, await do.react(THUMB), await do.delete())
    assert heard() == []
    await tell(hall, stored)

    assert heard() == [("PostStored", None, 0, ""), ("PostDeleted",)]
    (read,) = await hall.posts.told_after(room, 0, 1)
    assert hall.heard[0][0].post == structs.replace(read, key=None)


async def test_changes_wait_for_a_message_that_waits_for_another(hall, room, heard, do):
    before = await hall.store("alice", room, "0")
    stored = await hall.store("alice", room, "1")
    first, second = await do.edit("b25l"), await do.edit("dHdv", expected=1)
    await tell(hall, stored, second, first, before)

    assert [name for name, *_ in heard()] == ["PostStored", "PostStored", "PostEdited"]
    assert [shown[1:3] for shown in heard()[1:]] == [("dHdv", 2), ("dHdv", 2)]
    order = hall.attendance._deliveries._orders[hall.id][room]
    assert order._timer is None, "nothing is waited for"


async def test_a_message_of_which_only_a_change_came_is_read(hall, room, heard, do):
    await hall.store("alice", room, "1")
    await tell(hall, await do.edit("bmV3"))
    await until(lambda: len(heard()) == 2)

    assert heard() == [("PostStored", "bmV3", 1, ""), ("PostEdited", "bmV3", 1, "")]


async def test_a_change_that_waited_is_not_told_after_a_message_that_was_read_later(
    hall, room, heard, do
):
    await hall.store("alice", room, "1")
    first, second = await do.edit("b25l"), await do.edit("dHdv", expected=1)
    await tell(hall, first)
    await until(heard)
    await tell(hall, second)

    assert heard() == [("PostStored", "dHdv", 2, ""), ("PostEdited", "dHdv", 2, "")]


async def test_it_is_read_though_what_is_before_it_has_come_by_itself(hall, room, heard, do):
    before = await hall.store("alice", room, "0")
    await hall.store("alice", room, "1")
    await tell(hall, await do.edit("bmV3"), before)
    await until(lambda: len(heard()) == 3)

    assert heard()[1:] == [("PostStored", "bmV3", 1, ""), ("PostEdited", "bmV3", 1, "")]


async def test_a_held_message_is_told_as_it_was_read_with_what_was_before_it(hall, room, heard, do):
    await hall.store("alice", room, "0")
    stored = await hall.store("alice", room, "1", skip="tab")
    await hall.sit_down("bob", room, "tab")
    edited = await do.edit("bmV3")
    await tell(hall, stored)
    await until(lambda: len(heard()) == 2)
    await tell(hall, edited)

    assert heard()[1:] == [("PostStored", "bmV3", 1, ""), ("PostEdited", "bmV3", 1, "")]
    assert hall.texts("tab") == ["0"], "who has said it does not hear it"


async def test_a_change_of_what_is_no_more_is_not_waited_for(hall, room, heard, do):
    await hall.store("alice", room, "1")
    edited = await do.edit("bmV3")
    await hall.atelier.home.change("DELETE FROM messages WHERE room_id = $1", room)
    await tell(hall, edited)
    await until(lambda: hall.posts.reads)
    await hall.say("alice", room, "2")

    await until(lambda: hall.texts("bob") == ["2"])
    assert hall.posts.reads == 1


async def test_a_message_that_comes_after_its_deletion_says_nothing(hall, room, heard, do):
    """Also where nobody has counted, and so nothing can wait."""
    await hall.say("alice", room, "0")
    hall.attendance._deliveries._orders[hall.id][room]._told_seq = None
    stored = await hall.store("alice", room, "1")
    await tell(hall, await do.delete(), stored)

    assert heard()[1:] == [("PostDeleted",), ("PostStored", None, 0, "")]


# --- for how long, and of how many ---


async def test_what_was_told_is_forgotten_after_a_while(hall, room, heard, do):
    await hall.say("alice", room, "1")
    await tell(hall, await do.edit("bmV3"), await do.react(THUMB))
    known = hall.attendance._deliveries._changes
    await hall.later(KEPT_MS - 1)
    assert known._known
    await hall.later(KEPT_MS)

    assert (known._known, known._doubts) == ({}, {})


async def test_no_more_is_known_than_so_many_messages(hall, room, do, monkeypatch):
    monkeypatch.setattr(changes, "MAX_KNOWN", 2)
    await hall.say("alice", room, "1")
    edited, known = await do.edit("bmV3"), Changes()
    for seq in range(1, 5):
        said = structs.replace(edited.post.message, seq=seq)
        assert known.is_news(
            structs.replace(edited, post=structs.replace(edited.post, message=said)), 0
        )
    assert [seq for _, seq in known._known] == [3, 4]
