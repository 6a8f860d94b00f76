"""Steps that change messages of workspaces: edits, deletions, reactions."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import MessageRef
from server.core.ports.posts import ChangedPost, PostChange
from server.stores.sql.attached import Hung, drop_files, hang_files, hold_more_files
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.conversations import history
from server.stores.sql.conversations.history import Named, the_one
from server.stores.sql.conversations.shapes import no_such_room
from server.stores.sql.conversations.threads import write_words
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.sealing import check_key
from server.stores.sql.steps import Row, Steps, row, rows, run, value
from server.stores.sql.usage import (
    MESSAGE_BYTES,
    SAID_BYTES,
    TOKEN_BYTES,
    WORDS_BYTES,
    size_of,
    take_up,
)
from server.stores.sql.workspaces.showing import post_at


def edit(
    user_id: UserId,
    ref: MessageRef,
    change: PostChange,
    expected: int,
    now_ms: int,
    bounds: Bounds,
) -> Steps[ChangedPost]:
    one = yield from the_one(user_id, ref, now_ms, OF_WORKSPACES)
    if one.sender != user_id:
        raise AppError(Code.FORBIDDEN, "that is not your message")
    more = yield from hold_more_files(
        one.room_id, one.seq, user_id, map(str, change.file_ids or ())
    )
    (size_bytes,) = yield from _locked(one, f"{SAID_BYTES} + {WORDS_BYTES}")
    yield from _check_sealing(one, change)
    yield from _count_edit(one, change, expected, now_ms)
    yield from run(
        "UPDATE messages SET ciphertext = $3, metadata = $4 WHERE room_id = $1 AND seq = $2",
        one.room_id,
        one.seq,
        change.ciphertext.encode(),
        change.metadata,
    )
    yield from run("DELETE FROM word_tokens WHERE room_id = $1 AND seq = $2", one.room_id, one.seq)
    yield from write_words([(token, one.room_id, one.seq) for token in change.tokens])
    yield from note_in_room(
        Action.MESSAGE_EDITED, one.room_id, user_id, [user_id], now_ms, one.of.workspace_id
    )
    if change.file_ids is not None:
        of, kept = (one.room_id, one.of.workspace_id), map(str, change.file_ids)
        yield from drop_files(*of, one.seq, user_id, now_ms, kept)
        yield from hang_files(*of, [Hung(one.seq, user_id, more, now_ms)])
    changed = yield from _changed(one, is_changed=True)
    yield from _take(user_id, _size_of(change) - size_bytes, bounds)
    return changed


def _size_of(change: PostChange) -> int:
    """What a message takes besides that there is one."""
    said = size_of(change.ciphertext.encode(), change.metadata) - MESSAGE_BYTES
    return said + TOKEN_BYTES * len(change.tokens)


def _check_sealing(one: Named, change: PostChange) -> Steps[None]:
    is_sealed = yield from value("SELECT is_sealed FROM rooms WHERE room_id = $1", one.room_id)
    if bool(is_sealed) is not (change.key_version is not None):
        raise no_such_room()
    yield from check_key(one.of.workspace_id, change.key_version)


def _count_edit(one: Named, change: PostChange, expected: int, now_ms: int) -> Steps[None]:
    """Count an edit of a message that is locked.

    Raises:
        AppError: ID_CONFLICT if there were more or fewer than expected.
    """
    edits = yield from value(
        "SELECT edits FROM posts WHERE room_id = $1 AND seq = $2 FOR UPDATE", one.room_id, one.seq
    )
    if (edits or 0) != expected:
        raise AppError(Code.ID_CONFLICT, "another edit was first; look at it again")
    yield from run(
        "INSERT INTO posts (room_id, seq, key_version, replies, edited_ms, edits) "
        "VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (room_id, seq) DO UPDATE SET "
        "key_version = excluded.key_version, edited_ms = excluded.edited_ms, "
        "edits = excluded.edits",
        one.room_id,
        one.seq,
        change.key_version,
        now_ms,
        expected + 1,
    )


def _take(user_id: UserId, more_bytes: int, bounds: Bounds) -> Steps[None]:
    """Count that a user has stored more, or less.

    Raises:
        AppError: LIMIT_REACHED.
    """
    yield from take_up({user_id: more_bytes})
    held = yield from value("SELECT bytes FROM stored_bytes WHERE user_id = $1", user_id)
    if more_bytes > 0 and held > bounds.account_bytes:
        problem = f"your messages take all the {bounds.account_bytes} bytes that an account has"
        raise AppError(Code.LIMIT_REACHED, f"{problem}; delete some")


def delete(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[ChangedPost]:
    one = yield from the_one(user_id, ref, now_ms, OF_WORKSPACES)
    named = MessageRef(ref.message_id, RoomId(one.room_id), UserId(one.sender))
    done = yield from history.delete(user_id, named, now_ms, OF_WORKSPACES)
    post = yield from post_at(one.room_id, one.of, one.seq)
    return ChangedPost(post=post, is_changed=not done.is_repeat, readers=done.readers)


def react(
    user_id: UserId,
    ref: MessageRef,
    emoji: str,
    wanted: bool | None,
    now_ms: int,
    bounds: Bounds,
) -> Steps[ChangedPost]:
    one = yield from the_one(user_id, ref, now_ms, OF_WORKSPACES)
    yield from _locked(one, "m.seq")
    place = (one.room_id, one.seq, emoji, user_id)
    is_there = yield from row(
        "SELECT 1 FROM reactions WHERE room_id = $1 AND seq = $2 AND emoji = $3 AND user_id = $4",
        *place,
    )
    has = is_there is not None
    wants = not has if wanted is None else wanted
    if wants and not has:
        yield from _check_reactions(one, emoji, bounds)
        yield from run(
            "INSERT INTO reactions (room_id, seq, emoji, user_id, at_ms) "
            "VALUES ($1, $2, $3, $4, $5)",
            *place,
            now_ms,
        )
    if has and not wants:
        yield from run(
            "DELETE FROM reactions WHERE room_id = $1 AND seq = $2 AND emoji = $3 AND user_id = $4",
            *place,
        )
    return (yield from _changed(one, is_changed=wants is not has))


def _check_reactions(one: Named, emoji: str, bounds: Bounds) -> Steps[None]:
    (found,) = yield from rows(
        "SELECT COUNT(*), COUNT(DISTINCT emoji), COUNT(CASE WHEN emoji = $3 THEN 1 END) "
        "FROM reactions WHERE room_id = $1 AND seq = $2",
        one.room_id,
        one.seq,
        emoji,
    )
    count, emojis, same = found
    if count >= bounds.reactions or (not same and emojis >= bounds.emojis):
        problem = f"a message has {bounds.emojis} emojis and {bounds.reactions} reactions"
        raise AppError(Code.LIMIT_REACHED, f"{problem} at most")


def _locked(one: Named, columns: str) -> Steps[Row]:
    """Lock a message that says something.

    Raises:
        AppError: NOT_FOUND.
    """
    found = yield from row(
        f"SELECT {columns} FROM messages m "
        "WHERE m.room_id = $1 AND m.seq = $2 AND m.deleted_ms IS NULL FOR UPDATE",
        one.room_id,
        one.seq,
    )
    if not found:
        raise AppError(Code.NOT_FOUND, "there is no such message for you")
    return found


def _changed(one: Named, *, is_changed: bool) -> Steps[ChangedPost]:
    post = yield from post_at(one.room_id, one.of, one.seq)
    found = yield from rows(
        "SELECT user_id FROM room_members WHERE room_id = $1 AND joined_seq < $2",
        one.room_id,
        one.seq,
    )
    readers = tuple(UserId(member) for (member,) in found)
    if post.is_withheld:
        readers = (post.message.sender,)
    return ChangedPost(post=post, is_changed=is_changed, readers=readers)
