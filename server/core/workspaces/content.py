"""What messages of workspaces say: as it is wished, as it is stored, and as it is read."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import FileId, MessageId, RoomId
from server.core.limits import Bounds
from server.core.ports.channels import Place
from server.core.ports.conversations import Device
from server.core.workspaces.attachments import Attachments, attachments_in, with_attachments
from server.core.workspaces.values import Post
from server.core.workspaces.vault import Vault, of_message


class PostWish(Struct, frozen=True, kw_only=True):
    """A message as somebody wants it sent.

    Attributes:
        content: A text; or ciphertext, where the conversation is opaque.
        file_ids: Files of this conversation, of this user, which the message is to have.
        metadata: The text of a JSON value, which only an opaque message has.
        covered: The devices that an opaque message is encrypted for; None if it does not say.
    """

    room_id: RoomId
    content: str
    attachments: Attachments = ()
    file_ids: tuple[FileId, ...] = ()
    message_id: MessageId | None = None
    reply_to: MessageId | None = None
    metadata: bytes | None = None
    covered: frozenset[Device] | None = None


class EditWish(Struct, frozen=True, kw_only=True):
    """What a message is to say from now on; what is None it keeps."""

    content: str
    attachments: Attachments | None = None
    file_ids: tuple[FileId, ...] | None = None
    metadata: bytes | None = None


class OpenPost(Struct, frozen=True, kw_only=True):
    """A message that can be read: as its client wrote it.

    Attributes:
        content: None of what was deleted, and of what is damaged, which the log says.
    """

    post: Post
    content: str | None
    attachments: Attachments = ()


class Said(Struct, frozen=True, kw_only=True):
    """What a message says, as it is stored."""

    ciphertext: str
    metadata: bytes | None
    key_version: int | None
    tokens: tuple[str, ...]


class Contents:
    """Seals what messages say, where clients do not encrypt it, and opens it; asks no store."""

    def __init__(self, bounds: Bounds, vault: Vault) -> None:
        self._bounds = bounds
        self._vault = vault

    def said(self, place: Place, message_id: MessageId, edits: int, wish: PostWish) -> Said:
        """What a message says, sealed for its place if we seal it."""
        self._check_size(wish, is_sealed=place.key is not None)
        if place.key is None:
            metadata = with_attachments(wish.metadata, wish.attachments)
            limit = self._bounds.metadata_bytes
            _check_bytes("metadata and attachments have", len(metadata or b""), limit)
            return Said(
                ciphertext=wish.content,
                metadata=metadata,
                key_version=None,
                tokens=(),
            )
        where = of_message(place.workspace_id, place.room_id, message_id, edits)
        plain = msgspec.json.encode([wish.content, list(wish.attachments)])  # see `_in_box`
        return Said(
            ciphertext=self._vault.seal(place.key, where, plain),
            metadata=None,
            key_version=place.key.version,
            tokens=self._vault.tokens(place.key, wish.content),
        )

    def opened(self, post: Post) -> OpenPost:
        """A message that can be read.

        Raises:
            AppError: INTERNAL if the key of its workspace cannot be had.
        """
        said = post.message
        if said.ciphertext is None:
            return OpenPost(post=post, content=None)
        if post.key is None:
            return OpenPost(
                post=post, content=said.ciphertext, attachments=attachments_in(said.metadata)
            )
        where = of_message(post.key.workspace_id, said.room_id, said.message_id, post.edits)
        plain = self._vault.read(post.key, where, said.ciphertext)
        if plain is None:
            return OpenPost(post=post, content=None)
        content, attachments = _in_box(plain)
        return OpenPost(post=post, content=content, attachments=tuple(attachments))

    def _check_size(self, wish: PostWish, *, is_sealed: bool) -> None:
        bounds = self._bounds
        limit = bounds.post_bytes if is_sealed else bounds.ciphertext_bytes
        _check_bytes("it has", len(wish.content.encode()), limit)
        if len(wish.attachments) > bounds.attachments:
            raise AppError(Code.INVALID_REQUEST, f"{bounds.attachments} attachments are the most")
        size_bytes = len(msgspec.json.encode(wish.attachments))
        _check_bytes("its attachments have", size_bytes, bounds.attachments_bytes)

    def check_files(self, file_ids: Sequence[FileId]) -> None:
        if len(file_ids) > self._bounds.attachments:
            most = self._bounds.attachments
            raise AppError(Code.INVALID_REQUEST, f"a message has {most} files at most")


def _in_box(plain: bytes) -> tuple[str, list[Any]]:
    """Content and attachments of a sealed message."""
    content, attachments = msgspec.json.decode(plain)
    return content, attachments


def text_in(plain: bytes) -> str:
    """The text of a sealed message, which has its words."""
    return _in_box(plain)[0]


def _check_bytes(what: str, size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        problem = f"{what} {size_bytes} bytes, and {limit_bytes} are the most"
        raise AppError(Code.PAYLOAD_TOO_LARGE, problem)
