"""The shapes of what secure chat answers, for the type checker and the documentation."""

from typing import Annotated, Any, Generic, Literal, NotRequired, TypedDict, TypeVar

from msgspec import Meta

from server.transports.api import IsoTime, ShownUserId, Success

Data = TypeVar("Data")

KEY_EXAMPLE = "dGhlc2UgYXJlIG5vdCBrZXlzLCBidXQgMzIgYnl0ZXM="

Key = Annotated[str, Meta(min_length=44, max_length=44, examples=[KEY_EXAMPLE])]
"""32 bytes in base64."""

Signature = Annotated[str, Meta(min_length=88, max_length=88)]
"""64 bytes in base64."""

Role = Literal["owner", "admin", "member"]
RoomType = Annotated[str, Meta(extra_json_schema={"enum": ["direct", "group"]})]
DeliveryStatus = Literal["sent", "delivered", "read"]


class Envelope(Success, Generic[Data]):
    """Every good answer."""

    data: Data
    message: NotRequired[str]


class Nothing(TypedDict):
    """An object without fields."""


class OfUser(TypedDict):
    userId: ShownUserId


# --- accounts ---


class SignedUp(TypedDict):
    userId: str
    username: str
    email: str
    displayName: str


class TokenPair(TypedDict):
    """The access token is good until `expiresAt`; the refresh token once."""

    accessToken: str
    refreshToken: str
    expiresAt: IsoTime


class LoggedIn(TypedDict):
    """With tokens if the device is known, else with what registers its keys."""

    userId: str
    username: str
    deviceId: str
    requiresKeyRegistration: bool
    passwordChangeRequired: NotRequired[bool]
    registrationToken: NotRequired[str]
    accessToken: NotRequired[str]
    refreshToken: NotRequired[str]
    expiresAt: NotRequired[IsoTime]


class Device(TypedDict):
    deviceId: str
    deviceName: str
    deviceType: str
    createdAt: IsoTime
    lastSeenAt: IsoTime
    current: bool


class Devices(TypedDict):
    devices: list[Device]


class OfDevice(TypedDict):
    deviceId: str


class Block(TypedDict):
    userId: ShownUserId
    blockedAt: IsoTime


class Blocks(TypedDict):
    blocks: list[Block]


class Account(TypedDict):
    userId: str
    username: str
    email: str
    displayName: str
    createdAt: IsoTime
    bannedAt: IsoTime | None
    operator: bool


class Accounts(TypedDict):
    accounts: list[Account]
    next: str | None


class RevokedDevices(TypedDict):
    userId: ShownUserId
    revoked: list[str]


class TemporaryPassword(TypedDict):
    userId: ShownUserId
    temporaryPassword: str


# --- keys ---


class Registered(TypedDict):
    success: bool
    deviceId: str
    userId: ShownUserId
    publicKey: Key
    accessToken: str
    refreshToken: str
    expiresAt: IsoTime


class OneTimePreKey(TypedDict):
    keyId: int
    publicKey: Key


class SignedPreKeyShown(TypedDict):
    keyId: int
    publicKey: Key
    signature: Signature
    timestamp: IsoTime


class DeviceKeys(TypedDict):
    deviceId: str
    publicKey: Key
    keyVersion: int
    verified: bool
    signedPreKey: SignedPreKeyShown
    oneTimePreKey: OneTimePreKey | None


class Bundle(TypedDict):
    """`verified` is false unless the identity key has signed all of the signed prekeys."""

    userId: ShownUserId
    identityPublicKey: Key
    identityKeyType: Literal["ed25519", "x25519"]
    identityKeySince: IsoTime
    verified: bool
    devices: list[DeviceKeys]


class PreKeysKept(TypedDict):
    accepted: int
    skipped: list[int]
    available: int


class Rotated(PreKeysKept):
    publicKey: Key
    keyVersion: int


class PreKeyStats(TypedDict):
    total: int
    available: int
    used: int
    expired: int


class Removed(TypedDict):
    removed: int


# --- messages ---


class _Sent(TypedDict):
    messageId: str
    senderId: ShownUserId
    recipientId: NotRequired[ShownUserId]
    messageType: str
    encryptedContent: str | None
    deliveryStatus: DeliveryStatus
    createdAt: IsoTime


class SentMessage(_Sent):
    """With `recipientId` or `roomId`, as it was sent."""

    roomId: NotRequired[str]


