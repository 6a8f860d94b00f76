"""For secure chat and the event queue there is no room in which we have sealed what is said."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import server.stores.sql
from server.core.durable import Status
from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId, UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.conversations import (
    ConversationStore,
    MessageRef,
    MessageStore,
    NewRoom,
    RoomChange,
)
from server.core.workspaces.values import NewPost
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.conversations.epochs import due, have_rotated
from server.stores.sql.conversations.newcomers import strangers
from server.stores.sql.conversations.shapes import pair_key
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post

ALICE, BOB, CAROL = UserId("alice"), UserId("bob"), UserId("carol")
SEALED, PAIR = RoomId("sealed"), RoomId("sealed for two")
ATELIER = WorkspaceId("atelier")
SAID = MessageRef(MessageId("m1"))

# --- each statement says it ---

_OF_ROOMS = re.compile(r"\b(FROM|JOIN|INTO|UPDATE) (rooms|room_members)\b")
_SAYS = re.compile(r"is_sealed|\{SHARED\}|\{among\}|OF_WORKSPACES")

FOLDERS = ("conversations", "queues")
"""Where the steps are of secure chat and of the event queue."""

OF_ALL_ROOMS = {
    "conversations/epochs.py raise_epoch": "of a room that is held",
    "conversations/expiry.py _forget_ended": "what has ended is forgotten, whatever it was",
    "conversations/history.py _STRETCH": "of a room that `history` has found",
    "conversations/history.py with_status": "of a room whose messages were found",
    "conversations/history.py delete": "of a room whose message was found",
    "conversations/lists.py _PAGE": "of rooms that `_ROOMS` has found",
    "conversations/members.py add_member": "before it is held: of which workspace it is",
    "conversations/members.py roles_in": "of a room that is held",
    "conversations/members.py rooms_of": "so that who listens there is told of a deleted account",
    "conversations/members.py put_members": "whoever makes it, or has held it",
    "conversations/members.py take_part": "of a room that a message was put into",
    "conversations/members.py _let_in": "of a room that is held",
    "conversations/members.py set_role": "of a room that is held",
    "conversations/members.py touch": "of a room that is held",
    "conversations/leaving.py _left_to": "of rooms that are held",
    "conversations/leaving.py _take_out": "of a room that is held",
    "conversations/leaving.py _lock_places": "whoever is deleted leaves all rooms",
    "conversations/members.py end_room": "of a room that is held",
    "conversations/newcomers.py IS_UNASKED": "of a workspace",
    "conversations/newcomers.py _check_unasked": "of rooms of no workspace",
    "conversations/newcomers.py unasked_in": "of rooms of workspaces",
    "conversations/newcomers.py most_rooms": "all rooms count",
    "conversations/receipts.py _acknowledge_in": "of a room whose message was found",
    "conversations/receipts.py _move_read_seq": "of a room whose message was found",
    "conversations/rooms.py _INSERT": "secure chat makes no sealed ones",
    "conversations/rooms.py update": "of a room that is held",
    "conversations/rooms.py make_direct": "all rooms count",
    "conversations/rooms.py _REQUESTS": "of pairs of no workspace",
    "conversations/rooms.py direct_room": "of the pair that is of no workspace",
    "conversations/search.py _MATCHING": "of a room that `_ROOMS` has found",
    "conversations/shapes.py participants_of": "of rooms that were found",
    "conversations/knowing.py _MEMBERS": "of a room that `_put` lets a message into, or not",
    "conversations/knowing.py _BLOCKS": "of a room that `_put` lets a message into, or not",
    "conversations/storing.py _write": "of a room that a message was put into",
    "conversations/threads.py _ANSWERED": "of a room that `_put` lets a message into, or not",
    "conversations/epochs.py rotate": "of a room that `have_rotated` has noted",
    "queues/partaking.py take_part": "who knows somebody does so everywhere",
    "queues/knowing.py lock_groups": "of rooms that the statement before has found",
}
"""Which need not say it, and why."""


def texts(node: ast.AST) -> Iterator[str]:
    """Each text in a piece of code, as it is written."""
    if isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    ):
        yield ast.unparse(node)
        return
    for child in ast.iter_child_nodes(node):
        yield from texts(child)


def name_of(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return getattr(node, "name", "")


def unscoped() -> Iterator[str]:
    """Where there are statements on rooms that do not say whose."""
    root = Path(server.stores.sql.__file__).parent
    for file in sorted(one for folder in FOLDERS for one in (root / folder).glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            for text in texts(node):
                if _OF_ROOMS.search(text) and not _SAYS.search(text):
                    yield f"{file.relative_to(root)} {name_of(node)}"


def test_each_statement_on_rooms_says_whether_it_is_of_sealed_ones():
    assert set(unscoped()) == set(OF_ALL_ROOMS)


# --- and nothing that a store can be asked tells of it ---


@pytest.fixture
async def sealed(home):
    """Alice and Bob are in a sealed room, and in one of the two; Alice has said something there."""
    await home.change(
        "INSERT INTO workspaces VALUES ($1, $2, 1, 'alice', 1, 1, 2, 0)", ATELIER, b""
    )
    await home.change(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, 1, $2, $2, 1)",
        *(ATELIER, b""),
    )
    for room_id, kind, key in (
        (SEALED, "group", None),
        (PAIR, "direct", pair_key(ALICE, BOB, ATELIER)),
    ):
        await home.change(
            "INSERT INTO rooms (room_id, kind, pair_key, name, description, created_by, "
            "created_ms, updated_ms, seq, active_ms, workspace_id, is_sealed, key_version) "
            "VALUES ($1, $2, $3, $4, $4, 'alice', $5, $5, 0, $5, $6, TRUE, 1)",
            *(room_id, kind, key, b"Ym94", NOW_MS, ATELIER),
        )
        for name, role in (("alice", "owner"), ("bob", "member")):
            await home.change(
                "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, "
                "read_seq, added_by, unasked) VALUES ($1, $2, $3, $4, 0, 0, 'alice', FALSE)",
                *(room_id, name, role, NOW_MS),
            )
        await home.send("alice", room_id, "m1", post=NewPost(key_version=1))
    return home


async def is_none(asked) -> bool:
    with pytest.raises(AppError) as caught:
        await asked
    return caught.value.code is Code.NOT_FOUND


def new_room() -> NewRoom:
    return NewRoom(
        room_id=RoomId("x"), creator=ALICE, name="", description="", ttl_ms=None, members=()
    )


async def shares_a_room(home) -> bool:
    """A room of secure chat is made as ever: the sealed one counts for nothing there."""
    made = await home.rooms.create(new_room(), NOW_MS)
    return bool(made.room_id == "x")


async def is_nothing(asked) -> bool:
    return not await asked


async def is_empty_page(home) -> bool:
    pages = [await home.rooms.page(BOB, None, 10, NOW_MS, managed=one) for one in (True, False)]
    return not any(page.rooms for page in pages)


async def is_told_to_its_workspace(home) -> bool:
    """When somebody is deleted, its rooms are asked for and those who are there told."""
    return set(await home.rooms.rooms_of(ALICE, 10)) == {SEALED, PAIR}


ROOMS = {
    "create": shares_a_room,
    "get": lambda home: is_none(home.rooms.get(ALICE, SEALED)),
    "page": is_empty_page,
    "update": lambda home: is_none(home.rooms.update(ALICE, SEALED, RoomChange(name="x"), NOW_MS)),
    "delete": lambda home: is_none(home.rooms.delete(ALICE, SEALED, NOW_MS)),
    "add_member": lambda home: is_none(home.rooms.add_member(ALICE, SEALED, CAROL, None, NOW_MS)),
    "remove_member": lambda home: is_none(home.rooms.remove_member(ALICE, SEALED, BOB, NOW_MS)),
    "members_of": lambda home: is_none(home.rooms.members_of(ALICE, SEALED)),
    "peer": lambda home: is_nothing(home.rooms.peer(ALICE, BOB)),
    "rooms_of": is_told_to_its_workspace,
    "whole": lambda home: is_none(home.rooms.whole(SEALED)),
    "acquaintances": lambda home: is_nothing(home.rooms.acquaintances(ALICE, 10)),
}


async def is_refused_as_opaque(home) -> bool:
    """What was not sealed by us is not put among what was."""
    return await is_none(home.send("bob", SEALED)) and await is_none(home.send("alice", PAIR, "m1"))


async def finds_nothing(home) -> bool:
    asked: list[dict[str, str]] = [{}, {"room_id": SEALED}, {"participant": ALICE}]
    return not any([(await home.search("bob", None, 10, **one)).messages for one in asked])


async def has_no_receipt(home) -> bool:
    refs = (SAID, MessageRef(SAID.message_id, SEALED), MessageRef(SAID.message_id, PAIR, ALICE))
    done = await home.messages.acknowledge(phone("bob"), refs, Status.READ, NOW_MS)
    return not done.receipts and len(done.unknown) == 3 and not await home.count("receipts")


async def each_is_none(home, ask) -> bool:
    named = (SAID, MessageRef(SAID.message_id, SEALED), MessageRef(SAID.message_id, PAIR))
    return all([await is_none(ask(ref)) for ref in named])


async def forgets_nothing(home) -> bool:
    return not await home.messages.expire(NOW_MS, 10) and bool(await home.count("messages"))


MESSAGES = {
    "append": is_refused_as_opaque,
    "history": lambda home: is_none(home.messages.history(BOB, SEALED, 10, NOW_MS)),
    "direct_history": lambda home: has_no_messages(
        home.messages.direct_history(BOB, ALICE, 10, NOW_MS)
    ),
    "waiting": lambda home: has_no_messages(home.messages.waiting(phone("bob"), 10, NOW_MS)),
    "acknowledge": has_no_receipt,
    "get": lambda home: each_is_none(home, lambda ref: home.messages.get(BOB, ref, NOW_MS)),
    "delete": lambda home: each_is_none(home, lambda ref: home.messages.delete(ALICE, ref, NOW_MS)),
    "search": finds_nothing,
    "expire": forgets_nothing,
}


async def has_no_messages(asked) -> bool:
    return not (await asked).messages


def asked_of(store: type) -> set[str]:
    return {name for name in vars(store) if not name.startswith("_")}


def test_all_that_the_stores_can_be_asked_is_asked_here():
    assert asked_of(ConversationStore) == set(ROOMS)
    assert asked_of(MessageStore) == set(MESSAGES)


@pytest.mark.parametrize("what", ROOMS)
async def test_rooms_know_nothing_of_it(sealed, what):
    assert await ROOMS[what](sealed)


@pytest.mark.parametrize("what", MESSAGES)
async def test_messages_know_nothing_of_it(sealed, what):
    assert await MESSAGES[what](sealed)


async def test_no_event_goes_to_its_members_and_none_says_that_keys_change(sealed):
    queues = Post(sealed, Bounds())
    await queues.store.see([phone("alice"), phone("bob")], NOW_MS)
    assert await is_none(queues.send("alice", SEALED))
    await sealed.database.write(lambda: have_rotated("alice"))
    told = await sealed.database.read(lambda: due("alice", 10))
    await sealed.database.write(lambda: leave_rooms(ALICE, None, NOW_MS))
    assert told == []
    assert await sealed.count("queued_events") == 0


async def test_what_is_sealed_is_not_put_into_a_room_of_secure_chat(sealed):
    room = await sealed.room_of("alice", "bob")
    assert await is_none(sealed.send("alice", room, post=NewPost(key_version=1)))
    assert await is_none(sealed.send("alice", "bob", post=NewPost(key_version=1)))


async def test_a_sealed_room_makes_nobody_known_to_another(sealed):
    """Else whoever is in a workspace could be written to by all of it, without a bound."""
    found = await sealed.database.read(lambda: strangers(ALICE, [BOB]))
    assert found == {BOB}
