"""Conversations of workspaces: sealed before any store sees them, and told to whom they concern."""

import asyncio
from typing import Any

import pytest

from server.core.durable import (
    ConversationChanged,
    ConversationEnded,
    MessageStored,
    Role,
    Status,
    StatusAdvanced,
)
from server.core.durable_messages import Post as SecureChatPost
from server.core.errors import Code
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId, RoomId, UserId, WorkspaceId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef, RoomChange
from server.core.user_events import MailWaits
from server.core.workspaces.channels import Channels, ChannelWish, TextChange
from server.core.workspaces.content import EditWish, PostWish
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelLeft,
    ChannelMade,
    PositionMoved,
    PostDeleted,
    PostEdited,
    PostReacted,
    PostStored,
    PostTyping,
)
from server.stores.sql.migrations import migrate
from server.stores.sql.steps import rows, run
from tests.core.visitors import Core, refused
from tests.stores.sql.households import Household

LINE = ConnectionId("line")

CANARY = "Kanarienvogel"
"""That stands in no database."""

PLAIN = {"name": f"{CANARY} name", "description": f"{CANARY} text", "icon": "🐤"}


def of_account(name: str) -> User:
    return User(user_id=UserId(name), login=name, expires_ms=None, family_id="a sign-in")


ALICE, BOB, CAROL = map(of_account, ("alice", "bob", "carol"))


class Office:
    """A workspace of Alice's and Bob's, on a core."""

    def __init__(self, core: Core, workspace_id: WorkspaceId) -> None:
        self.core = core
        self.id = workspace_id

    async def channel(self, *, is_opaque: bool = False, **other) -> RoomId:
        wish = {"kind": Kind.GROUP, "members": (UserId("bob"),), **PLAIN, **other}
        made, _ = await self.core.channels.create(
            ALICE, ChannelWish(workspace_id=self.id, is_opaque=is_opaque, **wish)
        )
        self.forget()
        return made.conversation.room_id

    async def say(self, user: User, room: RoomId, content: str, message_id="", **other):
        wish = PostWish(
            room_id=room,
            content=content,
            message_id=MessageId(message_id) if message_id else None,
            **other,
        )
        return await self.core.posts.send(user, wish, LINE)

    def forget(self) -> None:
        self.core.told.clear()
        self.core.told_workspaces.clear()

    def told(self, kind):
        """The only event of a kind that the workspace was told."""
        (event,) = [one for one in self.core.told_workspaces if isinstance(one, kind)]
        return event

    def told_users(self, kind):
        return [one for one in self.core.told if isinstance(one, kind)]


@pytest.fixture
async def office(open_core):
    core = open_core(bounds=Bounds(attachments=2, attachments_bytes=60, post_bytes=40))
    await core.database.start()
    await migrate(core.database)
    await Household(core.database).settle("alice", "bob", "carol")
    made = await core.workspaces.create(ALICE, "Office")
    await core.workspaces.set_member(ALICE, made.workspace_id, UserId("bob"), None)
    yield Office(core, made.workspace_id)
    await core.database.close()


async def everything(core) -> bytes:
    """All that the database holds."""
    names = await core.database.read(
        lambda: rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    )
    held = []
    for (name,) in names:
        found = await core.database.read(lambda name=name: rows(f"SELECT * FROM {name}"))  # noqa: S608
        held += [str(one) if not isinstance(one, bytes) else one for row in found for one in row]
    return b"".join(one if isinstance(one, bytes) else one.encode() for one in held)


# --- what is sealed ---


async def test_nothing_of_what_is_said_stands_in_the_database_or_in_what_is_told(office):
    room = await office.channel()
    files = ({"name": CANARY},)
    sent, _ = await office.say(ALICE, room, f"{CANARY} 1", "m1", attachments=files)
    assert (sent.content, sent.attachments) == (f"{CANARY} 1", files)
    ref = MessageRef(MessageId("m1"))
    edited = await office.core.posts.edit(ALICE, ref, EditWish(content=f"{CANARY} 2"))
    assert (edited.content, edited.attachments, edited.post.edits) == (f"{CANARY} 2", files, 1)
    shown = await office.core.channels.get(BOB, room)
    assert {one: getattr(shown.conversation, one) for one in PLAIN} == PLAIN
    page, _ = await office.core.posts.page(BOB, room, 10)
    assert [one.content for one in page] == [f"{CANARY} 2"]
    told = repr(office.core.told_workspaces) + repr(office.core.told)
    assert CANARY not in told
    assert CANARY.encode() not in await everything(office.core)


