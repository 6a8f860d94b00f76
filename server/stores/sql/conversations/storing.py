"""Steps that store messages, many in one transaction.

The rooms are locked first, and so all that is read after that is as it will be when the messages
are stored.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from server.core.durable import StoredMessage
from server.core.errors import AppError, Code
from server.core.ids import UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.conversations import NewMessage, StoredNew
from server.core.ports.keys import KeyEndedError
from server.core.workspaces.values import Post
from server.stores.sql.attached import Hung, Wanted, free_files, hang_files, no_such_file
from server.stores.sql.conversations.judging import Blocks, Member, check_devices, is_withheld
from server.stores.sql.conversations.members import take_part
from server.stores.sql.conversations.rooms import make_direct
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    Origin,
    message,
    no_such_room,
    pair_key,
    peer_in,
)
from server.stores.sql.conversations.threads import (
    Answered,
    answered,
    no_such_answered,
    write_extras,
    write_words,
)
from server.stores.sql.sealing import KeyName, kept_of
from server.stores.sql.steps import Row, Steps, listed, rows, run_many
from server.stores.sql.usage import TOKEN_BYTES, size_of, take_up

ROW_BYTES = 512
"""As long as so many bytes takes the row of a token: a batch has some thousands of these at most,
where a message may have 256."""


class Draft(Struct, frozen=True):
    """A message that is to be stored, and by which it is told where: a room's id or pair."""

    new: NewMessage
    now_ms: int
    default_ttl_ms: int | None
    key: str

    @property
    def size_bytes(self) -> int:
        """What it costs to store it, as bytes that take as long."""
        tokens = self.new.post.tokens if self.new.post else ()
        return len(self.new.ciphertext) + len(self.new.metadata or b"") + ROW_BYTES * len(tokens)


def draft_of(new: NewMessage, now_ms: int, default_ttl_ms: int | None) -> Draft:
    key = new.room_id or "" if new.recipient is None else pair_key(new.sender, new.recipient)
    return Draft(new, now_ms, default_ttl_ms, key)


Outcome = StoredNew | AppError | None


class _Room(Struct):
    """A room, locked, as messages are put into it.

    Attributes:
        seq, sent_ms: Of the newest message.
        stored: Messages by their ids, those to which drafts have the same; and whether they
            are withheld.
        answered: What new messages answer, by their ids and senders.
        added: Rows of new messages.
        posts: New messages of workspaces; `extras` and `words` are rows of theirs.
        answers: First messages of threads, and when they were answered.
        keys: Under which what is stored may be sealed.
        free: Files that messages may have; `hung` are those that they have then.
        joining: Who says something for the first time where a stranger has put it.
    """

    room_id: str
    of: Origin
    is_sealed: bool
    ttl_ms: int | None
    seq: int
    sent_ms: int
    members: dict[str, Member]
    stored: dict[str, tuple[StoredMessage, bool]]
    answered: dict[tuple[str, str], Answered] = field(default_factory=dict)
    added: list[Row] = field(default_factory=list)
    posts: dict[str, Post] = field(default_factory=dict)
    extras: list[Row] = field(default_factory=list)
    words: list[tuple[str, str, int]] = field(default_factory=list)
    answers: list[tuple[str, int, int]] = field(default_factory=list)
    keys: set[KeyName] = field(default_factory=set)
    free: set[Wanted] = field(default_factory=set)
    hung: list[Hung] = field(default_factory=list)
    joining: list[str] = field(default_factory=list)


class _Known(Struct):
    """What is known of those who send.

    Attributes:
        most_bytes: That one may have stored.
        stored: Of each, as it was just now: what is stored elsewhere meanwhile comes on top.
        taken: What of each is added.
    """

    blocks: Blocks
    most_bytes: int
    stored: dict[str, int]
    taken: Counter[str]

    def take(self, user_id: str, size_bytes: int) -> None:
        """Count what a user stores.

        Raises:
            AppError: LIMIT_REACHED.
        """
        if self.stored.get(user_id, 0) + self.taken[user_id] + size_bytes > self.most_bytes:
            problem = f"your messages take all the {self.most_bytes} bytes that an account has"
            raise AppError(Code.LIMIT_REACHED, f"{problem}; delete some")
        self.taken[user_id] += size_bytes


_Rooms = dict[str, _Room]
"""By their ids, and by their pairs."""


