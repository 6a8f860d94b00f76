"""Steps that read messages of workspaces, with their threads, reactions and readers."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Iterable, Sequence

from server.core.errors import AppError, Code
from server.core.ids import MessageId, RoomId, UserId
from server.core.ports.conversations import MessageRef
from server.core.workspaces.values import Post, WrappedKey
from server.stores.sql.conversations.history import stretch, the_one
from server.stores.sql.conversations.paging import fitting
from server.stores.sql.conversations.shapes import (
    MESSAGE,
    Origin,
    message,
    no_such_room,
    origin,
    readable,
)
from server.stores.sql.scopes import OF_WORKSPACES
from server.stores.sql.steps import Row, Steps, listed, row, rows, value
from server.stores.sql.usage import SAID_BYTES
from server.stores.sql.workspaces.shapes import wrapped_key

Keys = dict[tuple[str | None, int | None], WrappedKey]
"""By workspace and version."""

_WITH_MARK = f"SELECT {MESSAGE}, m.withheld FROM messages m"

_EXTRAS = (
    "SELECT p.seq, p.key_version, p.replies, p.last_reply_ms, p.edited_ms, p.edits, "
    "a.message_id, t.message_id FROM posts p "
    "LEFT JOIN messages a ON a.room_id = p.room_id AND a.seq = p.reply_to_seq "
    "LEFT JOIN messages t ON t.room_id = p.room_id AND t.seq = p.root_seq "
    "WHERE p.room_id = $1 AND p.seq = ANY($2::bigint[])"
)

_OF_THREAD = (
    f"SELECT m.seq, {SAID_BYTES} AS size FROM messages m CROSS JOIN room_members me "
    "WHERE m.room_id = $1 AND m.seq IN (SELECT p.seq FROM posts p "
    "WHERE p.room_id = $1 AND p.root_seq = $8 UNION ALL SELECT $8::bigint) "
    "AND me.room_id = $1 AND me.user_id = $2 "
    f"AND {readable('$2', '$3')} AND m.seq < $4 AND m.seq > $5 ORDER BY m.seq {{order}} LIMIT $6"
)

_THREAD_FORWARD, _THREAD_BACKWARD = (
    fitting(_OF_THREAD.format(order=order), order, "$1", "$7") for order in ("ASC", "DESC")
)


# --- what is read ---


def page(
    user_id: UserId,
    room_id: RoomId,
    limit: int,
    now_ms: int,
    before: int | None,
    after: int | None,
    thread: MessageId | None,
) -> Steps[tuple[tuple[Post, ...], bool]]:
    of = yield from _origin_of(user_id, room_id)
    if thread is None:
        found, has_more = yield from stretch(user_id, room_id, limit, now_ms, before, after)
    else:
        first = yield from the_one(user_id, MessageRef(thread, room_id), now_ms, OF_WORKSPACES)
        root = yield from _root_of(room_id, first.seq)
        wish = (user_id, room_id, limit, now_ms, before, after)
        found, has_more = yield from stretch(*wish, _THREAD_FORWARD, _THREAD_BACKWARD, root)
    posts = yield from posts_at(room_id, of, [one[1] for one in found])
    return tuple(posts), has_more


def get(user_id: UserId, ref: MessageRef, now_ms: int) -> Steps[Post]:
    one = yield from the_one(user_id, ref, now_ms, OF_WORKSPACES)
    return (yield from post_at(one.room_id, one.of, one.seq))


def told_after(room_id: RoomId, seq: int, limit: int) -> Steps[tuple[Post, ...]]:
    found = yield from row(
        f"SELECT r.kind, r.pair_key, r.workspace_id FROM rooms r "
        f"WHERE r.room_id = $1 AND r.deleted_ms IS NULL AND {OF_WORKSPACES}",
        room_id,
    )
    if not found:
        return ()
    seqs = yield from rows(
        "SELECT seq FROM messages WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        room_id,
        seq,
        limit,
    )
    return tuple((yield from posts_at(room_id, origin(found), [one for (one,) in seqs])))


def _origin_of(user_id: UserId, room_id: RoomId) -> Steps[Origin]:
    found = yield from row(
        "SELECT r.kind, r.pair_key, r.workspace_id FROM room_members me "
        "JOIN rooms r ON r.room_id = me.room_id "
        f"WHERE me.room_id = $1 AND me.user_id = $2 AND {OF_WORKSPACES}",
        room_id,
        user_id,
    )
    if not found:
        raise no_such_room()
    return origin(found)


def _root_of(room_id: str, seq: int) -> Steps[int]:
    """The first message of the thread that a message is in, or could begin."""
    root = yield from value(
        "SELECT root_seq FROM posts WHERE room_id = $1 AND seq = $2", room_id, seq
    )
    return root or seq


# --- what they are made of ---

_PLAIN = (None, 0, None, None, 0, None, None)
"""Of a message that has no extras."""


def post_at(room_id: str, of: Origin, seq: int) -> Steps[Post]:
    """The message at a place.

    Raises:
        AppError: NOT_FOUND.
    """
    found = yield from posts_at(room_id, of, [seq])
    if not found:
        raise AppError(Code.NOT_FOUND, "there is no such message for you")
    return found[0]


def posts_at(room_id: str, of: Origin, seqs: Sequence[int]) -> Steps[list[Post]]:
    """The messages at these places of a room of a workspace, in their order."""
    if not seqs:
        return []
    found = yield from rows(
        f"{_WITH_MARK} WHERE m.room_id = $1 AND m.seq = ANY($2::bigint[]) ORDER BY m.seq",
        room_id,
        list(seqs),
    )
    extras = yield from rows(_EXTRAS, room_id, list(seqs))
    by_seq = {one[0]: one[1:] for one in extras}
    keys = yield from keys_of((of.workspace_id, one[1]) for one in extras)
    reactions = yield from _reactions(room_id, seqs)
    readers = yield from _readers(room_id, seqs)
    return [
        _post(one, of, by_seq.get(one[1]), keys, reactions.get(one[1], {}), readers)
        for one in found
    ]


def _post(
    found: Row,
    of: Origin,
    extra: Row | None,
    keys: Keys,
    reactions: dict[str, list[UserId]],
    readers: dict[int, set[str]],
) -> Post:
    said = message(found, of)
    key_version, replies, last_reply_ms, edited_ms, edits, reply_to, thread = extra or _PLAIN
    return Post(
        message=said,
        key=keys.get((of.workspace_id, key_version)),
        reply_to=None if reply_to is None else MessageId(reply_to),
        thread=None if thread is None else MessageId(thread),
        replies=replies,
        last_reply_ms=last_reply_ms,
        edited_ms=edited_ms,
        edits=edits,
        reactions=tuple((emoji, tuple(users)) for emoji, users in reactions.items()),
        read_by=len(readers.get(said.seq, set()) - {said.sender}),
        is_withheld=bool(found[-1]),
    )


def _reactions(room_id: str, seqs: Sequence[int]) -> Steps[dict[int, dict[str, list[UserId]]]]:
    """Who has chosen which emoji, of each message in order of the first who has."""
    found = yield from rows(
        "SELECT seq, emoji, user_id FROM reactions WHERE room_id = $1 "
        "AND seq = ANY($2::bigint[]) ORDER BY at_ms, user_id",
        room_id,
        list(seqs),
    )
    chosen: dict[int, dict[str, list[UserId]]] = {}
    for seq, emoji, user_id in found:
        chosen.setdefault(seq, {}).setdefault(emoji, []).append(UserId(user_id))
    return chosen


def _readers(room_id: str, seqs: Sequence[int]) -> Steps[dict[int, set[str]]]:
    """Who of a room has read what: all up to where it stands, and single messages after that."""
    positions = yield from rows(
        "SELECT user_id, read_seq FROM room_members WHERE room_id = $1", room_id
    )
    single = yield from rows(
        "SELECT c.seq, c.user_id FROM receipts c WHERE c.room_id = $1 "
        "AND c.seq = ANY($2::bigint[]) AND c.read_ms IS NOT NULL",
        room_id,
        list(seqs),
    )
    there = {user_id for user_id, _ in positions}
    readers = {seq: {one for one, read_seq in positions if read_seq >= seq} for seq in seqs}
    for seq, user_id in single:
        readers[seq] |= {user_id} & there
    return readers


def keys_of(wanted: Iterable[tuple[str | None, int | None]]) -> Steps[Keys]:
    """Wrapped keys of workspaces, by their versions; what is opaque has none."""
    asked = sorted({(str(one), version) for one, version in wanted if one and version is not None})
    if not asked:
        return {}
    found = yield from rows(
        "SELECT k.workspace_id, k.version, k.wrapped, k.wrapped_by "
        "FROM json_array_elements($1::json) AS asked JOIN workspace_keys k "
        "ON k.workspace_id = (asked.value ->> 0) "
        "AND k.version = CAST(asked.value ->> 1 AS BIGINT)",
        listed(asked),
    )
    return {(one[0], one[1]): wrapped_key(one) for one in found}
