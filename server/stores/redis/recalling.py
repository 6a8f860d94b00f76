"""What was said lately in a room that nobody here has heard of."""

import contextlib

from server.core.errors import AppError
from server.core.ids import RoomId
from server.stores.redis import room_answers as answers
from server.stores.redis import room_scripts as scripts
from server.stores.redis.holdings import RECALLED_BYTES, RECALLED_MESSAGES, Holdings
from server.stores.redis.keys import tag_of
from server.stores.redis.link import Link


async def recall(link: Link, holdings: Holdings, room_id: RoomId, said_seq: int) -> None:
    """Hold the newest messages of a room, up to the one that was the newest when it was joined.

    Where they cannot be had, only what comes later is held.
    """
    # After a loss all come back anew, often by other processes. If these held nothing of before,
    # a message that has had no answer yet would be another one after the next loss.
    with contextlib.suppress(AppError):
        answer = await link.run(
            scripts.RECALL, tag_of(room_id), room_id, RECALLED_MESSAGES, RECALLED_BYTES
        )
        holdings.recall(room_id, said_seq, *answers.recalled_in(room_id, answer))