def append_all(drafts: Sequence[Draft], bounds: Bounds, *, waits: bool) -> Steps[list[Outcome]]:
    """Store messages; what is refused harms no other.

    Args:
        waits: For rooms that other transactions have locked, in the order of their ids. Else what
            is for these is left.

    Returns:
        What came of each; None of what was left, or has no room yet.
    """
    rooms = yield from _lock(drafts, waits=waits)
    if not rooms:
        return [None for _ in drafts]
    yield from _read_members(rooms)
    known = yield from _read_known(drafts, rooms, bounds.account_bytes)
    known.blocks |= yield from _blocks_in_groups(drafts, rooms)
    yield from _read_answered(drafts, rooms)
    yield from _read_files(drafts, rooms)
    yield from _read_keys(drafts, rooms)
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


# --- what is known ---

_ROOMS = (
    "SELECT room_id, kind, pair_key, workspace_id, is_sealed, ttl_ms, seq, active_ms FROM rooms "
    "WHERE (room_id = ANY($1::text[]) OR pair_key = ANY($2::text[])) AND deleted_ms IS NULL "
    "ORDER BY room_id FOR NO KEY UPDATE"
)

_MEMBERS = (
    "SELECT me.room_id, me.user_id, COALESCE(a.user_id, f.user_id), a.banned_ms, me.unasked, "
    "d.device_id "
    "FROM room_members me "
    "LEFT JOIN accounts a ON a.user_id = me.user_id AND a.deleted_ms IS NULL "
    "LEFT JOIN foreign_users f ON f.user_id = me.user_id "
    "LEFT JOIN devices d ON d.user_id = me.user_id AND d.revoked_ms IS NULL "
    "WHERE me.room_id = ANY($1::text[])"
)

# Not EXISTS: of that PostgreSQL makes a hash of all the blocks that there are.
_IS_BLOCKED = (
    "(SELECT 1 FROM account_blocks b WHERE b.user_id = (asked.value ->> {one}) "
    "AND b.blocked_id = (asked.value ->> {other})) IS NOT NULL"
)

# Asked: the id of a message, its room, its sender, and the other one of a direct room.
_KNOWN = (
    f"SELECT {MESSAGE}, m.withheld, asked.value ->> 2, asked.value ->> 3, "
    f"{_IS_BLOCKED.format(one=2, other=3)}, {_IS_BLOCKED.format(one=3, other=2)}, "
    "(SELECT bytes FROM stored_bytes s WHERE s.user_id = (asked.value ->> 2)) "
    "FROM json_array_elements($1::json) AS asked LEFT JOIN messages m "
    "ON m.message_id = (asked.value ->> 0) AND m.room_id = (asked.value ->> 1)"
)

# Asked: a room with roles, and a sender.
_BLOCKS = (
    "SELECT b.user_id, b.blocked_id FROM json_array_elements($1::json) AS asked "
    "JOIN room_members me ON me.room_id = (asked.value ->> 0) "
    "JOIN account_blocks b ON b.user_id = me.user_id AND b.blocked_id = (asked.value ->> 1)"
)


def _lock(drafts: Sequence[Draft], *, waits: bool) -> Steps[_Rooms]:
    found = yield from rows(
        _ROOMS if waits else f"{_ROOMS} SKIP LOCKED",
        sorted({one.key for one in drafts if one.new.recipient is None}),
        sorted({one.key for one in drafts if one.new.recipient is not None}),
    )
    rooms: _Rooms = {}
    for room_id, kind, key, workspace_id, is_sealed, ttl_ms, seq, active_ms in found:
        of = Origin(Kind(kind), key, workspace_id)
        room = _Room(room_id, of, bool(is_sealed), ttl_ms, seq, active_ms, {}, {})
        rooms[room_id] = room
        if key is not None:
            rooms[key] = room
    return rooms


def _read_members(rooms: _Rooms) -> Steps[None]:
    found = yield from rows(_MEMBERS, sorted({one.room_id for one in rooms.values()}))
    for room_id, user_id, account, banned_ms, unasked, device_id in found:
        members = rooms[room_id].members
        member = members.get(user_id)
        if member is None:
            member = Member(account is not None, banned_ms is not None, bool(unasked), set())
            members[user_id] = member
        if device_id is not None:
            member.device_ids.add(device_id)


