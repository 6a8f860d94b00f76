"""Pages of messages: as many as are asked for, and no more bytes than one answer should hold."""

from collections.abc import Sequence

from server.core.durable import StoredMessage
from server.stores.sql.conversations.shapes import MESSAGE
from server.stores.sql.steps import Row

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Of what the messages of a page say; the last of them may go over it."""


def fitting(stretch: str, order: str, room: str, most: str) -> str:
    """The messages of a stretch of a room, as far as they fit; the first always does.

    What they say is read of those alone: the sizes of the others are known without.

    Args:
        stretch: A query of `seq` and `size`, limited and in order.
        order: `ASC` or `DESC`.
        room, most: Parameters: the room, and how many bytes fit.

    Returns:
        A query of `MESSAGE`, and how many messages the stretch has.
    """
    return (
        f"SELECT {MESSAGE}, page.held FROM (SELECT s.seq, s.size, COUNT(*) OVER () AS held, "
        f"SUM(s.size) OVER (ORDER BY s.seq {order}) AS taken FROM ({stretch}) AS s) AS page "
        f"CROSS JOIN messages m WHERE m.room_id = {room} AND m.seq = page.seq "
        f"AND page.taken - page.size < {most}::bigint ORDER BY m.seq {order}"
    )


def is_cut(found: Sequence[Row], limit: int) -> bool:
    """Whether there is more in a stretch than its first rows, up to a limit."""
    return bool(found) and found[0][-1] > min(len(found), limit)


def size_of(message: StoredMessage) -> int:
    """What a message says, in bytes."""
    return len(message.ciphertext or "") + len(message.metadata or b"")
