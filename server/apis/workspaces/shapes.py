"""The shapes of what workspaces answer, for the type checker and the documentation."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from server.transports.api import IsoTime, ShownUserId

WorkspaceRole = Literal["OWNER", "ADMIN", "MEMBER"]
ConversationType = Literal["DM", "GROUP", "DOCUMENT"]
ConversationRole = Literal["ADMIN", "MEMBER"]

Sequence = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]


class Good(TypedDict):
    """What every good answer begins with; a refusal is a problem document (RFC 9457)."""

    success: Literal[True]


class Workspace(TypedDict):
    id: str
    name: str
    createdById: ShownUserId
    role: WorkspaceRole
    memberCount: int
    createdAt: IsoTime
    updatedAt: IsoTime


class WorkspaceMember(TypedDict):
    userId: ShownUserId
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
    userId: ShownUserId


class File(TypedDict):
    """`name` and `type` are as its sender said, or null; `url` is where its bytes are."""

    id: str
    conversationId: str
    workspaceId: str
    userId: ShownUserId
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
    userId: ShownUserId
    name: str
    role: ConversationRole
    joinedAt: IsoTime
    lastReadAt: IsoTime | None


class Message(TypedDict):
    """`threadId` is the first message of its thread. What was deleted has no content."""

    id: str
    conversationId: str
    workspaceId: str
    seq: Sequence
    userId: ShownUserId
    content: str | None
    attachments: list[Any]
    replyToId: str | None
    threadId: str | None
    replyCount: Count
    lastReplyAt: IsoTime | None
    editedAt: IsoTime | None
    deletedAt: IsoTime | None
    reactions: dict[str, list[ShownUserId]]
    readBy: Count
    createdAt: IsoTime
    isEncrypted: bool
    encryptionMetadata: NotRequired[Any]


class Conversation(TypedDict):
    """`encryptionKey` is of the contract; keys of workspaces leave the server never."""

    id: str
    workspaceId: str
    type: ConversationType
    name: str | None
    description: str | None
    icon: str | None
    createdById: ShownUserId
    documentId: str | None
    isEncrypted: bool
    encryptionKey: None
    keyEpoch: Sequence
    createdAt: IsoTime
    updatedAt: IsoTime
    role: ConversationRole | None
    members: list[ConversationMember]


class ListedConversation(Conversation):
    unreadCount: Count
    lastMessage: Message | None


class OneConversation(Good):
    conversation: Conversation


class Conversations(Good):
    conversations: list[ListedConversation]
    nextCursor: str | None


class OfConversation(Good):
    conversationId: str


class RemovedMember(OfConversation):
    userId: ShownUserId


class ReadConversation(OfConversation):
    lastReadAt: IsoTime | None
    unreadCount: Count


class UnreadCounts(Good):
    total: Count
    conversations: dict[str, Count]


# --- messages ---


class OneMessage(Good):
    message: Message


class Messages(Good):
    messages: list[Message]
    hasMore: bool
    nextCursor: str | None


class DeletedMessage(OfConversation):
    messageId: str
    deletedAt: IsoTime | None
