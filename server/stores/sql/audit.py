"""What is noted of changes to accounts, devices and rooms, and never with content."""

from collections.abc import Iterable
from enum import StrEnum

from server.core.ids import DeviceId, UserId, new_id
from server.stores.sql.steps import Steps, run, run_many


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
    MEMBER_ADDED = "member_added"
    MEMBER_REMOVED = "member_removed"
    MADE_OWNER = "made_owner"
    MADE_ADMIN = "made_admin"
    MADE_MEMBER = "made_member"
    ROOM_ENDED = "room_ended"
    ROOM_MADE = "room_made"
    ROOM_CHANGED = "room_changed"
    MESSAGE_EDITED = "message_edited"
    MESSAGE_DELETED = "message_deleted"
    FILE_ADDED = "file_added"
    FILE_REMOVED = "file_removed"
    KEY_ROTATED = "key_rotated"
    WORKSPACE_MADE = "workspace_made"
    WORKSPACE_MEMBER_ADDED = "workspace_member_added"
    WORKSPACE_MEMBER_REMOVED = "workspace_member_removed"
    WORKSPACE_MEMBER_ROLE = "workspace_member_role"


_INSERT = (
    "INSERT INTO audit (entry_id, at_ms, action, user_id, device_id, subject_id{more})"
    " VALUES ($1, $2, $3, $4, $5, $6{value})"
)


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


def note_in_room(
    action: Action,
    room_id: str,
    user_id: str,
    members: Iterable[str],
    now_ms: int,
    workspace_id: str | None = None,
) -> Steps[None]:
    """Note what a member did to others in a room, maybe of a workspace, or to itself."""
    return run_many(
        _INSERT.format(more=", room_id, workspace_id", value=", $7, $8"),
        [
            (*(new_id(), now_ms, str(action), str(user_id), None, str(one)), room_id, workspace_id)
            for one in members
        ],
    )


def note_in_workspace(
    action: Action, workspace_id: str, user_id: str | None, subject_id: str | None, now_ms: int
) -> Steps[None]:
    """Note what a member did in a workspace, maybe to another one; or, without one, operators."""
    return run(
        _INSERT.format(more=", workspace_id", value=", $7"),
        new_id(),
        now_ms,
        str(action),
        user_id and str(user_id),
        None,
        subject_id and str(subject_id),
        str(workspace_id),
    )


def _note(
    action: Action, now_ms: int, who: tuple[str | None, str | None, str | None]
) -> Steps[None]:
    return run(
        _INSERT.format(more="", value=""),
        new_id(),
        now_ms,
        str(action),
        *who,
    )
