"""Steps that note that whoever sends takes part where strangers have put it."""

from collections.abc import Iterable

from server.core.ports.queues import NewEvent
from server.stores.sql.queues.knowing import Groups
from server.stores.sql.steps import Steps, rows, run_many


def take_part(news: Iterable[NewEvent], groups: Groups) -> Steps[None]:
    """Note it of groups for which there are events, and of rooms into which a recipient has put
    the sender: it has written to whoever that was.

    Before queues are locked: who revokes a device locks the places in rooms first.
    """
    to: dict[str, set[str]] = {}
    for one in news:
        group = {str(one.group_id)} if one.group_id in groups else set()
        to.setdefault(one.sender, set()).update(group, one.recipients)
    unasked = yield from rows(
        "SELECT room_id, user_id, added_by FROM room_members "
        "WHERE user_id = ANY($1::text[]) AND unasked ORDER BY room_id, user_id",
        sorted(map(str, to)),
    )
    yield from run_many(
        "UPDATE room_members SET unasked = FALSE WHERE room_id = $1 AND user_id = $2",
        [
            (room_id, user_id)
            for room_id, user_id, by in unasked
            if not to[user_id].isdisjoint((room_id, by))
        ],
    )
