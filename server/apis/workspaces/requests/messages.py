"""What clients may ask of messages."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from server.core.coverage import covered_by
from server.core.errors import AppError, Code
from server.core.ids import FileId, MessageId, RoomId, UserId
from server.core.opaque import Opaque
from server.core.ports.conversations import Device

SeqCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)")]
"""A sequence, as an answer before gave it."""

Emoji = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7f]{1,32}$(?!\n)")]

Attachments = tuple[Any, ...]
"""JSON values of the client's; `Bounds` says how many, and of how many bytes. One that has a
`fileId` is a file of the conversation."""


def named_files(
    attachments: Attachments | None, file_ids: tuple[FileId, ...] | None
) -> tuple[FileId, ...] | None:
    """The files that a message is to have; None if neither of these was said.

    An attachment that names a file in clear has it by that. Where attachments are ciphertext,
    `fileIds` says which files they are of.

    Raises:
        AppError: INVALID_REQUEST.
    """
    if attachments is None and file_ids is None:
        return None
    in_clear = (one.get("fileId") for one in attachments or () if isinstance(one, dict))
    named = [FileId(one) for one in in_clear if isinstance(one, str)]
    if not all(one.isprintable() for one in named):
        raise AppError(Code.INVALID_REQUEST, "that is no id of a file - at `$.attachments`")
    return tuple(dict.fromkeys((*(file_ids or ()), *named)))


class SendMessage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Without an id of the client's the server makes one."""

    conversation_id: RoomId
    content: str
    attachments: Attachments | None = None
    file_ids: tuple[FileId, ...] | None = None
    reply_to_id: MessageId | None = None
    client_message_id: MessageId | None = None
    encryption_metadata: Opaque | None = None
    user_id: UserId | None = None
    sender_id: UserId | None = None

    def __post_init__(self) -> None:
        _covered(self.encryption_metadata)

    @property
    def covered(self) -> frozenset[Device] | None:
        """The devices that the message is encrypted for; None if it does not say."""
        return _covered(self.encryption_metadata)


def _covered(metadata: Opaque | None) -> frozenset[Device] | None:
    is_object = metadata is not None and isinstance(metadata.value, dict)
    return covered_by(metadata) if metadata is not None and is_object else None


class ListMessages(Struct, frozen=True, kw_only=True, rename="camel"):
    """`cursor` is `nextCursor` of the page before: it goes on the same way."""

    conversation_id: RoomId
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: SeqCursor | None = None
    after: SeqCursor | None = None
    cursor: SeqCursor | None = None
    thread_id: MessageId | None = None

    @property
    def goes_forward(self) -> bool:
        """To what was said after a sequence, and not to what was before one."""
        return self.after is not None and self.before is None

    @property
    def upper(self) -> int | None:
        """The sequence before which it is looked."""
        return _seq(self.before if self.goes_forward else self.cursor or self.before)

    @property
    def lower(self) -> int | None:
        """The sequence after which it is looked."""
        return _seq(self.cursor or self.after if self.goes_forward else self.after)


def _seq(given: SeqCursor | None) -> int | None:
    return None if given is None else int(given)


class OfMessage(Struct, frozen=True, kw_only=True, rename="camel"):
    """`conversationId` says which is meant, if several messages have the id."""

    message_id: MessageId
    conversation_id: RoomId | None = None


class EditMessage(OfMessage, frozen=True, kw_only=True, rename="camel"):
    """What is absent stays; files stay if neither `attachments` nor `fileIds` are said."""

    content: str
    attachments: Attachments | None = None
    file_ids: tuple[FileId, ...] | None = None
    encryption_metadata: Opaque | None = None


class React(OfMessage, frozen=True, kw_only=True, rename="camel"):
    """Without `action` it is the other way than it was."""

    emoji: Emoji
    action: Literal["add", "remove"] | None = None