class Message(TypedDict):
    """What was deleted has neither content nor metadata."""

    messageId: str
    roomId: str
    seq: int
    senderId: ShownUserId
    senderDeviceId: str | None
    recipientId: ShownUserId | None
    messageType: str
    encryptedContent: str | None
    encryptionMetadata: Any
    deliveryStatus: DeliveryStatus
    deliveredTo: int
    readBy: int
    createdAt: IsoTime
    expiresAt: IsoTime | None
    deleted: bool
    deletedAt: NotRequired[IsoTime]


class Messages(TypedDict):
    messages: list[Message]
    hasMore: bool


class MessagesFurther(Messages):
    """`next` is where the following page begins."""

    next: str | None


class Participant(TypedDict):
    userId: ShownUserId
    username: str
    displayName: str
    role: Role
    joinedAt: IsoTime


class Conversation(TypedDict):
    roomId: str
    type: RoomType
    name: str | None
    participants: list[Participant]
    lastMessage: Message | None
    unreadCount: int
    updatedAt: IsoTime


class Conversations(TypedDict):
    conversations: list[Conversation]
    next: str | None


class MessageStatus(TypedDict):
    messageId: str
    deliveryStatus: Literal["delivered", "read"]


class StatusesSet(TypedDict):
    updated: int
    notFound: list[str]


class DeletedMessage(TypedDict):
    messageId: str
    roomId: str
    deletedAt: IsoTime | None


# --- rooms ---


class Room(TypedDict):
    roomId: str
    name: str
    description: str
    type: RoomType
    createdBy: ShownUserId
    role: Role | None
    participants: list[Participant]
    messageTtlSeconds: int
    seq: int
    createdAt: IsoTime
    updatedAt: IsoTime


class ListedRoom(Room):
    unreadCount: int


class Rooms(TypedDict):
    rooms: list[ListedRoom]
    next: str | None


class OfRoom(TypedDict):
    roomId: str


class RemovedParticipant(TypedDict):
    roomId: str
    userId: ShownUserId


# --- frames ---


class MessageSentFrame(_Sent):
    """With `recipientId` if it was sent to a user."""

    type: Literal["message_sent"]
    roomId: str
    seq: int


class _Noted(TypedDict):
    messageIds: list[str]
    notFound: list[str]


class DeliveryNotedFrame(_Noted):
    type: Literal["delivery_receipt_ack"]


class ReadNotedFrame(_Noted):
    type: Literal["read_receipt_ack"]


class OnlineFrame(TypedDict):
    """The answer to `presence`."""

    type: Literal["presence"]
    online: list[ShownUserId]


class HeartbeatFrame(TypedDict):
    type: Literal["heartbeat_ack"]


class NewMessageFrame(TypedDict):
    type: Literal["new_message"]
    message: Message


class ReceiptFrame(TypedDict):
    type: Literal["delivery_receipt", "read_receipt"]
    messageId: str
    roomId: str
    seq: int
    senderId: ShownUserId
    userId: ShownUserId
    timestamp: IsoTime


class MessageEditedFrame(TypedDict):
    type: Literal["message_edited"]
    messageId: str
    roomId: str
    seq: int
    encryptedContent: str
    encryptionMetadata: Any
    editedAt: IsoTime


class MessageDeletedFrame(TypedDict):
    type: Literal["message_deleted"]
    messageId: str
    roomId: str
    seq: int
    userId: ShownUserId
    deletedAt: IsoTime


class RoomChangedFrame(TypedDict):
    type: Literal["room_changed"]
    room: Room


class RoomEndedFrame(TypedDict):
    type: Literal["room_ended"]
    roomId: str
    timestamp: IsoTime


class TypingFrame(TypedDict):
    type: Literal["typing", "stop_typing"]
    roomId: str
    userId: ShownUserId


class DeviceRevokedFrame(TypedDict):
    type: Literal["device_revoked"]
    deviceId: str


class IdentityChangedFrame(TypedDict):
    type: Literal["identity_changed"]
    userId: ShownUserId
    timestamp: IsoTime


class PrekeysLowFrame(TypedDict):
    type: Literal["prekeys_low"]
    remaining: int


class PresenceFrame(TypedDict):
    type: Literal["presence"]
    userId: ShownUserId
    status: Literal["online", "offline"]
    timestamp: IsoTime
