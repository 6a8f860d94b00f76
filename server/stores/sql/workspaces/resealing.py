"""Steps that find what is sealed under a key, and keep it under another one.

Whoever seals anew has read before: what has changed since, or was sealed anew by another process,
is left as it is.
"""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Sequence

from server.core.ids import FileId, MessageId, RoomId
from server.core.ports.channels import Texts
from server.core.ports.keys import BEGIN, Sealed, SealedFile, SealedPost, SealedRoom, Where
from server.core.workspaces.values import WrappedKey
from server.stores.sql.conversations.threads import write_words
from server.stores.sql.sealing import check_key
from server.stores.sql.steps import Row, Steps, listed, row, rows, run, run_many
from server.stores.sql.usage import SAID_BYTES, WORDS_BYTES

PORTION_BYTES = 128 * 1024
"""Of messages that are sealed anew at once, with their tokens: 200 long ones would hold up all that
this process does for a second, and take longer than a statement may."""

ROOMS = 20
"""Of conversations, too, messages are sealed anew in so many at once: each is a transaction."""

# In brackets, not EXISTS: of that PostgreSQL makes a hash of all that there is under any key. And
# sorted by no column: it would go through the rooms of all workspaces in their order.
_ROOMS_WITH_POSTS = (
    "SELECT r.room_id FROM rooms r WHERE r.workspace_id = $1 AND r.room_id >= $3 "
    "AND (SELECT p.seq FROM posts p WHERE p.room_id = r.room_id AND p.key_version = $2 "
    "AND (r.room_id > $3 OR p.seq > $4) LIMIT 1) IS NOT NULL ORDER BY r.room_id || '' LIMIT $5"
)

_POSTS = (
    f"SELECT p.seq, {SAID_BYTES} + {WORDS_BYTES} FROM posts p JOIN messages m "
    "ON m.room_id = p.room_id AND m.seq = p.seq "
    "WHERE p.room_id = $1 AND p.key_version = $2 AND p.seq > $3 ORDER BY p.seq LIMIT $4"
)

_SAID = (
    "SELECT m.room_id, m.seq, m.message_id, p.edits, m.ciphertext "
    "FROM json_array_elements($1::json) AS asked JOIN messages m "
    "ON m.room_id = (asked.value ->> 0) AND m.seq = CAST(asked.value ->> 1 AS BIGINT) "
    "JOIN posts p ON p.room_id = m.room_id AND p.seq = m.seq ORDER BY m.room_id, m.seq"
)


def under(key: WrappedKey, limit: int, after: Where = BEGIN) -> Steps[Sealed]:
    """Conversations first, then messages, then files: one kind at a time."""
    for number, find in enumerate((_rooms_under, _posts_under, _files_under)):
        if number >= after[0]:
            begin = after[1:] if number == after[0] else BEGIN[1:]
            found = yield from find(key, limit, *begin)
            if not found.is_empty:
                return found
    return Sealed(key=key)


def is_under(key: WrappedKey) -> Steps[bool]:
    """Whether anything is sealed under a key."""
    return not (yield from under(key, 1)).is_empty


def _rooms_under(key: WrappedKey, limit: int, room_id: str, _: int) -> Steps[Sealed]:
    found = yield from rows(
        "SELECT room_id, name, description, icon FROM rooms "
        "WHERE workspace_id = $1 AND key_version = $2 AND room_id > $3 "
        "ORDER BY room_id || '' LIMIT $4",
        key.workspace_id,
        key.version,
        room_id,
        limit,
    )
    return Sealed(key=key, rooms=tuple(_room(one, key.version) for one in found))


def _files_under(key: WrappedKey, limit: int, file_id: str, _: int) -> Steps[Sealed]:
    found = yield from rows(
        "SELECT file_id, room_id, wrapped_key, details FROM files "
        "WHERE workspace_id = $1 AND key_version = $2 AND file_id > $3 ORDER BY file_id LIMIT $4",
        key.workspace_id,
        key.version,
        file_id,
        limit,
    )
    return Sealed(key=key, files=tuple(map(_file, found)))


def _posts_under(key: WrappedKey, limit: int, room_id: str, seq: int) -> Steps[Sealed]:
    """As many as are opened and sealed at once."""
    places = yield from _places(key, limit, room_id, seq)
    found = yield from rows(_SAID, listed(places))
    posts = tuple(
        SealedPost(
            room_id=RoomId(room_id),
            seq=seq,
            message_id=MessageId(message_id),
            edits=edits,
            box=None if box is None else _text(box),
        )
        for room_id, seq, message_id, edits, box in found
    )
    return Sealed(key=key, posts=posts)