async def test_the_search_for_what_is_nowhere_would_find_what_is_opaque(office):
    room = await office.channel(is_opaque=True)
    await office.say(ALICE, room, CANARY)
    assert CANARY.encode() in await everything(office.core)


async def test_a_box_opens_in_its_place_alone_and_keeps_nobody_from_all_others(office, caplog):
    room, other = await office.channel(), await office.channel()
    await office.say(ALICE, room, "here", "m1")
    await office.say(ALICE, room, "whole", "m2")
    await office.say(ALICE, other, "there", "m1")
    move = "UPDATE messages SET ciphertext = (SELECT ciphertext FROM messages WHERE room_id = $2)"
    await office.core.database.write(
        lambda: run(f"{move} WHERE room_id = $1 AND message_id = 'm1'", room, other)
    )
    page, _ = await office.core.posts.page(BOB, room, 10)
    assert [one.content for one in page] == [None, "whole"]
    assert [one.message for one in caplog.records] == ["not_opened"]


async def test_a_damaged_name_is_none_and_is_written_over_by_nobody(office):
    whole, damaged = await office.channel(), await office.channel()
    await office.core.database.write(
        lambda: run("UPDATE rooms SET name = $2 WHERE room_id = $1", damaged, b"no box")
    )
    listed, _ = await office.core.channels.page(BOB, office.id, None, None, 10)
    names = {one.channel.conversation.room_id: one.channel.conversation.name for one in listed}
    assert (names[damaged], bool(names[whole])) == ("", True)
    renaming = office.core.channels.update(ALICE, damaged, TextChange(description="new"))
    assert (await refused(renaming)).code is Code.INTERNAL


async def test_what_was_said_first_counts_when_it_is_sent_again(office):
    room = await office.channel()
    await office.say(ALICE, room, "first", "m1")
    again, is_repeat = await office.say(ALICE, room, "second", "m1")
    assert is_repeat
    assert again.content == "first"


async def test_opaque_content_is_stored_as_it_comes_and_its_attachments_with_its_metadata(office):
    room = await office.channel(is_opaque=True)
    sent, _ = await office.say(
        ALICE, room, "xxx", "m1", attachments=({"fileId": "f"},), metadata=b'{"iv":"n"}'
    )
    assert (sent.content, sent.attachments) == ("xxx", ({"fileId": "f"},))
    assert sent.post.message.metadata == b'{"iv":"n","attachments":[{"fileId":"f"}]}'
    ref = MessageRef(MessageId("m1"))
    edited = await office.core.posts.edit(ALICE, ref, EditWish(content="yyy", attachments=()))
    assert (edited.content, edited.attachments) == ("yyy", ())
    assert edited.post.message.metadata == b'{"iv":"n"}'
    wish = office.say(ALICE, room, "zzz", attachments=({},), metadata=b"[]")
    assert (await refused(wish)).code is Code.INVALID_REQUEST


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"content": "x" * 41}, Code.PAYLOAD_TOO_LARGE),
        ({"content": "x", "attachments": ({}, {}, {})}, Code.INVALID_REQUEST),
        ({"content": "x", "attachments": ({"a": "x" * 60},)}, Code.PAYLOAD_TOO_LARGE),
    ],
)
async def test_what_is_too_large_is_refused(office, wish, code):
    room = await office.channel()
    assert (await refused(office.say(ALICE, room, **wish))).code is code
    await office.say(ALICE, room, "x" * 40, "m1")
    if "attachments" not in wish:
        editing = office.core.posts.edit(ALICE, MessageRef(MessageId("m1")), EditWish(**wish))
        assert (await refused(editing)).code is code


async def test_where_all_must_be_opaque_nothing_else_is_made(office):
    core = office.core
    strict = Channels(
        core.channels._parts,
        core.channels._store,
        core.workspaces,
        core.workspaces._vault,
        core.channels._teller,
        must_be_opaque=True,
    )
    wish = ChannelWish(workspace_id=office.id, kind=Kind.GROUP, name="x")
    assert (await refused(strict.create(ALICE, wish))).code is Code.FORBIDDEN


# --- who is told ---


