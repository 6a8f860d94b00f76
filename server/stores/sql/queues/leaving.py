"""Steps that end the queues of a device that is revoked, or of an account that is deleted."""

from server.core.ids import DeviceId, UserId
from server.stores.sql.queues.bodies import leave
from server.stores.sql.queues.expiry import empty
from server.stores.sql.steps import Steps, rows, run


def leave_queues(user_id: UserId, device_id: DeviceId | None, now_ms: int) -> Steps[None]:
    """End the queue of a device, or all of an account (None)."""
    found = yield from rows(
        "SELECT device_id FROM queues WHERE user_id = $1 AND ($2::text IS NULL OR device_id = $2) "
        "ORDER BY device_id FOR UPDATE",
        user_id,
        device_id,
    )
    left: list[str] = []
    for (one,) in found:
        left += yield from empty((user_id, one))
        yield from run("DELETE FROM queues WHERE user_id = $1 AND device_id = $2", user_id, one)
    yield from leave(left)