def _places(key: WrappedKey, limit: int, after: str, seq: int) -> Steps[list[tuple[str, int]]]:
    """Rooms and sequences of messages, the first one and then so many as a portion has."""
    rooms = yield from rows(
        _ROOMS_WITH_POSTS, key.workspace_id, key.version, after, seq, min(limit, ROOMS)
    )
    places: list[tuple[str, int]] = []
    taken = 0
    for (room_id,) in rooms:
        begin = seq if room_id == after else 0
        some = yield from rows(_POSTS, room_id, key.version, begin, limit - len(places))
        for number, size_bytes in some:
            places.append((room_id, number))
            taken += size_bytes
            if taken >= PORTION_BYTES:
                return places
        if len(places) == limit:
            break
    return places


def reseal_rooms(old: Sealed, new: Sealed) -> Steps[int]:
    yield from check_key(new.key.workspace_id, new.key.version)
    done = 0
    for before, after in sorted(zip(old.rooms, new.rooms, strict=True), key=_room_of):
        was, now = before.texts, after.texts
        found = yield from row(
            "UPDATE rooms SET name = $3, description = $4, icon = $5, key_version = $6 "
            "WHERE room_id = $1 AND key_version = $2 AND name = $7 AND description = $8 "
            "AND COALESCE(icon, $9) = $9 RETURNING room_id",
            before.room_id,
            old.key.version,
            now.name.encode(),
            now.description.encode(),
            now.icon.encode(),
            new.key.version,
            was.name.encode(),
            was.description.encode(),
            was.icon.encode(),
        )
        done += found is not None
    return done


def _room_of(pair: tuple[SealedRoom, SealedRoom]) -> str:
    return pair[0].room_id


def reseal_posts(room_id: RoomId, old: Sealed, new: Sealed) -> Steps[int]:
    """Keep messages of one conversation, that are sealed anew, under another key."""
    yield from check_key(new.key.workspace_id, new.key.version)
    posts = [one for one in new.posts if one.room_id == room_id]
    same = yield from _same(room_id, posts, old.key.version)
    sealed = [one for one in posts if one.seq in same and one.box is not None]
    yield from run_many(
        "UPDATE messages SET ciphertext = $3 WHERE room_id = $1 AND seq = $2",
        [(room_id, one.seq, (one.box or "").encode()) for one in sealed],
    )
    yield from run_many(
        "UPDATE posts SET key_version = $3 WHERE room_id = $1 AND seq = $2",
        [(room_id, seq, new.key.version) for seq in sorted(same)],
    )
    yield from run(
        "DELETE FROM word_tokens WHERE room_id = $1 AND seq = ANY($2::bigint[])",
        room_id,
        sorted(same),
    )
    yield from write_words(
        [(token, str(room_id), one.seq) for one in sealed for token in one.tokens]
    )
    return len(same)


def _same(room_id: RoomId, posts: Sequence[SealedPost], old: int) -> Steps[set[int]]:
    """Which of these are as they were read; they are locked."""
    seqs = sorted(one.seq for one in posts)
    said = yield from rows(
        "SELECT seq, ciphertext IS NULL FROM messages WHERE room_id = $1 "
        "AND seq = ANY($2::bigint[]) ORDER BY seq FOR UPDATE",
        room_id,
        seqs,
    )
    found = yield from rows(
        "SELECT seq, edits FROM posts WHERE room_id = $1 AND seq = ANY($2::bigint[]) "
        "AND key_version = $3 ORDER BY seq FOR UPDATE",
        room_id,
        seqs,
        old,
    )
    is_empty = {seq: bool(nothing) for seq, nothing in said}
    edits = {seq: count for seq, count in found}  # noqa: C416 - of rows, not pairs
    return {
        one.seq
        for one in posts
        if edits.get(one.seq) == one.edits and is_empty.get(one.seq) is (one.box is None)
    }


def reseal_files(old: Sealed, new: Sealed) -> Steps[int]:
    yield from check_key(new.key.workspace_id, new.key.version)
    done = 0
    for one in sorted(new.files, key=lambda file: file.file_id):
        found = yield from row(
            "UPDATE files SET wrapped_key = $3, details = $4, key_version = $5 "
            "WHERE file_id = $1 AND key_version = $2 RETURNING file_id",
            one.file_id,
            old.key.version,
            one.wrapped_key,
            one.details.encode(),
            new.key.version,
        )
        done += found is not None
    return done


def _text(box: bytes | None) -> str:
    """What is damaged opens no more, whatever stands for it; here it must not stop all others."""
    return (box or b"").decode(errors="replace")


def _room(found: Row, version: int) -> SealedRoom:
    room_id, *texts = found
    name, description, icon = map(_text, texts)
    return SealedRoom(
        room_id=RoomId(room_id),
        texts=Texts(name=name, description=description, icon=icon, key_version=version),
    )


def _file(found: Row) -> SealedFile:
    file_id, room_id, wrapped_key, details = found
    return SealedFile(
        file_id=FileId(file_id),
        room_id=RoomId(room_id),
        wrapped_key=bytes(wrapped_key),
        details=_text(details),
    )
