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
    IDENTITY_REPLACED = "identity_replaced"
    BANNED = "banned"
    UNBANNED = "unbanned"
    MADE_OPERATOR = "made_operator"
    UNMADE_OPERATOR = "unmade_operator"
    DELETED = "deleted"


def note(
    action: Action, user_id: UserId, now_ms: int, device_id: DeviceId | None = None
) -> Steps[None]:
    """Note what a user did to its own account, or to a device of it."""
    return _note(action, now_ms, (str(user_id), device_id and str(device_id), None))


def note_of_operators(
    action: Action, subject_id: UserId, now_ms: int, device_id: DeviceId | None = None
) -> Steps[None]:
    """Note what operators did to an account, or to a device of it; they may be no users."""
    return _note(action, now_ms, (None, device_id and str(device_id), str(subject_id)))


def _note(
    action: Action, now_ms: int, who: tuple[str | None, str | None, str | None]
) -> Steps[None]:
    return run(
        "INSERT INTO audit (entry_id, at_ms, action, user_id, device_id, subject_id)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        new_id(),
        now_ms,
        str(action),
        *who,
    )
