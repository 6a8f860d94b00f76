"""Steps that keep what messages of workspaces have besides: what they answer, and their words."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import MessageId
from server.stores.sql.conversations.shapes import readable
from server.stores.sql.steps import Row, Steps, listed, row, rows, run, run_many

WORDS_AT_ONCE = 1_000
"""Tokens of one statement, which may take only so long; each is a row that refers to a message."""


class Answered(Struct, frozen=True):
    """A message that is answered, and the first one of its thread: itself, if it begins one."""

    seq: int
    message_id: MessageId
    root_seq: int
    root_id: MessageId


Answers = dict[tuple[str, str, str], Answered]
"""By the room, the id of what is answered, and who answers it."""

# Asked: a room, the id of a message there, and who answers it.
_ANSWERED = (
    "SELECT me.room_id, m.message_id, me.user_id, m.seq, COALESCE(t.seq, m.seq), "
    "COALESCE(t.message_id, m.message_id) FROM json_array_elements($1::json) AS asked "
    "JOIN room_members me ON me.room_id = (asked.value ->> 0) "
    "AND me.user_id = (asked.value ->> 2) "
    "JOIN messages m ON m.message_id = (asked.value ->> 1) AND m.room_id = me.room_id "
    "LEFT JOIN posts p ON p.room_id = m.room_id AND p.seq = m.seq "
    "LEFT JOIN messages t ON t.room_id = p.room_id AND t.seq = p.root_seq "
    f"WHERE {readable('me.user_id', '$2')}"
)


def answered(asked: Iterable[tuple[str, str, str]], now_ms: int) -> Steps[Answers]:
    """What is answered, as far as who answers it may read it."""
    wanted = sorted(set(asked))
    if not wanted:
        return {}
    found = yield from rows(_ANSWERED, listed(wanted), now_ms)
    return {
        (room_id, message_id, user_id): Answered(
            seq, MessageId(message_id), root_seq, MessageId(root_id)
        )
        for room_id, message_id, user_id, seq, root_seq, root_id in found
    }


def no_such_answered() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such message for you to answer")


def write_extras(extras: Sequence[Row], answers: Iterable[tuple[str, int, int]]) -> Steps[None]:
    """Store what new messages have besides.

    Args:
        extras: Room, sequence, key version, what it answers, and the first of its thread.
        answers: Room, first of the thread, and when it was answered; in order.
    """
    yield from run_many(
        "INSERT INTO posts (room_id, seq, key_version, reply_to_seq, root_seq, replies, edits) "
        "VALUES ($1, $2, $3, $4, $5, 0, 0)",
        [tuple(one) for one in extras],
    )
    yield from run_many(
        "INSERT INTO posts (room_id, seq, replies, last_reply_ms, edits) VALUES ($1, $2, 1, $3, 0) "
        "ON CONFLICT (room_id, seq) DO UPDATE "
        "SET replies = posts.replies + 1, last_reply_ms = excluded.last_reply_ms",
        sorted(answers),
    )


def write_words(words: Sequence[tuple[str, str, int]]) -> Steps[None]:
    """Store by which tokens a message is found: token, room and sequence."""
    # Sorted: tables keep the order in which rows came, and that would be the order of the words.
    ordered = sorted(words)
    for begin in range(0, len(ordered), WORDS_AT_ONCE):
        yield from run_many(
            "INSERT INTO word_tokens (token, room_id, seq) VALUES ($1, $2, $3) "
            "ON CONFLICT (token, room_id, seq) DO NOTHING",
            ordered[begin : begin + WORDS_AT_ONCE],
        )


def forget_extras(room_id: str, seq: int) -> Steps[None]:
    """Forget what a message, which is locked, had besides: it says nothing any more."""
    for table in ("reactions", "word_tokens"):
        yield from run(f"DELETE FROM {table} WHERE room_id = $1 AND seq = $2", room_id, seq)
    yield from count_replies((yield from threads_of([(room_id, seq)])))


def threads_of(some: Sequence[tuple[str, int]]) -> Steps[list[tuple[str, int]]]:
    """The threads in which messages are answers: their first ones, in order."""
    found = yield from rows(
        "SELECT DISTINCT p.room_id, p.root_seq FROM json_array_elements($1::json) AS asked "
        "JOIN posts p ON p.room_id = (asked.value ->> 0) "
        "AND p.seq = CAST(asked.value ->> 1 AS BIGINT) "
        "WHERE p.root_seq IS NOT NULL ORDER BY p.room_id, p.root_seq",
        listed(some),
    )
    return [(room_id, root_seq) for room_id, root_seq in found]


def count_replies(threads: Sequence[tuple[str, int]]) -> Steps[None]:
    """Count the answers of threads anew, some of which are gone."""
    for room_id, root_seq in threads:
        # Locked first: else it would count what another one who waits here has forgotten.
        yield from row(
            "SELECT 1 FROM posts WHERE room_id = $1 AND seq = $2 FOR UPDATE", room_id, root_seq
        )
        count, last_ms = yield from _replies(room_id, root_seq)
        yield from run(
            "UPDATE posts SET replies = $3, last_reply_ms = $4 WHERE room_id = $1 AND seq = $2",
            room_id,
            root_seq,
            count,
            last_ms,
        )


def _replies(room_id: str, root_seq: int) -> Steps[tuple[int, int | None]]:
    """How many answers there are, and when the last was sent."""
    (found,) = yield from rows(
        "SELECT COUNT(*), MAX(m.created_ms) FROM posts p "
        "JOIN messages m ON m.room_id = p.room_id AND m.seq = p.seq "
        "WHERE p.room_id = $1 AND p.root_seq = $2 AND m.deleted_ms IS NULL",
        room_id,
        root_seq,
    )
    return found[0], found[1]
