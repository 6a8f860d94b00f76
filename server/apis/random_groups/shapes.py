"""The shapes of what random groups say, for the type checker and the documentation."""

from typing import Any, Literal, TypedDict

from server.transports.api import IsoTime, ShownUserId, Success, Told


class GroupMember(TypedDict):
    userId: ShownUserId
    login: str
    publicKey: Any
    joinedAt: IsoTime


class Group(TypedDict):
    id: str
    name: str
    currentMembers: int
    maxMembers: int
    members: list[GroupMember]
    epoch: int
    seq: int


class Matched(Told):
    group: Group


class CurrentGroup(Success):
    group: Group | None


class SentToGroup(Success):
    messageId: str
    timestamp: IsoTime
    seq: int


class GroupMessage(TypedDict):
    """`to` is null for everybody."""

    id: str
    groupId: str
    senderId: ShownUserId
    senderLogin: str
    encryptedContent: Any
    messageType: str
    timestamp: IsoTime
    to: ShownUserId | None
    seq: int


class GroupMessages(Success):
    messages: list[GroupMessage]
    hasMore: bool


class Reported(Told):
    removed: bool


class PublicKey(TypedDict):
    publicKey: Any
    updatedAt: IsoTime


class SavedKey(Success, PublicKey):
    """The last two are what the event queue calls them."""

    userId: ShownUserId
    login: str
    user_id: ShownUserId
    public_key: Any


class KeyBundle(Success):
    userId: ShownUserId
    login: str
    bundle: PublicKey


class GroupStats(TypedDict):
    totalGroups: int
    activeGroups: int
    totalMembers: int
    averageGroupSize: float


class Stats(Success):
    stats: GroupStats


class ListedGroup(TypedDict):
    id: str
    name: str
    currentMembers: int
    maxMembers: int
    messages: int
    bytes: int
    createdAt: IsoTime
    lastActivityAt: IsoTime


class Pagination(TypedDict):
    page: int
    limit: int
    total: int
    pages: int


class Directory(Success):
    groups: list[ListedGroup]
    pagination: Pagination


class Cleaned(Success):
    cleaned: int


class Report(TypedDict):
    id: str
    groupId: str
    reporterId: ShownUserId
    userId: ShownUserId
    login: str | None
    publicKey: Any
    reason: str
    evidence: Any
    createdAt: IsoTime


class Reports(Success):
    """`next` is what to ask for `after`."""

    reports: list[Report]
    next: str | None


# --- events ---


class GroupEntered(TypedDict):
    group: Group


class GroupUserJoined(GroupMember):
    groupId: str
    timestamp: IsoTime
    seq: int


class GroupUserLeft(TypedDict):
    groupId: str
    userId: ShownUserId
    login: str
    reason: Literal["left", "lost", "removed"]
    timestamp: IsoTime
    seq: int


class GroupTyping(TypedDict):
    groupId: str
    userId: ShownUserId
    login: str
    isTyping: bool


class SystemMessage(TypedDict):
    groupId: str
    message: str
    timestamp: IsoTime


class KeyRotationNeeded(TypedDict):
    groupId: str
    epoch: int
    members: list[GroupMember]


class GroupClosed(TypedDict):
    groupId: str
    reason: Literal["expired", "removed", "signed_out"]


class GroupResync(TypedDict):
    """Events were lost: the client must ask for the group and its messages again."""

    groupId: str
