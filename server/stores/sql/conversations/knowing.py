"""Steps that read what must be known of messages before they are stored, many at once.

The rooms are locked first, and so all that is read after that is as it will be when the messages
are stored.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from server.core.durable import StoredMessage
from server.core.errors import AppError, Code
from server.core.kinds import Kind
from server.core.ports.conversations import NewMessage
from server.core.workspaces.values import Post
from server.stores.sql.attached import Hung, Wanted, free_files
from server.stores.sql.conversations.judging import Blocks, Member
from server.stores.sql.conversations.shapes import MESSAGE, Origin, message, pair_key, peer_in
from server.stores.sql.conversations.threads import Answered, answered
from server.stores.sql.sealing import KeyName, kept_of
from server.stores.sql.steps import Row, Steps, listed, rows

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


class Room(Struct):
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


class Known(Struct):
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


Rooms = dict[str, Room]
"""By their ids, and by their pairs."""


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


def lock(drafts: Sequence[Draft], *, waits: bool) -> Steps[Rooms]:
    """The rooms that messages are for, locked.

    Args:
        waits: For those that other transactions have locked; else they are left out.
    """
    found = yield from rows(
        _ROOMS if waits else f"{_ROOMS} SKIP LOCKED",
        sorted({one.key for one in drafts if one.new.recipient is None}),
        sorted({one.key for one in drafts if one.new.recipient is not None}),
    )
    rooms: Rooms = {}
    for room_id, kind, key, workspace_id, is_sealed, ttl_ms, seq, active_ms in found:
        of = Origin(Kind(kind), key, workspace_id)
        room = Room(room_id, of, bool(is_sealed), ttl_ms, seq, active_ms, {}, {})
        rooms[room_id] = room
        if key is not None:
            rooms[key] = room
    return rooms


def read_known(drafts: Sequence[Draft], rooms: Rooms, most_bytes: int) -> Steps[Known]:
    """Read all that must be known of messages and of the rooms that they are for, which are locked.

    Args:
        most_bytes: That one may have stored.
    """
    yield from _read_members(rooms)
    known = yield from _read_stored(drafts, rooms, most_bytes)
    known.blocks |= yield from _blocks_in_groups(drafts, rooms)
    yield from _read_answered(drafts, rooms)
    yield from _read_files(drafts, rooms)
    yield from _read_keys(drafts, rooms)
    return known


def key_of(new: NewMessage, room: Room) -> KeyName | None:
    """Under which a message is sealed that is for a room of a workspace."""
    version = new.post.key_version if new.post else None
    if room.of.workspace_id is None or version is None:
        return None
    return room.of.workspace_id, version


def wanted_of(new: NewMessage, room: Room) -> set[Wanted]:
    """The files that a message is to have."""
    file_ids = new.post.file_ids if new.post else ()
    return {(str(one), room.room_id, str(new.sender)) for one in file_ids}


def _read_members(rooms: Rooms) -> Steps[None]:
    found = yield from rows(_MEMBERS, sorted({one.room_id for one in rooms.values()}))
    for room_id, user_id, account, banned_ms, unasked, device_id in found:
        members = rooms[room_id].members
        member = members.get(user_id)
        if member is None:
            member = Member(account is not None, banned_ms is not None, bool(unasked), set())
            members[user_id] = member
        if device_id is not None:
            member.device_ids.add(device_id)


def _read_stored(drafts: Sequence[Draft], rooms: Rooms, most_bytes: int) -> Steps[Known]:
    """Read what is stored already, and who of those in direct rooms blocks whom."""
    asked = [
        (new.message_id, room.room_id, new.sender, peer_in(room.of.pair_key, new.sender))
        for new, room in _with_rooms(drafts, rooms)
    ]
    found = yield from rows(_KNOWN, listed(asked))
    known = Known(set(), most_bytes, {}, Counter())
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


def _blocks_in_groups(drafts: Sequence[Draft], rooms: Rooms) -> Steps[Blocks]:
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


def _read_answered(drafts: Sequence[Draft], rooms: Rooms) -> Steps[None]:
    """Read what is answered."""
    wanted = [
        (rooms[one.key].room_id, str(one.new.post.reply_to), str(one.new.sender))
        for one in drafts
        if one.key in rooms and one.new.post is not None and one.new.post.reply_to is not None
    ]
    found = yield from answered(wanted, max(one.now_ms for one in drafts))
    for (room_id, message_id, sender), one in found.items():
        rooms[room_id].answered[message_id, sender] = one


def _read_files(drafts: Sequence[Draft], rooms: Rooms) -> Steps[None]:
    """Hold what messages are to have."""
    free = yield from free_files(
        wanted for new, room in _with_rooms(drafts, rooms) for wanted in wanted_of(new, room)
    )
    for one in free:
        rooms[one[1]].free.add(one)


def _read_keys(drafts: Sequence[Draft], rooms: Rooms) -> Steps[None]:
    """Hold the keys under which messages are sealed, as far as these are there."""
    keys = yield from kept_of(
        key for new, room in _with_rooms(drafts, rooms) if (key := key_of(new, room))
    )
    for room in rooms.values():
        room.keys = keys


def _with_rooms(drafts: Sequence[Draft], rooms: Rooms) -> Iterable[tuple[NewMessage, Room]]:
    return ((one.new, rooms[one.key]) for one in drafts if one.key in rooms)