async def test_a_sealed_conversation_is_told_to_its_workspace_and_to_no_user(office):
    room = await office.channel()
    await office.say(ALICE, room, "x", "m1")
    ref = MessageRef(MessageId("m1"))
    event = office.told(PostStored)
    assert (event.workspace_id, event.room_id, event.skip, event.only) == (
        office.id,
        room,
        LINE,
        None,
    )
    assert office.core.posts.opened(event.post).content == "x"
    await office.core.posts.edit(ALICE, ref, EditWish(content="y"))
    assert office.core.posts.opened(office.told(PostEdited).post).content == "y"
    await office.core.posts.react(BOB, ref, "👍")
    assert office.told(PostReacted).post.reactions == (("👍", ("bob",)),)
    await office.core.channels.read(BOB, room, None)
    assert (office.told(PositionMoved).user_id, office.told(PositionMoved).seq) == ("bob", 1)
    await office.core.channels.tell_typing(BOB, room, is_typing=True)
    assert office.told(PostTyping).is_typing
    await office.core.posts.delete(ALICE, ref)
    assert office.told(PostDeleted).message_id == "m1"
    await office.core.channels.update(ALICE, room, TextChange(name="other"))
    assert office.told(ChannelChanged).changed == ("name",)
    await office.core.channels.remove_member(ALICE, room, UserId("bob"))
    assert office.told(ChannelLeft).users == ("bob",)
    office.forget()
    await office.core.channels.delete(ALICE, room)
    assert (office.told(ChannelLeft).users, office.told(ChannelLeft).is_ended) == (("alice",), True)
    assert office.core.told == []


async def test_an_opaque_one_is_told_to_its_users_too(office):
    room = await office.channel(is_opaque=True)
    await office.say(ALICE, room, "x", "m1")
    (mail,) = office.told_users(MessageStored)
    assert (set(mail.users), mail.skip, mail.message.recipient) == ({"alice", "bob"}, LINE, None)
    assert office.told(PostStored).post.key is None
    await office.core.channels.read(BOB, room, MessageId("m1"))
    (status,) = office.told_users(StatusAdvanced)
    assert (status.sender, status.status, status.message_id) == ("alice", Status.READ, "m1")
    await office.core.channels.update(ALICE, room, TextChange(name="other"))
    (changed,) = office.told_users(ConversationChanged)
    assert changed.conversation.name == "other"
    await office.core.channels.remove_member(ALICE, room, UserId("bob"))
    assert [one.users for one in office.told_users(ConversationEnded)] == [("bob",)]


async def test_who_leaves_a_workspace_hears_as_a_user_of_the_opaque_ones_that_end_with_it_too(
    office,
):
    shared = await office.channel(is_opaque=True)
    alone = []
    for is_opaque in (True, False):
        wish = ChannelWish(
            workspace_id=office.id, kind=Kind.GROUP, name="mine", is_opaque=is_opaque
        )
        made, _ = await office.core.channels.create(BOB, wish)
        alone.append(made.conversation.room_id)
    office.forget()
    await office.core.workspaces.remove_member(ALICE, office.id, UserId("bob"))
    told = office.told_users(ConversationEnded)
    assert {one.room_id for one in told} == {shared, alone[0]}
    assert {one.users for one in told} == {("bob",)}


async def test_secure_chat_tells_the_workspace_what_it_does_in_an_opaque_one(office):
    room = await office.channel(is_opaque=True)
    post = SecureChatPost(
        room_id=room,
        recipient=None,
        message_id=MessageId("m1"),
        type="group",
        ciphertext="xxx",
        metadata=None,
        covered=None,
    )
    await office.core.chat.mail.send(BOB, post)
    event = office.told(PostStored)
    assert (event.post.message.sender, office.core.posts.opened(event.post).content) == (
        "bob",
        "xxx",
    )
    ref = MessageRef(MessageId("m1"))
    await office.core.chat.mail.acknowledge(ALICE, (ref,), Status.READ)
    assert (office.told(PositionMoved).user_id, office.told(PositionMoved).seq) == ("alice", 1)
    await office.core.chat.mail.delete(BOB, ref)
    assert office.told(PostDeleted).user_id == "bob"
    await office.core.conversations.update(ALICE, room, RoomChange(name="other"))
    assert office.told(ChannelChanged).channel.conversation.name == "other"
    await office.core.conversations.remove_member(ALICE, room, UserId("bob"))
    assert (office.told(ChannelLeft).users, office.told(ChannelLeft).is_ended) == (("bob",), False)
    office.forget()
    await office.core.conversations.delete(ALICE, room)
    assert office.told(ChannelLeft).is_ended


async def test_who_comes_in_is_told_of_it_as_of_a_new_one_and_the_others_that_it_came(office):
    wish: dict[str, Any] = {"kind": Kind.DOCUMENT, "document_id": "d", "members": ()}
    room = await office.channel(**wish)
    made, is_new = await office.core.channels.create(
        BOB, ChannelWish(workspace_id=office.id, **wish)
    )
    assert (made.conversation.room_id, is_new) == (room, False)
    assert office.told(ChannelMade).users == ("bob",)
    changed = office.told(ChannelChanged)
    assert changed.changed == ("members",)
    assert changed.channel.conversation.role is None