def _read_known(drafts: Sequence[Draft], rooms: _Rooms, most_bytes: int) -> Steps[_Known]:
    """Read what is stored already, and who of those in direct rooms blocks whom."""
    asked = [
        (new.message_id, room.room_id, new.sender, peer_in(room.of.pair_key, new.sender))
        for new, room in _with_rooms(drafts, rooms)
    ]
    found = yield from rows(_KNOWN, listed(asked))
    known = _Known(set(), most_bytes, {}, Counter())
    for one in found:
        sender, peer, blocks_peer, is_blocked, stored_bytes = one[12:]
        known.stored[sender] = stored_bytes or 0
        if blocks_peer:
            known.blocks.add((sender, peer))
        if is_blocked:
            known.blocks.add((peer, sender))
        if one[0] is not None:
            room = rooms[one[0]]
            stored = message(one[:11], room.of)
            room.stored[stored.message_id] = (stored, bool(one[11]))
    return known


def _blocks_in_groups(drafts: Sequence[Draft], rooms: _Rooms) -> Steps[Blocks]:
    """Whom of the senders others in their rooms have blocked."""
    asked = {
        (room.room_id, new.sender)
        for new, room in _with_rooms(drafts, rooms)
        if room.of.pair_key is None
    }
    if not asked:
        return set()
    found = yield from rows(_BLOCKS, listed(sorted(asked)))
    return {(blocker, blocked) for blocker, blocked in found}


def _read_answered(drafts: Sequence[Draft], rooms: _Rooms) -> Steps[None]:
    """Read what is answered."""
    wanted = [
        (rooms[one.key].room_id, str(one.new.post.reply_to), str(one.new.sender))
        for one in drafts
        if one.key in rooms and one.new.post is not None and one.new.post.reply_to is not None
    ]
    found = yield from answered(wanted, max(one.now_ms for one in drafts))
    for (room_id, message_id, sender), one in found.items():
        rooms[room_id].answered[message_id, sender] = one


def _read_files(drafts: Sequence[Draft], rooms: _Rooms) -> Steps[None]:
    """Hold what messages are to have."""
    free = yield from free_files(
        wanted for new, room in _with_rooms(drafts, rooms) for wanted in _wanted(new, room)
    )
    for one in free:
        rooms[one[1]].free.add(one)


def _read_keys(drafts: Sequence[Draft], rooms: _Rooms) -> Steps[None]:
    """Hold the keys under which messages are sealed, as far as these are there."""
    keys = yield from kept_of(
        key for new, room in _with_rooms(drafts, rooms) if (key := _key_of(new, room))
    )
    for room in rooms.values():
        room.keys = keys


def _key_of(new: NewMessage, room: _Room) -> KeyName | None:
    """Under which a message is sealed that is for a room of a workspace."""
    version = new.post.key_version if new.post else None
    if room.of.workspace_id is None or version is None:
        return None
    return room.of.workspace_id, version


def _wanted(new: NewMessage, room: _Room) -> set[Wanted]:
    """The files that a message is to have."""
    file_ids = new.post.file_ids if new.post else ()
    return {(str(one), room.room_id, str(new.sender)) for one in file_ids}


def _with_rooms(drafts: Sequence[Draft], rooms: _Rooms) -> Iterable[tuple[NewMessage, _Room]]:
    return ((one.new, rooms[one.key]) for one in drafts if one.key in rooms)


# --- what comes of it ---


def _try_to_put(draft: Draft, room: _Room | None, known: _Known) -> Outcome:
    if room is None:
        return None
    try:
        return _put(draft, room, known)
    except AppError as refusal:
        return refusal


def _put(draft: Draft, room: _Room, known: _Known) -> StoredNew:
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
        if (key := _key_of(new, room)) and key not in room.keys:
            raise KeyEndedError
        replied = _answered_by(new, room)
        if not _wanted(new, room) <= room.free:
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


def _answered_by(new: NewMessage, room: _Room) -> Answered | None:
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


def _add_extras(new: NewMessage, room: _Room, replied: Answered | None, *, withheld: bool) -> None:
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
    if wanted := _wanted(new, room):
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


def _add(draft: Draft, room: _Room, *, withheld: bool) -> None:
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


def _write(rooms: _Rooms) -> Steps[None]:
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
