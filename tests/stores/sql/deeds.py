"""Everything that changes durable state, done by and to two people who have a lot in common."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import structs

from server.core.durable import Role, Status
from server.core.ids import (
    DeviceId,
    DocumentId,
    EventId,
    FileId,
    MessageId,
    RoomId,
    UserId,
    WorkspaceId,
    new_id,
)
from server.core.kinds import Kind
from server.core.ports.accounts import Account, SignInDevice
from server.core.ports.channels import NewChannel, Texts
from server.core.ports.conversations import Device, MessageRef, NewMessage, NewRoom, RoomChange
from server.core.ports.device_keys import Claimer
from server.core.ports.files import NewFile
from server.core.ports.identities import Registration, Vouched
from server.core.ports.keys import Sealed, SealedFile, SealedPost, SealedRoom
from server.core.ports.posts import PostChange
from server.core.ports.queues import NewEvent
from server.core.workspaces.values import NewPost, Standing
from server.stores.durable import Durable
from server.stores.sql.attached import Hung, hang_files
from server.stores.sql.conversations.epochs import have_rotated
from server.stores.sql.steps import Steps, run
from server.stores.sql.tokens import MAX_FAMILIES
from tests.stores.sql.accounts import (
    DAY_MS,
    claim,
    hash_of,
    new_account,
    new_tokens,
    sign_in,
)
from tests.stores.sql.households import NOW_MS
from tests.stores.sql.keyrings import RULES, new_keys, owner, prekeys, rotation
from tests.stores.sql.teams import asks, new_workspace

PEOPLE = (ALICE, BOB, EVE, DAN) = tuple(map(UserId, ("alice", "bob", "eve", "dan")))
"""Alice and Bob have blocked Eve, and never talked to Dan."""

ROOMS = (TEA, FLEETING, ENDED, DIRECT) = tuple(
    map(RoomId, ("tea", "what is fleeting", "what has ended", "of the two"))
)
"""Alice and Bob are in all of them. What is said in the second expires; the third has ended."""

PHONE, LAPTOP, TABLET = map(DeviceId, ("phone", "laptop", "tablet"))
"""The first two are known; a login of the third waits for its keys."""

LATER_MS = NOW_MS + 60 * DAY_MS
"""When whatever has a limit is over."""

LIMIT = 1_000

TEAM, CLAIMED = map(WorkspaceId, ("team", "claimed"))
"""Both own the first, to which the first two rooms belong; neither is in the second."""

ISSUER = "https://issuer.example"

Deed = Callable[[Durable, UserId, UserId], Awaitable[object]]
"""What somebody does, maybe to another one."""


async def settle(home: Durable) -> None:
    """Have people, rooms, and something said there."""
    for name in PEOPLE:
        await _move_in(home, name)
        await home.database.write(functools.partial(_vouch, name))
    for name in (ALICE, BOB):
        await home.accounts.block(name, EVE, LIMIT, NOW_MS)
    for room_id in (TEA, FLEETING, ENDED):
        await _make_room(home, room_id, DAY_MS if room_id == FLEETING else None, BOB)
    for room_id in ROOMS:
        for number in (1, 2):
            await _say(home, ALICE, BOB, room_id, number)
            await _say(home, BOB, ALICE, room_id, number)
    # Alice's phone has a cursor there, and Bob's has none.
    await _acknowledge(home, ALICE, Status.DELIVERED, _said(BOB, TEA, 1))
    await home.conversations.delete(ALICE, ENDED, NOW_MS)
    for name in (ALICE, BOB):
        await home.database.write(functools.partial(have_rotated, name))
    await _settle_team(home)


async def _settle_team(home: Durable) -> None:
    await home.workspaces.create(ALICE, new_workspace(TEAM), NOW_MS)
    await home.workspaces.set_member(asks(ALICE), TEAM, BOB, Role.OWNER, NOW_MS)
    of_team = "UPDATE rooms SET workspace_id = $1 WHERE room_id = ANY($2::text[])"
    await home.database.write(lambda: run(of_team, TEAM, [TEA, FLEETING]))
    await home.workspaces.claim(asks("somebody", CLAIMED), [new_workspace(CLAIMED)], NOW_MS)
    await home.channels.create(asks(ALICE), _channel(Kind.DOCUMENT), NOW_MS)
    await _answer(home, ALICE, BOB)
    sealed = (
        "INSERT INTO posts (room_id, seq, key_version, replies, edits) "
        "SELECT room_id, seq, 1, 0, 0 FROM messages WHERE room_id = $1 "
        "ON CONFLICT (room_id, seq) DO UPDATE SET key_version = 1"
    )
    await home.database.write(lambda: run(sealed, TEA))
    newest = (
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "SELECT workspace_id, $2, wrapped, wrapped_by, created_ms FROM workspace_keys "
        "WHERE workspace_id = $1"
    )
    await home.database.write(lambda: run(newest, TEAM, _NEWEST.version))
    await _settle_files(home)


async def _settle_files(home: Durable) -> None:
    """What hangs on what Alice says first in each room, and what comes or has come of each."""
    for room_id in (TEA, FLEETING):
        file_id = FileId(f"on {room_id}")
        await _begin_file(home, ALICE, room_id, file_id)
        await home.files.finish(file_id, 5, NOW_MS)
        hung = [Hung(1, ALICE, (file_id,), NOW_MS)]
        await home.database.write(functools.partial(hang_files, room_id, TEAM, hung))
    for name in (ALICE, BOB):
        await _begin_file(home, name, TEA, FileId(f"of {name}"))
        await _begin_file(home, name, TEA, _unsent(name))
        await home.files.finish(_unsent(name), 5, LATER_MS)


def _unsent(name: UserId) -> FileId:
    """What somebody has sent, and no message has."""
    return FileId(f"of {name}, on no message")


async def _begin_file(home: Durable, me: UserId, room_id: RoomId, file_id: FileId) -> None:
    new = NewFile(
        file_id=file_id,
        place=await home.files.place(asks(me), room_id),
        uploader=me,
        reserved_bytes=10,
        wrapped_key=b"wrapped",
        details="sealed",
    )
    await home.files.begin(new, NOW_MS, LATER_MS)


async def _move_in(home: Durable, name: UserId) -> None:
    account = await home.accounts.sign_up(structs.replace(new_account(name), user_id=name), NOW_MS)
    for device_id in (PHONE, LAPTOP):
        await home.accounts.sign_in(sign_in(account, device_id), NOW_MS)
        await _register(home, name, device_id)
    for _ in range(MAX_FAMILIES - 1):
        await home.accounts.sign_in(sign_in(account), NOW_MS)
    await home.accounts.sign_in(sign_in(account, TABLET), NOW_MS)


def _vouch(name: UserId) -> Steps[None]:
    """Have an issuer sign an account in, too."""
    return run(
        "INSERT INTO identities (issuer, subject, user_id, name_key, family_id, valid_from_ms)"
        " VALUES ($1, $2, $2, $2, '', 0)",
        ISSUER,
        name,
    )


# --- rooms ---


async def _make_room(home: Durable, room_id: RoomId, ttl_ms: int | None, *members: UserId) -> None:
    new = NewRoom(
        room_id=room_id,
        creator=ALICE,
        name="Tea",
        description="",
        ttl_ms=ttl_ms,
        members=members,
    )
    await home.conversations.create(new, NOW_MS)


async def _create(home: Durable, me: UserId, other: UserId) -> None:
    new = NewRoom(
        room_id=RoomId(new_id()),
        creator=me,
        name="Coffee",
        description="",
        ttl_ms=None,
        members=(other,),
    )
    await home.conversations.create(new, NOW_MS)


_IN_ROOMS: dict[str, Deed] = {
    "makes a room": _create,
    "renames the room": lambda home, me, other: home.conversations.update(
        me, TEA, RoomChange(name="Coffee"), NOW_MS
    ),
    "adds somebody": lambda home, me, other: home.conversations.add_member(
        me, TEA, EVE, None, NOW_MS
    ),
    "makes the other an admin": lambda home, me, other: home.conversations.add_member(
        me, TEA, other, Role.ADMIN, NOW_MS
    ),
    "hands the room over": lambda home, me, other: home.conversations.add_member(
        me, TEA, other, Role.OWNER, NOW_MS
    ),
    "removes the other": lambda home, me, other: home.conversations.remove_member(
        me, TEA, other, NOW_MS
    ),
    "leaves the room": lambda home, me, other: home.conversations.remove_member(
        me, TEA, me, NOW_MS
    ),
    "ends the room": lambda home, me, other: home.conversations.delete(me, TEA, NOW_MS),
}

# --- messages ---


def _said(sender: UserId, room_id: RoomId, number: int) -> MessageId:
    return MessageId(f"{sender} in {room_id}, {number}")


async def _say(home: Durable, me: UserId, other: UserId, room_id: RoomId, number: int) -> None:
    new = NewMessage(
        sender=me,
        sender_device=PHONE,
        room_id=None if room_id == DIRECT else room_id,
        recipient=other if room_id == DIRECT else None,
        new_room_id=RoomId(new_id()) if other == DAN else room_id,
        message_id=_said(me, room_id, number),
        type="direct",
        ciphertext="c2VjcmV0",
        metadata=None,
        covered=frozenset(Device(other, one) for one in (PHONE, LAPTOP)),
    )
    await home.messages.append(new, NOW_MS, None)


async def _acknowledge(home: Durable, me: UserId, status: Status, *ids: MessageId) -> None:
    refs = tuple(map(MessageRef, ids))
    await home.messages.acknowledge(Device(me, PHONE), refs, status, NOW_MS)


async def _acknowledge_all(home: Durable, me: UserId, other: UserId, status: Status) -> None:
    ids = [_said(other, room_id, number) for room_id in ROOMS for number in (1, 2)]
    await _acknowledge(home, me, status, *ids)


_WITH_MESSAGES: dict[str, Deed] = {
    "sends into the room": lambda home, me, other: _say(home, me, other, TEA, 3),
    "says something fleeting": lambda home, me, other: _say(home, me, other, FLEETING, 3),
    "writes to the other": lambda home, me, other: _say(home, me, other, DIRECT, 3),
    "begins a conversation": lambda home, me, other: _say(home, me, DAN, DIRECT, 1),
    "has got everything": lambda home, me, other: _acknowledge_all(
        home, me, other, Status.DELIVERED
    ),
    "has read everything": lambda home, me, other: _acknowledge_all(home, me, other, Status.READ),
    "deletes a message": lambda home, me, other: home.messages.delete(
        me, MessageRef(_said(me, TEA, 2)), NOW_MS
    ),
    "lets messages expire": lambda home, me, other: home.messages.expire(LATER_MS, LIMIT),
}

# --- accounts ---


def _refresh(name: UserId, device_id: DeviceId) -> str:
    return f"refreshes {name}'s {device_id}"


async def _account(home: Durable, name: UserId) -> Account:
    account = await home.accounts.account(name)
    assert account
    return account


async def _sign_in(home: Durable, me: UserId, other: UserId) -> None:
    await home.accounts.sign_in(sign_in(await _account(home, me)), NOW_MS)


async def _begin_device(home: Durable, me: UserId, other: UserId) -> None:
    await home.accounts.sign_in(sign_in(await _account(home, me), "watch"), NOW_MS)


async def _register(home: Durable, name: UserId, device_id: DeviceId) -> None:
    tokens = new_tokens(_refresh(name, device_id))
    claimed = claim(await _account(home, name), device_id, tokens=tokens)
    await home.device_keys.register(claimed, new_keys(*range(1, 9)), RULES, NOW_MS)


_WITH_ACCOUNTS: dict[str, Deed] = {
    "signs in once more": _sign_in,
    "signs in on another device": _begin_device,
    "registers the tablet": lambda home, me, other: _register(home, me, TABLET),
    "renews the tokens": lambda home, me, other: home.accounts.rotate(
        hash_of(_refresh(me, PHONE)), hash_of("another"), LATER_MS, NOW_MS
    ),
    "signs out": lambda home, me, other: home.accounts.end_family_of(
        hash_of(_refresh(me, PHONE)), NOW_MS
    ),
    "signs out everywhere": lambda home, me, other: home.accounts.end_families(me, NOW_MS),
    "changes the password": lambda home, me, other: home.accounts.set_password(
        me, f"hash of {me}", "another", None, NOW_MS
    ),
    "is banned": lambda home, me, other: home.accounts.set_banned(
        me, is_banned=True, now_ms=NOW_MS
    ),
    "revokes the phone": lambda home, me, other: home.accounts.revoke_device(me, PHONE, NOW_MS),
    "loses all devices": lambda home, me, other: home.accounts.revoke_devices(me, None, NOW_MS),
    "deletes the account": lambda home, me, other: home.accounts.delete(me, NOW_MS),
    "blocks the other": lambda home, me, other: home.accounts.block(me, other, LIMIT, NOW_MS),
    "unblocks Eve": lambda home, me, other: home.accounts.unblock(me, EVE),
    "lets sign-ins expire": lambda home, me, other: home.accounts.expire(LATER_MS, 0),
}

# --- keys ---

_WITH_KEYS: dict[str, Deed] = {
    "rotates the keys": lambda home, me, other: home.device_keys.rotate(
        owner(me), rotation(2, *range(20, 25)), RULES, NOW_MS
    ),
    "adds prekeys": lambda home, me, other: home.device_keys.add_prekeys(
        owner(me), prekeys(30, 31), RULES, NOW_MS
    ),
    "takes prekeys of the other": lambda home, me, other: home.device_keys.claim_bundle(
        other, Claimer(me, PHONE), one_time=True, now_ms=NOW_MS
    ),
    "is told that prekeys are few": lambda home, me, other: home.device_keys.note_low(
        me, LIMIT, NOW_MS
    ),
    "sweeps prekeys": lambda home, me, other: home.device_keys.sweep(owner(me), LATER_MS),
}

# --- workspaces ---

_NEWER = structs.replace(new_workspace(TEAM).key, version=2)

_NEWEST = structs.replace(new_workspace(TEAM).key, version=3)
"""It is there already, so that whatever is sealed anew is under it."""

_WITH_WORKSPACES: dict[str, Deed] = {
    "makes a workspace": lambda home, me, other: home.workspaces.create(
        me, new_workspace(), NOW_MS
    ),
    "adds somebody to the workspace": lambda home, me, other: home.workspaces.set_member(
        asks(me), TEAM, DAN, None, NOW_MS
    ),
    "makes the other own the workspace": lambda home, me, other: home.workspaces.set_member(
        asks(me), TEAM, other, Role.OWNER, NOW_MS
    ),
    "makes itself a member of the workspace": lambda home, me, other: home.workspaces.set_member(
        asks(me), TEAM, me, Role.MEMBER, NOW_MS
    ),
    "removes the other from the workspace": lambda home, me, other: home.workspaces.remove_member(
        asks(me), TEAM, other, NOW_MS
    ),
    "leaves the workspace": lambda home, me, other: home.workspaces.remove_member(
        asks(me), TEAM, me, NOW_MS
    ),
    "claims workspaces": lambda home, me, other: home.workspaces.claim(
        asks(me, "claimed", TEAM, "new to all"),
        [new_workspace("claimed"), new_workspace("new to all")],
        NOW_MS,
    ),
    "claims them in another order": lambda home, me, other: home.workspaces.claim(
        asks(f"{other} elsewhere", "new to all", TEAM),
        [new_workspace("new to all"), new_workspace(TEAM)],
        NOW_MS,
    ),
    "is busy": lambda home, me, other: home.workspaces.set_standing(
        asks(me), TEAM, Standing.BUSY, NOW_MS
    ),
    "has seen everybody go": lambda home, me, other: home.workspaces.note_gone(
        TEAM, [other, me], LATER_MS
    ),
    "changes the key of the workspace": lambda home, me, other: home.workspace_keys.rotate(
        new_workspace(TEAM).key, _NEWER, "name", NOW_MS
    ),
    "seals anew what was said": lambda home, me, other: home.workspace_keys.reseal(
        *_both(posts=tuple(map(_in_box, (4, 3, 2, 1))))
    ),
    "seals anew what conversations are called": lambda home, me, other: home.workspace_keys.reseal(
        *_both(rooms=tuple(map(_called, (FLEETING, TEA))))
    ),
    "seals anew the keys of files": lambda home, me, other: home.workspace_keys.reseal(
        *_both(files=tuple(map(_file_key, (FLEETING, TEA))))
    ),
}


def _both(**some: Any) -> tuple[Sealed, Sealed]:
    """Things under a key, and the same under another."""
    return Sealed(key=new_workspace(TEAM).key, **some), Sealed(key=_NEWEST, **some)


def _in_box(seq: int) -> SealedPost:
    return SealedPost(
        room_id=TEA, seq=seq, message_id=MessageId("any"), edits=0, box="x", tokens=("word",)
    )


def _called(room_id: RoomId) -> SealedRoom:
    texts = Texts(name="tea", description="", icon="", key_version=1)
    return SealedRoom(room_id=room_id, texts=texts)


def _file_key(room_id: RoomId) -> SealedFile:
    file_id = FileId(f"on {room_id}")
    return SealedFile(file_id=file_id, room_id=room_id, wrapped_key=b"", details="")


# --- queues ---


async def fill_queues(home: Durable) -> None:
    """Have the phones of Alice and Bob be seen, and something wait for each."""
    for name in (ALICE, BOB):
        await home.queues.see([Device(name, PHONE)], NOW_MS)
    for me, other in ((ALICE, BOB), (BOB, ALICE)):
        await _queue(home, me, "waits", other)


async def _queue(home: Durable, me: UserId, name: str, *to: UserId, room: bool = False) -> None:
    new = NewEvent(
        event_id=EventId(f"{name} of {me}"),
        sender=me,
        sender_device=PHONE,
        recipients=to,
        group_id=TEA if room else None,
        type="MESSAGE",
        metadata=b"{}",
        payload="c2VjcmV0",
        is_rotation=False,
    )
    await home.queues.append(new, NOW_MS)


async def _register_by_issuer(home: Durable, me: UserId, other: UserId) -> None:
    """With another key than before, of which the rooms are told."""
    registration = Registration(
        vouched=Vouched(
            issuer=ISSUER, subject=me, email=None, name=me, issued_ms=NOW_MS, expires_ms=LATER_MS
        ),
        user_id=UserId(new_id()),
        name=None,
        public_key=new_id().encode(),
        device=SignInDevice(LAPTOP, "", "web"),
        tokens=new_tokens(),
        standing=new_tokens(),
        max_devices=LIMIT,
    )
    await home.identities.register(registration, NOW_MS)


async def _see(home: Durable, *users: UserId) -> None:
    devices = [Device(one, device_id) for one in users for device_id in (PHONE, LAPTOP)]
    await home.queues.see(devices, NOW_MS)


_WITH_QUEUES: dict[str, Deed] = {
    "queues an event for the other": lambda home, me, other: _queue(home, me, "new", other),
    "queues an event for several": lambda home, me, other: _queue(home, me, "new", other, DAN, me),
    "queues an event for the room": lambda home, me, other: _queue(home, me, "new", room=True),
    "acknowledges an event": lambda home, me, other: home.queues.acknowledge(
        Device(me, PHONE), EventId(f"waits of {other}"), NOW_MS
    ),
    "is seen": lambda home, me, other: _see(home, me),
    "is seen with the other": _see,
    "lets events expire": lambda home, me, other: home.queues.expire(LATER_MS, LIMIT),
    "registers by an issuer": _register_by_issuer,
    "has another key told": lambda home, me, other: home.identities.rotate_due(me, LIMIT, NOW_MS),
}

# --- conversations of workspaces ---


def _channel(kind: Kind, *members: UserId) -> NewChannel:
    return NewChannel(
        room_id=RoomId(new_id()),
        workspace_id=TEAM,
        kind=kind,
        key_version=1,
        name="sealed",
        description="",
        icon="",
        document_id=DocumentId("document") if kind is Kind.DOCUMENT else None,
        members=members,
    )


async def _answer(home: Durable, me: UserId, other: UserId, *file_ids: FileId) -> None:
    new = NewMessage(
        sender=me,
        sender_device=None,
        room_id=TEA,
        recipient=None,
        new_room_id=TEA,
        message_id=MessageId(f"{me} answers{' itself' if me == other else ''}"),
        type="text",
        ciphertext="c2VjcmV0",
        metadata=None,
        covered=None,
        post=NewPost(reply_to=_said(other, TEA, 1), tokens=("token",), file_ids=file_ids),
    )
    await home.messages.append(new, NOW_MS, None)


def _edit(
    home: Durable, me: UserId, number: int, expected: int, *file_ids: FileId
) -> Awaitable[object]:
    ref = MessageRef(_said(me, TEA, number))
    change = PostChange(ciphertext="bmV3", metadata=None, tokens=("new",), file_ids=file_ids)
    return home.posts.edit(me, ref, change, expected, NOW_MS)


_IN_CHANNELS: dict[str, Deed] = {
    "makes a channel": lambda home, me, other: home.channels.create(
        asks(me), _channel(Kind.GROUP, other), NOW_MS
    ),
    "opens the document": lambda home, me, other: home.channels.create(
        asks(me), _channel(Kind.DOCUMENT), NOW_MS
    ),
    "talks to the other at work": lambda home, me, other: home.channels.create(
        asks(me), _channel(Kind.DIRECT, other), NOW_MS
    ),
    "answers the other": _answer,
    "edits a message": lambda home, me, other: _edit(home, me, 2, 0),
    "deletes an answer": lambda home, me, other: home.posts.delete(
        me, MessageRef(MessageId(f"{ALICE} answers")), NOW_MS
    ),
    "reacts": lambda home, me, other: home.posts.react(
        me, MessageRef(_said(ALICE, TEA, 1)), "x", None, NOW_MS
    ),
    "reads the room": lambda home, me, other: home.channels.read(me, TEA, None, NOW_MS),
}

# --- files ---

_WITH_FILES: dict[str, Deed] = {
    "begins a file": lambda home, me, other: _begin_file(home, me, TEA, FileId(new_id())),
    "goes on with its file": lambda home, me, other: home.files.go_on(FileId(f"of {me}"), 1),
    "finishes its file": lambda home, me, other: home.files.finish(FileId(f"of {me}"), 5, 1),
    "gives its file up": lambda home, me, other: home.files.give_up(FileId(f"of {me}")),
    "answers itself with a file": lambda home, me, other: _answer(home, me, me, _unsent(me)),
    "edits a message to have a file": lambda home, me, other: _edit(home, me, 1, 0, _unsent(me)),
    "looks for garbage": lambda home, me, other: home.files.garbage(LATER_MS, LIMIT),
    "forgets garbage": lambda home, me, other: _forget_garbage(home),
}


async def _forget_garbage(home: Durable) -> None:
    await home.files.forget(await home.files.garbage(LATER_MS, LIMIT))


DEEDS: dict[str, Deed] = {
    **_IN_CHANNELS,
    **_IN_ROOMS,
    **_WITH_MESSAGES,
    **_WITH_ACCOUNTS,
    **_WITH_KEYS,
    **_WITH_WORKSPACES,
    **_WITH_QUEUES,
    **_WITH_FILES,
}
