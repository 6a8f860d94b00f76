"""What is noted of changes to accounts and devices, and never with content."""

from enum import StrEnum

from server.core.ids import DeviceId, UserId, new_id
from server.stores.sql.steps import Steps, run


class Action(StrEnum):
    SIGNED_UP = "signed_up"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a name
    DEVICE_ADDED = "device_added"
    DEVICE_REVOKED = "device_revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    BANNED = "banned"
    UNBANNED = "unbanned"
    DELETED = "deleted"


def note(
    action: Action, user_id: UserId, now_ms: int, device_id: DeviceId | None = None
) -> Steps[None]:
    """Note that this was done to an account, or to a device of it."""
    return run(
        "INSERT INTO audit (entry_id, at_ms, action, user_id, device_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        new_id(),
        now_ms,
        str(action),
        str(user_id),
        None if device_id is None else str(device_id),
    )
