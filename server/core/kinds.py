"""What tells one kind of room from another, as values: code asks the policy, never the kind."""

from enum import Enum

from msgspec import Struct


class Kind(Enum):
    """Which rooms there are: each speaks the words of one API."""

    SESSION = "session"
    RANDOM = "random"
    DIRECT = "direct"
    GROUP = "group"
    DOCUMENT = "document"


class Policy(Struct, frozen=True):
    """How a room of one kind lives.

    Attributes:
        capacity: Members at the same time.
        idle_limit_ms: A room without join, message or typing for so long is forgotten.
        grace_ms: How long a member without a connection stays a member.
        history_messages: Messages kept for those who come (back) later.
        history_bytes: Their size in all; the oldest go first.
    """

    capacity: int
    idle_limit_ms: int
    grace_ms: int
    history_messages: int
    history_bytes: int


SESSION = Policy(
    capacity=200,
    idle_limit_ms=30 * 60_000,
    grace_ms=3_000,
    history_messages=500,
    history_bytes=4 * 1024 * 1024,
)
"""Live; admitted by key, reserved ahead; nothing of it outlives its idle limit."""

RANDOM = Policy(
    capacity=10,
    idle_limit_ms=30 * 60_000,
    grace_ms=3_000,
    history_messages=500,
    history_bytes=1024 * 1024,
)
"""Live; admitted by matching; it ends with its last member. Each has 3 places to `capacity`."""


class DurablePolicy(Struct, frozen=True):
    """How a room of one kind lives that outlives its visits.

    Attributes:
        is_managed: It has a name, and members with roles who come and go. Else it is what its
            members are, and stays so.
        is_open: Whoever is in its workspace may come in unasked.
    """

    is_managed: bool
    is_open: bool = False


DURABLE = {
    Kind.DIRECT: DurablePolicy(is_managed=False),
    Kind.GROUP: DurablePolicy(is_managed=True),
    Kind.DOCUMENT: DurablePolicy(is_managed=True, is_open=True),
}
"""By kind. A direct room is that of its two, made by the first message if they are in no workspace;
that of a document is one a document and workspace."""
