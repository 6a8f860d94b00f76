"""Steps that forget what is over."""

from server.stores.sql.attached import end_files, end_files_of_room
from server.stores.sql.conversations.threads import count_replies, threads_of
from server.stores.sql.steps import Row, Steps, rows, run, run_many
from server.stores.sql.usage import ALL_BYTES, give_back


def expire(now_ms: int, limit: int) -> Steps[int]:
    """Forget messages whose time is over. Returns how many."""
    over = yield from rows(
        f"SELECT m.room_id, m.seq, m.sender_id, {ALL_BYTES} FROM messages m "
        "WHERE m.expires_ms <= $1 ORDER BY m.expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED",
        now_ms,
        limit,
    )
    answers = yield from threads_of([(one[0], one[1]) for one in over])
    yield from _forget(over)
    yield from count_replies(answers)
    yield from give_back([one[2:] for one in over])
    return len(over)


def forget_ended(limit: int) -> Steps[int]:
    """Forget rooms that ended, and their messages. Returns how many of both.

    It waits for whoever forgets some of these messages otherwise, so it must hold none of others.
    """
    over: list[Row] = []
    forgotten = 0
    while forgotten < limit and (some := (yield from _forget_ended(limit - forgotten, over))):
        forgotten += some
    yield from give_back([one[2:] for one in over])
    return min(forgotten, limit)


def _forget_ended(limit: int, over: list[Row]) -> Steps[int]:
    """Messages of a room that ended, and with the last of them the room, which counts as one.

    Args:
        over: To which they are added.

    Returns:
        How many; 0 if there is no such room.
    """
    ended = yield from rows(
        "SELECT room_id FROM rooms WHERE deleted_ms IS NOT NULL "
        "ORDER BY deleted_ms LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    if not ended:
        return 0
    room_id = ended[0][0]
    found = yield from rows(
        f"SELECT m.room_id, m.seq, m.sender_id, {ALL_BYTES} FROM messages m "
        "WHERE m.room_id = $1 LIMIT $2 FOR UPDATE",
        room_id,
        limit,
    )
    yield from _forget(found)
    over += found
    if len(found) == limit:
        return limit
    yield from end_files_of_room(room_id)
    yield from run("DELETE FROM rooms WHERE room_id = $1", room_id)
    return len(found) + 1


def _forget(some: list[Row]) -> Steps[None]:
    yield from end_files([(room_id, seq) for room_id, seq, *_ in some])
    yield from run_many(
        "DELETE FROM messages WHERE room_id = $1 AND seq = $2", [tuple(one[:2]) for one in some]
    )
