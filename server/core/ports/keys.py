"""Keys of workspaces as they are changed, and what is sealed under them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import FileId, MessageId, RoomId, WorkspaceId
from server.core.ports.channels import Texts
from server.core.workspaces.values import WrappedKey


class KeyEndedError(AppError):
    """What was to be stored is sealed under a key that has ended: seal it anew."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the key of this workspace has just ended; try again")


Where = tuple[int, str, int]
"""A place among all that is under a key: conversations, messages, files (0, 1, 2); the id of the
conversation or file; the sequence of the message, or 0."""

BEGIN: Where = (0, "", 0)


class SealedRoom(Struct, frozen=True, kw_only=True):
    """What a conversation is called."""

    room_id: RoomId
    texts: Texts

    @property
    def where(self) -> Where:
        return (0, self.room_id, 0)


class SealedPost(Struct, frozen=True, kw_only=True):
    """What a message says.

    Attributes:
        box: None of one that says nothing any more.
        tokens: By which it is to be found.
    """

    room_id: RoomId
    seq: int
    message_id: MessageId
    edits: int
    box: str | None
    tokens: tuple[str, ...] = ()

    @property
    def where(self) -> Where:
        return (1, self.room_id, self.seq)


class SealedFile(Struct, frozen=True, kw_only=True):
    """The key of a file, and what it is called."""

    file_id: FileId
    room_id: RoomId
    wrapped_key: bytes
    details: str

    @property
    def where(self) -> Where:
        return (2, self.file_id, 0)


class Sealed(Struct, frozen=True, kw_only=True):
    """Some of what is sealed under a key."""

    key: WrappedKey
    rooms: tuple[SealedRoom, ...] = ()
    posts: tuple[SealedPost, ...] = ()
    files: tuple[SealedFile, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.things

    @property
    def things(self) -> tuple[SealedRoom | SealedPost | SealedFile, ...]:
        """All of it, in order of their places."""
        return self.rooms + self.posts + self.files


class KeyStore(Protocol):
    """Keys of workspaces: the newest, and older ones until nothing is sealed under them.

    Whatever a key is named by has that key. For nobody in particular.
    """

    async def newest(self, workspace_id: WorkspaceId) -> tuple[WrappedKey, str]:
        """The newest key of a workspace, and the workspace's name, sealed under it.

        Raises:
            AppError: NOT_FOUND.
        """
        ...

    async def rotate(self, old: WrappedKey, new: WrappedKey, name: str, now_ms: int) -> bool:
        """Have everything sealed under another key from now on.

        Args:
            name: Of the workspace, under the new key.

        Returns:
            False if the old one is the newest no more.
        """
        ...

    async def aged(self, before_ms: int, limit: int) -> tuple[WorkspaceId, ...]:
        """Workspaces whose newest key was made before then, the oldest first."""
        ...

    async def retired(self) -> tuple[WrappedKey, ...]:
        """Keys that are the newest no more, those that have been for the longest time first."""
        ...

    async def under(self, key: WrappedKey, limit: int, after: Where = BEGIN) -> Sealed:
        """Some of what is sealed under a key, after a place; nothing if nothing more is."""
        ...

    async def reseal(self, old: Sealed, new: Sealed) -> int:
        """Keep things under another key: as many as have not changed meanwhile.

        Args:
            new: The same things, in the same order.

        Raises:
            KeyEndedError: The other key has ended.
        """
        ...

    async def end(self, before_ms: int) -> int:
        """Delete keys that were retired before then, if nothing is under them: how many."""
        ...

    async def keys(
        self, after: tuple[WorkspaceId, int] | None, limit: int
    ) -> tuple[WrappedKey, ...]:
        """All of them, in the order of workspaces and versions."""
        ...

    async def masters(self) -> Mapping[bytes, int]:
        """By names of master keys, how many keys are under each."""
        ...

    async def rewrap(self, keys: Sequence[WrappedKey]) -> None:
        """Keep the same keys under another master key."""
        ...
