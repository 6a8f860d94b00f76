"""The shapes of what workspaces answer, for the type checker and the documentation."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from server.transports.api import IsoTime

WorkspaceRole = Literal["OWNER", "ADMIN", "MEMBER"]
ConversationType = Literal["DM", "GROUP", "DOCUMENT"]
ConversationRole = Literal["ADMIN", "MEMBER"]
StandingWord = Literal["online", "away", "busy", "offline"]

Sequence = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]


class Good(TypedDict):
    """What every good answer begins with; a refusal is a problem document (RFC 9457)."""

    success: Literal[True]


class Workspace(TypedDict):
    id: str
    name: str
    createdById: str
    role: WorkspaceRole
    memberCount: int
    createdAt: IsoTime
    updatedAt: IsoTime


class WorkspaceMember(TypedDict):
    userId: str
    name: str
    role: WorkspaceRole
    joinedAt: IsoTime


class OneWorkspace(Good):
    workspace: Workspace


class Workspaces(Good):
    workspaces: list[Workspace]


class OneWorkspaceMember(Good):
    member: WorkspaceMember


class WorkspaceMembers(Good):
    """`nextCursor` is null at the end."""

    members: list[WorkspaceMember]
    nextCursor: str | None


class RemovedWorkspaceMember(Good):
    workspaceId: str
    userId: str


class File(TypedDict):
    """`name` and `type` are as its sender said, or null; `url` is where its bytes are."""

    id: str
    conversationId: str
    workspaceId: str
    userId: str
    name: str | None
    type: str | None
    size: int
    url: str
    createdAt: IsoTime


class OneFile(Good):
    file: File


# --- conversations ---


class ConversationMember(TypedDict):
    id: str
    conversationId: str
    userId: str
    name: str
    role: ConversationRole
    joinedAt: IsoTime
    lastReadAt: IsoTime | None


class WorkspaceMessage(TypedDict):
    """`threadId` is the first message of its thread. What was deleted has no content."""

    id: str
    conversationId: str
    workspaceId: str
    seq: Sequence
    userId: str
    content: str | None
    attachments: list[Any]
    replyToId: str | None
    threadId: str | None
    replyCount: Count
    lastReplyAt: IsoTime | None
    editedAt: IsoTime | None
    deletedAt: IsoTime | None
    reactions: dict[str, list[str]]
    readBy: Count
    createdAt: IsoTime
    isEncrypted: bool
    encryptionMetadata: NotRequired[Any]


class WorkspaceConversation(TypedDict):
    """`encryptionKey` is of the contract; keys of workspaces leave the server never."""

    id: str
    workspaceId: str
    type: ConversationType
    name: str | None
    description: str | None
    icon: str | None
    createdById: str
    documentId: str | None
    isEncrypted: bool
    encryptionKey: None
    keyEpoch: Sequence
    createdAt: IsoTime
    updatedAt: IsoTime
    role: ConversationRole | None
    members: list[ConversationMember]


class ListedConversation(WorkspaceConversation):
    """`members` are the first 20 and the asker; `memberCount` says how many there are."""

    memberCount: Count
    unreadCount: Count
    lastMessage: WorkspaceMessage | None


class OneConversation(Good):
    conversation: WorkspaceConversation


class WorkspaceConversations(Good):
    conversations: list[ListedConversation]
    nextCursor: str | None


class OfConversation(Good):
    conversationId: str


class RemovedConversationMember(OfConversation):
    userId: str


class ReadConversation(OfConversation):
    lastReadAt: IsoTime | None
    unreadCount: Count


class UnreadCounts(Good):
    total: Count
    conversations: dict[str, Count]


# --- messages ---


class OneMessage(Good):
    message: WorkspaceMessage


class WorkspaceMessages(Good):
    messages: list[WorkspaceMessage]
    hasMore: bool
    nextCursor: str | None


class FoundMessages(Good):
    """`encryptedSkipped`: conversations were left out that only their clients can read."""

    messages: list[WorkspaceMessage]
    nextCursor: str | None
    encryptedSkipped: NotRequired[Literal[True]]


class DeletedWorkspaceMessage(OfConversation):
    messageId: str
    deletedAt: IsoTime | None


# --- presence ---


class Presence(TypedDict):
    """`status` is offline of whoever is not there; `updatedAt` is when it said something else."""

    id: str
    userId: str
    workspaceId: str
    status: StandingWord
    lastSeen: IsoTime
    updatedAt: IsoTime


class OnePresence(Good):
    presence: Presence


class PresencePage(TypedDict):
    presence: list[Presence]
    nextCursor: str | None


class Presences(Good, PresencePage):
    pass


# --- what is acknowledged, and told ---


class JoinedWorkspace(Presences):
    workspaceId: str
    conversationIds: list[str]


class JoinedConversation(OfConversation):
    """`seq` is that of the newest message, or 0."""

    seq: Count
    unreadCount: Count


class NewWorkspaceMessage(TypedDict):
    message: WorkspaceMessage
    conversationId: str


class ChangedMessage(TypedDict):
    message: WorkspaceMessage


class GoneMessage(TypedDict):
    messageId: str
    conversationId: str


class Read(TypedDict):
    userId: str
    conversationId: str
    messageId: NotRequired[str]
    readAt: IsoTime


class Typing(TypedDict):
    userId: str
    conversationId: str


class NewConversation(TypedDict):
    conversation: WorkspaceConversation


class Updates(TypedDict, total=False):
    """What is another than before. `reload`: so much was missed that all is to be read again."""

    name: str | None
    description: str | None
    icon: str | None
    members: list[ConversationMember]
    keyEpoch: Sequence
    updatedAt: IsoTime
    removed: Literal[True]
    deletedAt: IsoTime
    reload: Literal[True]


class UpdatedConversation(TypedDict):
    conversationId: str
    updates: Updates


class Refused(TypedDict):
    """Why an event was refused. Of some codes there are details besides."""

    error: str
    message: str
    retryAfterMs: NotRequired[int]


class ChangedPresence(TypedDict):
    userId: str
    status: StandingWord
    workspaceId: str
    lastSeen: IsoTime


# --- for operators ---


class RotatedKey(Good):
    workspaceId: str
    version: Sequence


class RewrappedKeys(Good):
    """`lost`: how many keys are under a master key that this server does not have, by its name."""

    rewrapped: Count
    lost: dict[str, Count]
    next: str | None


class AuditEntry(TypedDict):
    """`userId` is null of what operators did; `subjectId` is to whom or what it was done."""

    at: IsoTime
    action: str
    userId: str | None
    subjectId: str | None
    conversationId: str | None


class Audit(Good):
    entries: list[AuditEntry]
    next: str | None