async def test_a_direct_one_is_told_as_new_to_both_and_not_to_secure_chat(office):
    wish: dict[str, Any] = {"kind": Kind.DIRECT, "members": (UserId("bob"),), "is_opaque": True}
    await office.core.channels.create(ALICE, ChannelWish(workspace_id=office.id, **wish))
    assert set(office.told(ChannelMade).users) == {"alice", "bob"}
    assert office.core.told == []


@pytest.mark.parametrize("is_opaque", [True, False])
async def test_what_is_withheld_is_told_to_its_sender_alone(office, is_opaque):
    room = await office.channel(kind=Kind.DIRECT, is_opaque=is_opaque)
    await office.core.accounts.block(BOB, ALICE.user_id)
    await office.say(ALICE, room, "x", "m1")
    assert office.told(PostStored).only == "alice"
    assert {one.users for one in office.told_users(MessageStored)} <= {("alice",)}
    ref = MessageRef(MessageId("m1"))
    await office.core.posts.edit(ALICE, ref, EditWish(content="y"))
    assert office.told(PostEdited).only == "alice"
    await office.core.posts.delete(ALICE, ref)
    assert office.told(PostDeleted).only == "alice"


async def test_whoever_repeats_a_message_has_it_told_once_more(office):
    room = await office.channel(is_opaque=True)
    await office.say(ALICE, room, "x", "m1")
    office.forget()
    await office.say(ALICE, room, "x", "m1")
    assert office.told(PostStored).post.message.message_id == "m1"
    assert [set(one.users) for one in office.told_users(MailWaits)] == [{"alice", "bob"}]


# --- who may ---


async def test_guests_and_those_outside_are_in_no_conversation(office):
    room = await office.channel()
    guest = User(user_id=UserId("g"), login="g", expires_ms=None, is_guest=True)
    for user, code in ((CAROL, Code.NOT_FOUND), (guest, Code.FORBIDDEN)):
        ref = MessageRef(MessageId("m1"), room)
        for asked in (
            office.say(user, room, "x"),
            office.core.posts.page(user, room, 10),
            office.core.posts.react(user, ref, "x")
            if user is CAROL
            else office.say(user, room, ""),
            office.core.channels.get(user, room),
            office.core.channels.read(user, room, None),
            office.core.channels.tell_typing(user, room, is_typing=True),
            office.core.channels.unread(user, office.id),
        ):
            assert (await refused(asked)).code is code


async def test_whose_token_no_longer_names_the_workspace_is_out_of_all_that_is_said_there(office):
    named = User(user_id=UserId("7"), login="seven", expires_ms=None, workspace_ids=(office.id,))
    await office.core.workspaces.enter(named)
    room = await office.channel(members=(UserId("7"),))
    await office.say(named, room, "x", "m1")
    unnamed = User(user_id=UserId("7"), login="seven", expires_ms=None)
    ref = MessageRef(MessageId("m1"))
    for asked in (
        office.core.posts.get(unnamed, ref),
        office.core.posts.edit(unnamed, ref, EditWish(content="y")),
        office.core.posts.react(unnamed, ref, "y"),
        office.core.posts.delete(unnamed, ref),
        office.core.channels.delete(unnamed, room),
        office.core.channels.update(unnamed, room, TextChange(name="y")),
        office.core.channels.add_member(unnamed, room, BOB.user_id, None),
        office.core.channels.set_role(unnamed, room, BOB.user_id, Role.ADMIN),
        office.core.channels.remove_member(unnamed, room, UserId("7")),
        office.core.channels.read(unnamed, room, None),
        office.core.channels.get(unnamed, room),
        office.core.channels.page(unnamed, office.id, None, None, 10),
    ):
        assert (await refused(asked)).code is Code.NOT_FOUND


async def test_names_are_changed_by_two_at_once_and_neither_loses_the_others(office):
    room = await office.channel()
    changes = (TextChange(name="new"), TextChange(description="new"), TextChange(icon="new"))
    await asyncio.gather(*(office.core.channels.update(ALICE, room, one) for one in changes))
    shown = (await office.core.channels.get(ALICE, room)).conversation
    assert (shown.name, shown.description, shown.icon) == ("new", "new", "new")
    assert shown.role is Role.OWNER
