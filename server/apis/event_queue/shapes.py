"""The shapes of what the event queue answers, for the type checker and the documentation."""

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from server.transports.api import ShownUserId

Role = Annotated[str, Meta(extra_json_schema={"enum": ["owner", "admin", "member"]})]

Milliseconds = Annotated[int, Meta(ge=0, examples=[1_800_000_000_000])]
"""Since the epoch."""


class SentEvent(TypedDict):
    event_id: Annotated[str, Meta(examples=["event-1"])]
    timestamp: Milliseconds
    queue_full: list[ShownUserId]


class LongQueue(TypedDict):
    user_id: ShownUserId
    device_id: str
    waiting: int


class QueueStatistics(TypedDict):
    """Of the queues in which most waits `longest_queues` are the first."""

    queues: int
    lapsed: int
    waiting: int
    longest: int
    longest_queues: list[LongQueue]
    oldest: Milliseconds | None
    bytes: int


class CleanedUp(TypedDict):
    removed: int


class QueueGroupMember(TypedDict):
    user_id: ShownUserId
    display_name: str
    role: Role
    joined_at: Milliseconds


class QueueGroup(TypedDict):
    group_id: str
    name: str
    created_by: ShownUserId
    created_at: Milliseconds
    updated_at: Milliseconds
    key_epoch: Annotated[int, Meta(ge=1)]
    role: Role | None
    members: list[QueueGroupMember]


class QueueGroups(TypedDict):
    groups: list[QueueGroup]
    next: str | None


class OfGroup(TypedDict):
    group_id: str


class RemovedMember(OfGroup):
    user_id: ShownUserId


class OwnUser(TypedDict):
    user_id: ShownUserId
    email: str
    display_name: str
    public_key: Any
    key_version: int
    created_at: Milliseconds


class RegisteredUser(TypedDict):
    user: OwnUser
    access_token: str
    refresh_token: str
    token_type: str
    expires_at: Milliseconds


class PublicKeys(TypedDict):
    public_keys: dict[str, Any]
    not_found: list[ShownUserId]


class FoundUser(TypedDict):
    user_id: ShownUserId
    display_name: str


class FoundUsers(TypedDict):
    users: list[FoundUser]


# --- frames ---


class QueueEventFrame(TypedDict):
    """An event of the queue. `metadata` is what its sender wrote, or see the server's own."""

    event_id: str
    recipient_id: ShownUserId
    sender_id: ShownUserId | None
    event_type: str
    sequence: Annotated[int, Meta(ge=1)]
    timestamp: Milliseconds
    metadata: Any
    encrypted_payload: str | None


class KeyRotation(TypedDict):
    """The members of a group have another key epoch from now on: `members` are all of them."""

    group_id: str
    epoch: Annotated[int, Meta(ge=1)]
    members: list[ShownUserId]
    reason: Literal["created", "member_added", "member_removed", "member_left", "key_changed"]


class MemberRemoved(TypedDict):
    """The recipient is no member of a group any more."""

    group_id: str
    reason: Literal["member_removed", "member_left", "group_deleted"]


EventsExpired = TypedDict(
    "EventsExpired",
    {
        "from": Annotated[int, Meta(ge=1)],
        "to": Annotated[int, Meta(ge=1)],
        "reason": Literal["expired", "queue_full", "device_unseen", "superseded"],
    },
)
EventsExpired.__doc__ = "Events with these sequences were lost, and why."


class AcknowledgedFrame(TypedDict):
    """The answer to an ACK that has a `ref`."""

    type: Literal["ack_ok"]
    removed: bool


class RenewedFrame(TypedDict):
    """`expires_at` is null for a token that never runs out."""

    type: Literal["auth_ok"]
    expires_at: Milliseconds | None


class PongFrame(TypedDict):
    type: Literal["pong"]
