"""Steps that store messages, many in one transaction."""

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.limits import Bounds
from server.core.ports.conversations import NewMessage, StoredNew
from server.core.ports.keys import KeyEndedError
from server.core.workspaces.values import Post
from server.stores.sql.attached import Hung, hang_files, no_such_file
from server.stores.sql.conversations.judging import check_devices, is_withheld
from server.stores.sql.conversations.knowing import (
    Draft,
    Known,
    Room,
    Rooms,
    key_of,
    lock,
    read_known,
    wanted_of,
)
from server.stores.sql.conversations.members import take_part
from server.stores.sql.conversations.rooms import make_direct
from server.stores.sql.conversations.shapes import message, no_such_room
from server.stores.sql.conversations.threads import (
    Answered,
    no_such_answered,
    write_extras,
    write_words,
)
from server.stores.sql.steps import Steps, run_many
from server.stores.sql.usage import TOKEN_BYTES, size_of, take_up

Outcome = StoredNew | AppError | None


def append_all(drafts: Sequence[Draft], bounds: Bounds, *, waits: bool) -> Steps[list[Outcome]]:
    """Store messages; what is refused harms no other.

    Args:
        waits: For rooms that other transactions have locked, in the order of their ids. Else what
            is for these is left.

    Returns:
        What came of each; None of what was left, or has no room yet.
    """
    rooms = yield from lock(drafts, waits=waits)
    if not rooms:
        return [None for _ in drafts]
    known = yield from read_known(drafts, rooms, bounds.account_bytes)
    outcomes = [_try_to_put(draft, rooms.get(draft.key), known) for draft in drafts]
    yield from _write(rooms)
    yield from take_up(known.taken)
    return outcomes


def append_first(draft: Draft, bounds: Bounds) -> Steps[StoredNew]:
    """Store a message whose room was not there, with its room if that is a direct one.

    Raises:
        AppError: What it is refused for; then the room is not made either.
    """
    new = draft.new
    if new.recipient is None:
        raise no_such_room()
    yield from make_direct(new.sender, new.recipient, new.new_room_id, draft.now_ms, bounds)
    (outcome,) = yield from append_all([draft], bounds, waits=True)
    if outcome is None:
        raise no_such_room()
    if isinstance(outcome, AppError):
        raise outcome
    return outcome


# --- what comes of it ---


def _try_to_put(draft: Draft, room: Room | None, known: Known) -> Outcome:
    if room is None:
        return None
    try:
        return _put(draft, room, known)
    except AppError as refusal:
        return refusal


def _put(draft: Draft, room: Room, known: Known) -> StoredNew:
    """Have a message be the next one of a room, unless it is there.

    Raises:
        AppError: As `MessageStore.append`.
    """
    new = draft.new
    if new.sender not in room.members or new.is_sealed is not room.is_sealed:
        raise no_such_room()
    is_repeat = new.message_id in room.stored
    if not is_repeat:
        withheld = is_withheld(new, room.of.pair_key, room.members, known.blocks)
        # Whom the recipient has blocked has none of its keys; in workspaces nobody need say whose.
        if not withheld and (new.covered is not None or room.of.workspace_id is None):
            check_devices(new, room.members, known.blocks)
        if (key := key_of(new, room)) and key not in room.keys:
            raise KeyEndedError
        replied = _answered_by(new, room)
        if not wanted_of(new, room) <= room.free:
            raise no_such_file()
        tokens = new.post.tokens if new.post else ()
        size_bytes = size_of(new.ciphertext.encode(), new.metadata) + TOKEN_BYTES * len(tokens)
        known.take(new.sender, size_bytes)
        _add(draft, room, withheld=withheld)
        _add_extras(new, room, replied, withheld=withheld)
    stored, withheld = room.stored[new.message_id]
    if stored.sender != new.sender:
        raise AppError(Code.ID_CONFLICT, "that id is another message's here; take a new one")
    readers = (new.sender,) if withheld else tuple(UserId(one) for one in room.members)
    post = None if is_repeat else room.posts.get(new.message_id)
    return StoredNew(message=stored, is_repeat=is_repeat, readers=readers, post=post)


def _answered_by(new: NewMessage, room: Room) -> Answered | None:
    """What a new message answers.

    Raises:
        AppError: NOT_FOUND if its sender cannot read that.
    """
    if new.post is None or new.post.reply_to is None:
        return None
    found = room.answered.get((new.post.reply_to, new.sender))
    if found is None:
        raise no_such_answered()
    return found


def _add_extras(new: NewMessage, room: Room, replied: Answered | None, *, withheld: bool) -> None:
    """What the newest message of a room has besides, if that is of a workspace."""
    if room.of.workspace_id is None:
        return
    seq, own_id = room.seq, new.message_id
    root_seq, root_id = (replied.root_seq, replied.root_id) if replied else (None, None)
    # Others of this batch may answer it.
    place = Answered(seq, own_id, root_seq or seq, root_id or own_id)
    readers = (new.sender,) if withheld else room.members
    room.answered.update({(own_id, one): place for one in readers})
    if new.is_sealed or replied:
        key_version = new.post.key_version if new.post else None
        reply_to = replied.seq if replied else None
        room.extras.append((room.room_id, seq, key_version, reply_to, root_seq))
    if root_seq is not None:
        room.answers.append((room.room_id, root_seq, room.sent_ms))
    room.words += [(token, room.room_id, seq) for token in (new.post.tokens if new.post else ())]
    if wanted := wanted_of(new, room):
        room.free -= wanted
        file_ids = tuple(sorted(file_id for file_id, _, _ in wanted))
        room.hung.append(Hung(seq, new.sender, file_ids, room.sent_ms))
    stored, _ = room.stored[own_id]
    room.posts[own_id] = Post(
        message=stored,
        reply_to=replied.message_id if replied else None,
        thread=root_id,
        is_withheld=withheld,
    )


def _add(draft: Draft, room: Room, *, withheld: bool) -> None:
    new = draft.new
    room.seq += 1
    room.sent_ms = max(room.sent_ms, draft.now_ms)
    ttl_ms = room.ttl_ms or draft.default_ttl_ms
    values = (
        room.room_id,
        room.seq,
        new.message_id,
        new.sender,
        new.sender_device,
        new.type,
        new.ciphertext.encode(),
        new.metadata,
        room.sent_ms,
        None if ttl_ms is None else room.sent_ms + ttl_ms,
        None,
    )
    room.added.append((*values, withheld))
    sender = room.members[new.sender]
    if sender.is_unasked:
        sender.is_unasked = False
        room.joining.append(new.sender)
    room.stored[new.message_id] = (message(values, room.of), withheld)


def _write(rooms: Rooms) -> Steps[None]:
    changed = {one.room_id: one for one in rooms.values() if one.added}.values()
    yield from run_many(
        "UPDATE rooms SET seq = $2, active_ms = $3 WHERE room_id = $1",
        [(one.room_id, one.seq, one.sent_ms) for one in changed],
    )
    yield from run_many(
        "INSERT INTO messages (room_id, seq, message_id, sender_id, sender_device_id, type, "
        "ciphertext, metadata, created_ms, expires_ms, deleted_ms, withheld) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [tuple(row) for one in changed for row in one.added],
    )
    yield from write_extras(
        [row for one in changed for row in one.extras],
        [answer for one in changed for answer in one.answers],
    )
    yield from write_words([word for one in changed for word in one.words])
    for one in changed:
        yield from hang_files(one.room_id, one.of.workspace_id, one.hung)
    yield from take_part([(one.room_id, who) for one in changed for who in one.joining])
